-- Evaluations that tick goes on with.

-- The runs that have questions to ask or answers to measure, those first that tick has not looked at for longest, with
-- their users.
create or replace function unfinished_evals(most integer) returns table (run_id uuid, user_id uuid)
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        update eval_runs r set advanced_at = now()
         where r.id in (select w.id from eval_runs w join users u on u.id = w.user_id
                         where u.is_active
                           and (w.status = 'running'
                                or exists (select from eval_results e where e.run_id = w.id and e.status = 'pending'))
                         order by w.advanced_at limit most for update of w skip locked)
        returning r.id, r.user_id;
    end;
grant execute on function unfinished_evals(integer) to alcove_app;

-- Schedules whose time has come, with their users; the earliest first.
create or replace function due_eval_schedules(most integer) returns table (schedule_id uuid, user_id uuid)
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select s.id, s.user_id
          from eval_schedules s join users u on u.id = s.user_id
         where u.is_active and s.next_run_at <= now()
         order by s.next_run_at limit most;
    end;
grant execute on function due_eval_schedules(integer) to alcove_app;

-- When the next schedule is due, null without any.
create or replace function next_eval_schedule() returns timestamptz
    language sql stable security definer set search_path = public, pg_temp
    return (select min(s.next_run_at) from eval_schedules s join users u on u.id = s.user_id where u.is_active);
grant execute on function next_eval_schedule() to alcove_app;
