drop function queue_position(uuid);
drop view queue_order;
create view queue_order as
    select q.job_id, q.user_id,
           row_number() over (order by q.priority desc, q.turn, q.served_at nulls first, q.enqueued_at, q.job_id) as position
      from (select w.*,
                   row_number() over (partition by w.user_id order by w.priority desc, w.enqueued_at, w.job_id)
                   + (select count(*) from llm_queue r where r.user_id = w.user_id and r.leased_until > now()) as turn,
                   (select max(j.started_at) from llm_jobs j where j.user_id = w.user_id) as served_at
              from llm_queue w
             where (w.leased_until is null or w.leased_until <= now()) and w.available_at <= now()) q;
create function queue_position(wanted uuid) returns integer
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select position::integer from queue_order where job_id = wanted and user_id = app_user_id();
    end;
grant execute on function queue_position(uuid) to alcove_app;
create or replace function claim_job(token uuid, lease interval)
    returns table (job_id uuid, user_id uuid, attempt integer)
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    chosen uuid;
begin
    select q.job_id into chosen
      from llm_queue q join (select o.job_id, o.position from queue_order o order by o.position limit 32) o
        on o.job_id = q.job_id
     where q.leased_until is null or q.leased_until <= now()
     order by o.position limit 1 for update of q skip locked;
    if not found then
        return;
    end if;
    return query
        update llm_queue q set lease_token = token, leased_until = now() + lease, attempts = q.attempts + 1
         where q.job_id = chosen returning q.job_id, q.user_id, q.attempts;
end
$$;
drop table queue_turns;
drop function keep_queue_clock();
drop trigger guard_account on users;
create trigger guard_account before update on users for each row
    when ((old.is_admin, old.is_active, old.failed_logins, old.locked_until)
          is distinct from (new.is_admin, new.is_active, new.failed_logins, new.locked_until))
    execute function guard_account();
alter table users drop column queue_weight;
