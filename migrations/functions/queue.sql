-- The queue of jobs: their order, claims, repairs and numbers (docs/queue.md).

-- The order of the queue: priority, then turn, then the time since the user was last served, then age. The turn of a
-- user's first waiting job is the user's next turn, or the clock when that is later (turns cannot be saved up); each
-- further job comes 2520 / weight after it. docs/queue.md states the bound of a wait.
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
             where (q.leased_until is null or q.leased_until <= now()) and q.available_at <= now()
               and not is_blocked(q.follows_question_id)) w;

create or replace function queue_position(queued_job uuid) returns integer
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select position::integer from queue_order where job_id = queued_job and user_id = app_user_id();
    end;
grant execute on function queue_position(uuid) to alcove_app;

-- The number of jobs in the queue: the caller's and all. Counts only.
create or replace function queue_load() returns table (mine integer, total integer)
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select count(*) filter (where user_id = app_user_id())::integer, count(*)::integer from llm_queue;
    end;
grant execute on function queue_load() to alcove_app;

-- How many jobs of one user may be answered at once. 0: any number.
create or replace function jobs_per_user() returns integer
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select coalesce(d.jobs_per_user, s.jobs_per_user)::integer from dynamic_config d, static_config s;
    end;

-- The users of whom no further job may be answered now.
create or replace view users_at_work as
    select q.user_id from llm_queue q where q.leased_until > now() and jobs_per_user() > 0
     group by q.user_id having count(*) >= jobs_per_user();

-- Whether jobs of a user wait that may be answered now: the worker that ends a job of the user sends a wake-up for them,
-- because their own may have come while the user was at the limit.
create or replace function has_deferred_jobs(asker uuid) returns boolean
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select jobs_per_user() > 0
               and exists (select from llm_queue q
                            where q.user_id = asker and (q.leased_until is null or q.leased_until <= now())
                              and q.available_at <= now() and not is_blocked(q.follows_question_id))
               and not exists (select from users_at_work w where w.user_id = asker);
    end;
grant execute on function has_deferred_jobs(uuid) to alcove_app;

-- Claims the next job for a worker with a lease, and advances the turn of its user. A job with an expired lease is free
-- again, because its worker is dead. Jobs of a user who is at the limit wait, whoever else waits or not, so that a
-- newcomer finds a worker.
create or replace function claim_job(token uuid, lease interval)
    returns table (job_id uuid, user_id uuid, attempt integer)
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    next_job record;
begin
    loop
        select q.job_id, o.user_id, o.priority, o.turn, o.cost into next_job
          from llm_queue q join queue_order o on o.job_id = q.job_id
         where (q.leased_until is null or q.leased_until <= now()) and q.available_at <= now()
           and q.user_id not in (select w.user_id from users_at_work w)
         order by o.position limit 1 for update of q skip locked;
        if not found then
            return;
        end if;
        -- Other workers may claim jobs of the same user at this moment: one after the other, they look again.
        perform pg_advisory_xact_lock(hashtextextended('alcove.claims:' || next_job.user_id, 0));
        exit when not exists (select from users_at_work w where w.user_id = next_job.user_id);
    end loop;
    insert into queue_turns as t (user_id, priority, turn, next_turn)
    values (next_job.user_id, next_job.priority, next_job.turn, next_job.turn + next_job.cost)
    on conflict on constraint queue_turns_user_id_priority_key do update
       set turn = greatest(t.turn, excluded.turn), next_turn = greatest(t.next_turn, excluded.next_turn),
           served_at = excluded.served_at;
    return query
        update llm_queue q set lease_token = token, leased_until = now() + lease, attempts = q.attempts + 1
         where q.job_id = next_job.job_id returning q.job_id, q.user_id, q.attempts;
end
$$;
grant execute on function claim_job(uuid, interval) to alcove_app;

-- Whether jobs are waiting. A worker indexes messages only when none are.
create or replace function has_waiting_jobs() returns boolean
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select exists (select from llm_queue
                        where (leased_until is null or leased_until <= now()) and available_at <= now()
                          and not is_blocked(follows_question_id));
    end;
grant execute on function has_waiting_jobs() to alcove_app;

-- For administrators: changes a job's priority. Null when the job does not exist, false when it has ended.
create or replace function prioritise_job(queued_job uuid, new_priority integer) returns boolean
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    is_unfinished boolean;
begin
    if not app_is_admin() then
        return null;
    end if;
    update llm_jobs set priority = new_priority where id = queued_job
    returning status in ('pending', 'processing') into is_unfinished;
    if is_unfinished then
        update llm_queue set priority = new_priority where job_id = queued_job;
    end if;
    return is_unfinished;
end
$$;
grant execute on function prioritise_job(uuid, integer) to alcove_app;

-- For administrators: everybody's jobs, newest first, in codes and times: no word of a question, an answer or an error.
-- A side of a comparison without a vote hides what answers, for an administrator may be the asker.
create or replace function report_jobs(of_status text, of_model text, after uuid, amount integer)
    returns table (id uuid, user_id uuid, status text, model text, pipeline text, priority integer, attempts integer,
                   error_code text, last_error_code text, created_at timestamptz, started_at timestamptz,
                   finished_at timestamptz)
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select j.id, j.user_id, shown, case when blind then 'hidden' else j.model end,
               case when blind then 'hidden' else j.pipeline end, j.priority, j.attempts, j.error_code, j.last_error_code,
               j.created_at, j.started_at, j.finished_at
          from llm_jobs j, is_blind(j.id) blind, job_status(j.id, j.status) shown
         where app_is_admin() and (after is null or j.id < after)
           -- What is stored as `processing` shows as `pending` when its worker is gone.
           and (of_status is null or shown = of_status and j.status = any (case when of_status in ('pending', 'processing')
                                                                                then array['pending', 'processing']
                                                                                else array[of_status] end))
           and (of_model is null or j.model = of_model and not blind)
         order by j.id desc limit least(amount, 101);
    end;
