-- What an answer is made of and what is said about it: metadata, timing, traces, usage, budgets, feedback.

alter table conversations add column is_archived boolean not null default false;

-- A question carries what was understood of it, an answer how it came about.
alter table messages
    add column rephrased_query text check (length(rephrased_query) <= 20000),
    add column tone text check (length(tone) <= 50),
    add column behavior text check (length(behavior) <= 50),
    add column context_type text check (length(context_type) <= 50),
    add column signal_strength real check (signal_strength between 0 and 1),
    add column context_clarity real check (context_clarity between 0 and 1),
    add column needs_knowledge boolean,
    add column thinking text check (length(thinking) <= 200000),
    add column prompts jsonb not null default '[]' check (jsonb_typeof(prompts) = 'array'),
    add column prompt_tokens integer check (prompt_tokens >= 0),
    add column completion_tokens integer check (completion_tokens >= 0),
    add column cost_usd numeric(14, 8) check (cost_usd >= 0),
    add column invented_citations integer not null default 0 check (invented_citations >= 0),
    add column is_mistake boolean not null default false,
    add column mistake_note text check (length(mistake_note) <= 2000),
    add check (mistake_note is null or is_mistake);
grant update (rephrased_query, tone, behavior, context_type, signal_strength, context_clarity, needs_knowledge,
              is_mistake, mistake_note) on messages to alcove_app;
create index messages_mistakes on messages (user_id, id desc) where is_mistake;
create index messages_parent on messages (parent_message_id);

-- How long each stage of a job took. Stages of one attempt never overlap, except `total`, which spans them.
create table timing (
    job_id uuid not null,
    attempt integer not null check (attempt > 0),
    stage text not null check (length(stage) between 1 and 50),
    user_id uuid not null,
    started_at timestamptz not null,
    milliseconds double precision not null check (milliseconds >= 0),
    primary key (job_id, attempt, stage),
    foreign key (job_id, user_id) references llm_jobs (id, user_id) on delete cascade on update cascade
);
call protect('timing');

-- What a job did, step by step.
create table agent_traces (
    id uuid primary key default uuidv7(),
    job_id uuid not null,
    user_id uuid not null,
    pipeline text not null check (length(pipeline) <= 100),
    model text not null check (length(model) <= 200),
    status text not null check (status in ('completed', 'failed', 'cancelled')),
    events jsonb not null default '[]' check (jsonb_typeof(events) = 'array' and length(events::text) <= 1000000),
    total_tool_calls integer not null default 0 check (total_tool_calls >= 0),
    total_tokens_used integer not null default 0 check (total_tokens_used >= 0),
    total_duration_ms double precision not null check (total_duration_ms >= 0),
    started_at timestamptz not null,
    completed_at timestamptz not null default now(),
    unique (job_id),
    unique (id, user_id),
    foreign key (job_id, user_id) references llm_jobs (id, user_id) on delete cascade on update cascade
);
call protect('agent_traces');

create table agent_tool_calls (
    id uuid primary key default uuidv7(),
    trace_id uuid not null,
    user_id uuid not null,
    step_number integer not null check (step_number > 0),
    tool_name text not null check (length(tool_name) <= 100),
    tool_args jsonb not null check (length(tool_args::text) <= 100000),
    tool_result text not null check (length(tool_result) <= 100000),
    failed boolean not null default false,
    milliseconds double precision not null check (milliseconds >= 0),
    started_at timestamptz not null,
    unique (trace_id, step_number),
    foreign key (trace_id, user_id) references agent_traces (id, user_id) on delete cascade on update cascade
);
call protect('agent_tool_calls');

-- What answering consumed; the bill of a month. It outlives the conversation.
create table usage (
    id uuid primary key default uuidv7(),
    user_id uuid not null references users on delete cascade,
    job_id uuid not null,
    model text not null check (length(model) <= 200),
    provider text not null check (length(provider) <= 50),
    key_owner text check (key_owner in ('user', 'registry')),
    prompt_tokens integer not null check (prompt_tokens >= 0),
    completion_tokens integer not null check (completion_tokens >= 0),
    is_estimated boolean not null default false,
    cost_usd numeric(14, 8) not null check (cost_usd >= 0),
    created_at timestamptz not null default now()
) partition by range (id);
create index usage_user on usage (user_id, id desc);
call protect('usage');

