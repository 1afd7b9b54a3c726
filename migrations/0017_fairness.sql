-- Fair queueing with weights: under contention a user of weight w is served w times as often as one of weight 1.

alter table users add column queue_weight integer not null default 1 check (queue_weight between 1 and 10);
grant select (queue_weight), update (queue_weight) on users to alcove_app;
drop trigger guard_account on users;
create trigger guard_account before update on users for each row
    when ((old.is_admin, old.is_active, old.failed_logins, old.locked_until, old.queue_weight)
          is distinct from (new.is_admin, new.is_active, new.failed_logins, new.locked_until, new.queue_weight))
    execute function guard_account();

-- How far each user has been served in each priority, in virtual time (start-time fair queueing; Goyal, Vin, Cheng
-- 1996). A claim costs its user 2520 / weight: 2520 is the least common multiple of 1..10, so every turn is exact.
-- The largest `turn` of a priority is its clock; the row without a user keeps it when users are deleted.
create table queue_turns (
    user_id uuid references users on delete cascade,
    priority integer not null,
    turn bigint not null,
    next_turn bigint not null check (next_turn >= turn),
    served_at timestamptz not null default clock_timestamp(),
    unique nulls not distinct (user_id, priority)
);
create index queue_turns_clock on queue_turns (priority, turn);
call protect('queue_turns');

-- A clock that went back would let those who come now overtake those who wait.
create function keep_queue_clock() returns trigger
    language plpgsql set search_path = public, pg_temp
    as $$
begin
    insert into queue_turns as t (user_id, priority, turn, next_turn)
    values (null, old.priority, old.turn, old.turn)
    on conflict (user_id, priority) do update
       set turn = greatest(t.turn, excluded.turn), next_turn = greatest(t.turn, excluded.turn);
    return null;
end
$$;
create trigger keep_queue_clock after delete on queue_turns for each row execute function keep_queue_clock();

-- The order of the queue: priority, then turn, then whose user was served longest ago, then age. The turn of a user's
-- first waiting job is where that user stands, or the clock when that is later (nobody saves up turns); each further
-- one comes 2520 / weight after it. docs/queue.md states how long that lets anybody wait.
create or replace view queue_order as
    with clock as materialized (
        select p.priority, (select max(s.turn) from queue_turns s where s.priority = p.priority) as turn
          from (select distinct priority from llm_queue) p)
    select w.job_id, w.user_id,
           row_number() over (order by w.priority desc, w.turn, w.served_at nulls first, w.enqueued_at, w.job_id) as position,
           w.priority, w.turn, w.cost
      from (select q.job_id, q.user_id, q.priority, q.enqueued_at, t.served_at, 2520 / u.queue_weight as cost,
                   greatest(t.next_turn, c.turn, 0)
                   + 2520 / u.queue_weight * (row_number() over (partition by q.user_id, q.priority
                                                                     order by q.enqueued_at, q.job_id) - 1) as turn
              from llm_queue q
              join users u on u.id = q.user_id
              join clock c on c.priority = q.priority
              left join queue_turns t on t.user_id = q.user_id and t.priority = q.priority
             where (q.leased_until is null or q.leased_until <= now()) and q.available_at <= now()) w;

-- The next job for a worker, leased to it; its user's turn is taken. A job whose lease ran out is free again: its
-- worker is dead.
create or replace function claim_job(token uuid, lease interval)
    returns table (job_id uuid, user_id uuid, attempt integer)
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    chosen record;
begin
    select q.job_id, o.user_id, o.priority, o.turn, o.cost into chosen
      from llm_queue q join queue_order o on o.job_id = q.job_id
     where (q.leased_until is null or q.leased_until <= now()) and q.available_at <= now()
     order by o.position limit 1 for update of q skip locked;
    if not found then
        return;
    end if;
    insert into queue_turns as t (user_id, priority, turn, next_turn)
    values (chosen.user_id, chosen.priority, chosen.turn, chosen.turn + chosen.cost)
    on conflict on constraint queue_turns_user_id_priority_key do update
       set turn = greatest(t.turn, excluded.turn), next_turn = greatest(t.next_turn, excluded.next_turn),
           served_at = excluded.served_at;
    return query
        update llm_queue q set lease_token = token, leased_until = now() + lease, attempts = q.attempts + 1
         where q.job_id = chosen.job_id returning q.job_id, q.user_id, q.attempts;
end
$$;