grant execute on function report_jobs(text, text, uuid, integer) to alcove_app;

-- Ends a claimed job of a deactivated user, whose identity can no longer write. Returns whether it did.
create or replace function end_job_of_inactive_user(claimed_job uuid, token uuid, code text, message text) returns boolean
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    ended llm_jobs;
begin
    delete from llm_queue q using users u
     where q.job_id = claimed_job and q.lease_token = token and u.id = q.user_id and not u.is_active;
    if not found then
        return false;
    end if;
    update llm_jobs set status = 'failed', error_code = code, error_message = message, finished_at = now(),
                        event_count = event_count + 1
     where id = claimed_job returning * into ended;
    insert into job_events (job_id, number, user_id, event, data)
    values (ended.id, ended.event_count, ended.user_id, 'error',
            jsonb_build_object('code', code, 'message', message, 'message_id', null));
    return true;
end
$$;
grant execute on function end_job_of_inactive_user(uuid, uuid, text, text) to alcove_app;

-- Frees jobs without a worker: their lease has expired, or their wake-up was lost. Marks them as woken and returns them,
-- so that the caller resends the wake-ups.
create or replace function free_expired_jobs(grace interval) returns table (job_id uuid)
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        with expired as (
            select q.job_id, q.leased_until is not null as lapsed
              from llm_queue q
             where q.available_at <= now() and not is_blocked(q.follows_question_id)
               and (q.leased_until <= now() or (q.leased_until is null and q.woken_at < now() - grace))
               and q.user_id not in (select w.user_id from users_at_work w)
             order by q.priority desc, q.enqueued_at limit 500
               for update skip locked),
        freed as (
            update llm_queue q set lease_token = null, leased_until = null, woken_at = now()
              from expired where q.job_id = expired.job_id returning q.job_id),
        events as (
            insert into self_healing_events (event_type, severity, description, action_taken, entity_id)
            select case when lapsed then 'lease_lapsed' else 'wakeup_lost' end, 'warning',
                   case when lapsed then 'A job''s worker stopped without finishing it.'
                        else 'A queued job was not picked up in time.' end,
                   'The job was freed and its wake-up sent again.', expired.job_id
              from expired returning 1)
        select freed.job_id from freed;
    end;
grant execute on function free_expired_jobs(interval) to alcove_app;

-- For tick: when free_expired_jobs() has something to do next, null while no job waits.
create or replace function next_job_repair(grace interval) returns timestamptz
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select min(greatest(q.available_at, coalesce(q.leased_until, q.woken_at + grace)))
          from llm_queue q where not is_blocked(q.follows_question_id);
    end;
grant execute on function next_job_repair(interval) to alcove_app;

-- The queue in numbers. Waits are milliseconds of the jobs that were started in the last hour.
create or replace function queue_statistics()
    returns table (waiting bigint, processing bigint, mine bigint, oldest_wait_ms double precision,
                   wait_p50_ms double precision, wait_p95_ms double precision, started_last_hour bigint,
                   finished_last_hour bigint, failed_last_hour bigint)
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        with waits as (
            select count(*) filter (where leased_until is null or leased_until <= now()) as waiting,
                   count(*) filter (where leased_until > now()) as processing,
                   count(*) filter (where user_id = app_user_id()) as mine,
                   extract(epoch from now() - min(enqueued_at) filter (where leased_until is null or leased_until <= now()))
                       * 1000 as oldest_wait_ms
              from llm_queue),
        recent as (
            select percentile_cont(0.5) within group (order by extract(epoch from started_at - created_at) * 1000) as p50,
                   percentile_cont(0.95) within group (order by extract(epoch from started_at - created_at) * 1000) as p95,
                   count(*) as started
              from llm_jobs where started_at > now() - interval '1 hour'),
        ended as (
            select count(*) as finished, count(*) filter (where status = 'failed') as failed
              from llm_jobs where finished_at > now() - interval '1 hour')
        select w.waiting, w.processing, w.mine, w.oldest_wait_ms::float8, r.p50, r.p95, r.started, e.finished, e.failed
          from waits w, recent r, ended e;
    end;
grant execute on function queue_statistics() to alcove_app;

-- For tick: whether every answer of the last quarter of an hour failed, and there were three at least.
create or replace function every_answer_fails() returns boolean
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select count(*) filter (where j.status = 'failed') > 2 and count(*) filter (where j.status = 'completed') = 0
          from llm_jobs j where j.finished_at > now() - interval '15 minutes';
    end;
grant execute on function every_answer_fails() to alcove_app;

-- A user's event stream begins to wait. Returns its id, or null when the user has as many as streams_per_user allows.
-- Without identity, because the identity of an API key that may only read refuses every change.
create or replace function begin_stream(follower uuid, lasts interval) returns uuid
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    most integer;
    started uuid;
begin
    select coalesce(d.streams_per_user, s.streams_per_user) into most from dynamic_config d, static_config s;
    perform pg_advisory_xact_lock(hashtextextended('alcove.streams:' || follower, 0));
    delete from event_streams where user_id = follower and ends_at <= clock_timestamp();
    insert into event_streams (user_id, ends_at)
    select follower, clock_timestamp() + lasts
     where most = 0 or (select count(*) from event_streams e where e.user_id = follower) < most
    returning id into started;
    return started;
end
$$;
grant execute on function begin_stream(uuid, interval) to alcove_app;

create or replace function end_stream(ended uuid) returns void
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        delete from event_streams where id = ended;
    end;
grant execute on function end_stream(uuid) to alcove_app;
