-- part: shown
select s.id, s.set_id, s.name, s.configuration, s.budget_usd::float8 as budget_usd, s.schedule, s.next_run_at, s.last_run_id,
       s.error_message, s.created_at
  from eval_schedules s

-- name: create
insert into eval_schedules (set_id, name, configuration, budget_usd, schedule, next_run_at)
select %(set_id)s, %(name)s, %(configuration)s, %(budget_usd)s, %(schedule)s, %(next_run_at)s
 where (select count(*) from eval_schedules) < %(most)s
returning id

-- name: get
{{shown}} where s.id = %(id)s

-- name: list
{{shown}}
 where %(after)s::uuid is null or s.id < %(after)s::uuid
 order by s.id desc limit %(limit)s

-- name: delete
delete from eval_schedules where id = %(id)s

-- name: lock_due
{{shown}} where s.id = %(id)s and s.next_run_at <= now() for update skip locked

-- name: is_running
select exists (select from eval_runs r where r.id = %(id)s and r.status = 'running')

-- name: advance
update eval_schedules
   set next_run_at = %(next_run_at)s, last_run_id = coalesce(%(run_id)s, last_run_id), error_message = %(error_message)s
 where id = %(id)s