-- A like or a dislike, one of them and once; and any number of comments.
create table feedback (
    id uuid primary key default uuidv7(),
    message_id uuid not null,
    conversation_id uuid not null,
    user_id uuid not null,
    kind text not null check (kind in ('like', 'dislike', 'comment')),
    reasons text[] not null default '{}'
        check (reasons <@ array['incorrect', 'unhelpful', 'inappropriate', 'incomplete', 'wrong_source', 'other']),
    comment text check (length(comment) between 1 and 4000),
    created_at timestamptz not null default now(),
    check (kind <> 'comment' or comment is not null),
    foreign key (message_id, conversation_id, user_id) references messages (id, conversation_id, user_id)
        on delete cascade on update cascade
);
create unique index feedback_one_vote on feedback (message_id) where kind <> 'comment';
create index feedback_message on feedback (message_id, id);
call protect('feedback');

-- What a user, or each member of a group, may cost in a calendar month (UTC). Neither set: no limit.
create table budgets (
    id uuid primary key default uuidv7(),
    user_id uuid unique references users on delete cascade,
    group_id uuid unique references groups on delete cascade,
    monthly_cost_usd numeric(12, 4) check (monthly_cost_usd >= 0),
    monthly_tokens bigint check (monthly_tokens >= 0),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    check ((user_id is null) <> (group_id is null)),
    check (monthly_cost_usd is not null or monthly_tokens is not null)
);
create trigger touch before update on budgets for each row execute function touch_updated_at();
call protect('budgets');
create policy read on budgets for select to alcove_app using (
    (select app_is_admin()) or user_id = (select app_user_id())
    or group_id in (select m.group_id from memberships m where m.user_id = app_user_id()));
create policy add on budgets for insert to alcove_app with check ((select app_is_admin()));
create policy change on budgets for update to alcove_app using ((select app_is_admin()));
create policy remove on budgets for delete to alcove_app using ((select app_is_admin()));
grant select, insert, update, delete on budgets to alcove_app;

do $$
declare
    target text;
begin
    foreach target in array array['timing', 'agent_traces', 'agent_tool_calls', 'usage', 'feedback'] loop
        execute format('create policy read on %I for select to alcove_app using (user_id = (select app_user_id()))', target);
        execute format('create policy add on %I for insert to alcove_app with check (user_id = (select app_user_id()))', target);
        execute format('grant select, insert on %I to alcove_app', target);
    end loop;
end
$$;
create policy remove on feedback for delete to alcove_app using (user_id = (select app_user_id()));
grant delete on feedback to alcove_app;

-- What the caller used this month, and the tightest budget that holds for the caller: a group's holds for each member.
create function spent_this_month()
    returns table (cost_usd numeric, tokens numeric, allowed_cost_usd numeric, allowed_tokens bigint)
    language sql stable parallel safe
    begin atomic
        select coalesce(u.cost_usd, 0), coalesce(u.tokens, 0), b.cost_usd, b.tokens
          from (select sum(w.cost_usd) filter (where w.key_owner is distinct from 'user') as cost_usd,
                       sum(w.prompt_tokens + w.completion_tokens) as tokens
                  from usage w
                 where w.user_id = app_user_id()
                   and w.id >= uuid_floor(date_trunc('month', now() at time zone 'UTC') at time zone 'UTC')) u,
               (select min(g.monthly_cost_usd) as cost_usd, min(g.monthly_tokens) as tokens from budgets g
                 where g.user_id = app_user_id()
                    or g.group_id in (select m.group_id from memberships m where m.user_id = app_user_id())) b;
    end;
grant execute on function spent_this_month() to alcove_app;

-- An administrator's order of the queue: null when there is no such job, false when it has ended.
create function prioritise_job(wanted uuid, new_priority integer) returns boolean
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    waits boolean;
begin
    if not app_is_admin() then
        return null;
    end if;
    update llm_jobs set priority = new_priority where id = wanted
    returning status in ('pending', 'processing') into waits;
    if waits then
        update llm_queue set priority = new_priority where job_id = wanted;
    end if;
    return waits;
end
$$;

-- The queue in numbers. Waits are of jobs that were started in the last hour, in milliseconds.
create function queue_statistics()
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
create index llm_jobs_started on llm_jobs (started_at);
create index llm_jobs_finished on llm_jobs (finished_at);
grant execute on function prioritise_job(uuid, integer), queue_statistics() to alcove_app;

select ensure_partitions();
