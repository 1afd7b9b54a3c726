-- The conversation: messages, the jobs that answer them, the queue they wait in, the events they tell.

create table conversations (
    id uuid primary key default uuidv7(),
    user_id uuid not null references users on delete cascade,
    title text not null check (length(title) between 1 and 255),
    message_count integer not null default 0,
    last_message_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz,
    unique (id, user_id)
);
create index conversations_user on conversations (user_id, id desc) where deleted_at is null;
create trigger touch before update on conversations for each row execute function touch_updated_at();
call protect('conversations');

create table messages (
    id uuid primary key default uuidv7(),
    conversation_id uuid not null,
    user_id uuid not null,
    parent_message_id uuid,
    role text not null check (role in ('user', 'assistant')),
    content text not null check (length(content) <= 100000),
    sources jsonb not null default '[]',
    pipeline text check (length(pipeline) <= 100),
    model text check (length(model) <= 200),
    created_at timestamptz not null default now(),
    unique (id, conversation_id, user_id),
    foreign key (conversation_id, user_id) references conversations (id, user_id) on delete cascade,
    foreign key (parent_message_id, conversation_id, user_id) references messages (id, conversation_id, user_id)
        on delete cascade
);
create index messages_conversation on messages (conversation_id, id);
call protect('messages');

create function count_message() returns trigger
    language plpgsql security definer set search_path = public, pg_temp
    as $$
begin
    if tg_op = 'INSERT' then
        update conversations set message_count = message_count + 1, last_message_at = new.created_at
         where id = new.conversation_id;
    else
        update conversations set message_count = message_count - 1 where id = old.conversation_id;
    end if;
    return null;
end
$$;
create trigger count_message after insert or delete on messages for each row execute function count_message();

create table llm_jobs (
    id uuid primary key default uuidv7(),
    user_id uuid not null,
    conversation_id uuid not null,
    question_id uuid not null,
    answer_id uuid,
    pipeline text not null default 'qa' check (length(pipeline) <= 100),
    model text not null default 'extractive' check (length(model) <= 200),
    status text not null default 'pending' check (status in ('pending', 'processing', 'completed', 'failed', 'cancelled')),
    priority integer not null default 0 check (priority between -10 and 10),
    attempts integer not null default 0,
    event_count integer not null default 0,
    error_code text check (length(error_code) <= 100),
    error_message text check (length(error_message) <= 2000),
    cancel_requested_at timestamptz,
    started_at timestamptz,
    finished_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (id, user_id),
    foreign key (question_id, conversation_id, user_id) references messages (id, conversation_id, user_id) on delete cascade,
    foreign key (answer_id, conversation_id, user_id) references messages (id, conversation_id, user_id),
    check ((status = 'failed') = (error_code is not null)),
    check ((status in ('completed', 'failed', 'cancelled')) = (finished_at is not null))
);
create index llm_jobs_conversation on llm_jobs (conversation_id, id);
create index llm_jobs_user on llm_jobs (user_id, started_at);
create trigger touch before update on llm_jobs for each row execute function touch_updated_at();
call protect('llm_jobs');

-- A row here is a job still to be answered. SQS only wakes workers: which job comes next is decided here.
create table llm_queue (
    job_id uuid primary key,
    user_id uuid not null,
    priority integer not null default 0,
    enqueued_at timestamptz not null default now(),
    available_at timestamptz not null default now(),
    woken_at timestamptz not null default now(),
    lease_token uuid,
    leased_until timestamptz,
    attempts integer not null default 0,
    foreign key (job_id, user_id) references llm_jobs (id, user_id) on delete cascade
);
create index llm_queue_order on llm_queue (priority desc, enqueued_at);
create index llm_queue_user on llm_queue (user_id);
call protect('llm_queue');

create table job_events (
    job_id uuid not null,
    number integer not null check (number > 0),
    user_id uuid not null,
    event text not null check (event in ('meta', 'retrieval', 'thinking', 'token', 'tool_call', 'tool_result',
                                         'usage', 'done', 'error', 'cancelled')),
    data jsonb not null,
    created_at timestamptz not null default now(),
    primary key (job_id, number),
    foreign key (job_id, user_id) references llm_jobs (id, user_id) on delete cascade
) partition by range (job_id);
call protect('job_events');

do $$
declare
    target text;
begin
    foreach target in array array['conversations', 'messages', 'llm_jobs', 'llm_queue', 'job_events'] loop
        execute format('create policy read on %I for select to alcove_app using (user_id = (select app_user_id()))', target);
        execute format('create policy add on %I for insert to alcove_app with check (user_id = (select app_user_id()))', target);
        execute format('create policy change on %I for update to alcove_app using (user_id = (select app_user_id()))', target);
        execute format('grant select, insert on %I to alcove_app', target);
    end loop;
end
$$;
create policy remove on llm_queue for delete to alcove_app using (user_id = (select app_user_id()));
grant update on conversations, llm_jobs, llm_queue to alcove_app;
grant delete on llm_queue to alcove_app;

-- How full the queue is: this user's jobs, everybody's. Counts only.
create function queue_load() returns table (mine integer, total integer)
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select count(*) filter (where user_id = app_user_id())::integer, count(*)::integer from llm_queue;
    end;

-- The order of the queue: priority, then turn (a user's first waiting job before anybody's second, counting
-- those being answered), then whose user was served longest ago, then age. Within a priority, each waiting job
-- is overtaken by at most one job of each other user for every job that its owner has before it: nobody starves.
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

-- The next job for a worker, leased to it. A job whose lease ran out is free again: its worker is dead.
create function claim_job(token uuid, lease interval)
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

grant execute on function queue_load(), queue_position(uuid), claim_job(uuid, interval) to alcove_app;

select ensure_partitions();
