-- Conversations: messages, the jobs that answer them, the job queue and the events of a job; the sources, timing and
-- feedback of an answer; comparisons; memories, and the search over a user's own messages.

create table conversations (
    id uuid primary key default uuidv7(),
    user_id uuid not null references users on delete cascade,
    title text not null check (length(title) between 1 and 255),
    -- The conversation's own settings override those of its assistant.
    assistant_id uuid references assistants on delete set null,
    settings jsonb not null default '{}'
        check (jsonb_typeof(settings) = 'object' and length(settings::text) <= 100000),
    filters jsonb not null default '{}' check (jsonb_typeof(filters) = 'object' and length(filters::text) <= 100000),
    -- What clients say about the conversation.
    metadata jsonb not null default '{}' check (jsonb_typeof(metadata) = 'object' and length(metadata::text) <= 100000),
    is_archived boolean not null default false,
    message_count integer not null default 0,
    last_message_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz,
    unique (id, user_id)
);
create index conversations_user on conversations (user_id, id desc) where deleted_at is null;
create index conversations_assistant on conversations (assistant_id) where assistant_id is not null;
create index conversations_deleted on conversations (deleted_at) where deleted_at is not null;
create trigger touch before update on conversations for each row execute function touch_updated_at();
call protect('conversations');
create policy read on conversations for select to alcove_app using (user_id = (select app_user_id()));
create policy add on conversations for insert to alcove_app with check (user_id = (select app_user_id()));
create policy change on conversations for update to alcove_app using (user_id = (select app_user_id()));
grant select, insert, update on conversations to alcove_app;

-- Selection, third tier: whether one conversation uses a document; this overrides the user's default.
create table conversation_document_overrides (
    conversation_id uuid not null,
    user_id uuid not null,
    document_id uuid not null references documents on delete cascade,
    enabled boolean not null,
    updated_at timestamptz not null default now(),
    primary key (conversation_id, document_id),
    foreign key (conversation_id, user_id) references conversations (id, user_id) on delete cascade on update cascade
);
create index conversation_document_overrides_document on conversation_document_overrides (document_id);
create trigger touch before update on conversation_document_overrides for each row execute function touch_updated_at();
call protect('conversation_document_overrides');
create policy own on conversation_document_overrides for all to alcove_app
    using (user_id = (select app_user_id()))
    with check (user_id = (select app_user_id()) and exists (select from documents d where d.id = document_id));
grant select, insert, update, delete on conversation_document_overrides to alcove_app;

-- A question carries its analysis; an answer carries how it was generated.
create table messages (
    id uuid primary key default uuidv7(),
    conversation_id uuid not null,
    user_id uuid not null,
    parent_message_id uuid,
    -- 'system': instructions that came with an imported conversation. They are read, and no prompt contains them.
    role text not null check (role in ('user', 'assistant', 'system')),
    content text not null check (length(content) <= 100000),
    rephrased_query text check (length(rephrased_query) <= 20000),
    tone text check (length(tone) <= 50),
    behavior text check (length(behavior) <= 50),
    context_type text check (length(context_type) <= 50),
    signal_strength real check (signal_strength between 0 and 1),
    context_clarity real check (context_clarity between 0 and 1),
    needs_knowledge boolean,
    thinking text check (length(thinking) <= 200000),
    sources jsonb not null default '[]',
    prompts jsonb not null default '[]' check (jsonb_typeof(prompts) = 'array'),
    -- A question's own filters, or all that an answer was within; they hold together.
    filters jsonb not null default '[]' check (jsonb_typeof(filters) = 'array'),
    pipeline text check (length(pipeline) <= 100),
    model text check (length(model) <= 200),
    prompt_tokens integer check (prompt_tokens >= 0),
    completion_tokens integer check (completion_tokens >= 0),
    cost_usd numeric(14, 8) check (cost_usd >= 0),
    invented_citations integer not null default 0 check (invented_citations >= 0),
    finish_reason text check (finish_reason in ('stop', 'length', 'content_filter', 'cancelled')),
    is_mistake boolean not null default false,
    mistake_note text check (length(mistake_note) <= 2000),
    -- What clients say about the message.
    metadata jsonb not null default '{}' check (jsonb_typeof(metadata) = 'object' and length(metadata::text) <= 100000),
    created_at timestamptz not null default now(),
    unique (id, conversation_id, user_id),
    foreign key (conversation_id, user_id) references conversations (id, user_id) on delete cascade on update cascade,
    foreign key (parent_message_id, conversation_id, user_id) references messages (id, conversation_id, user_id)
        on delete cascade on update cascade,
    check (mistake_note is null or is_mistake),
    check ((role = 'assistant') = (finish_reason is not null))
);
create index messages_conversation on messages (conversation_id, id);
create index messages_parent on messages (parent_message_id);
create index messages_mistakes on messages (user_id, id desc) where is_mistake;
create trigger count_added after insert on messages referencing new table as added
    for each statement execute function count_messages();
create trigger count_removed after delete on messages referencing old table as removed
    for each statement execute function count_messages();
create trigger queue_index after insert on messages referencing new table as added
    for each statement execute function queue_message_index();
call protect('messages');
create policy read on messages for select to alcove_app using (user_id = (select app_user_id()));
create policy add on messages for insert to alcove_app with check (user_id = (select app_user_id()));
create policy change on messages for update to alcove_app using (user_id = (select app_user_id()));
grant select, insert,
      update (parent_message_id, rephrased_query, tone, behavior, context_type, signal_strength, context_clarity,
              needs_knowledge, is_mistake, mistake_note)
   on messages to alcove_app;

-- Conversations that their users show to others, read-only: to a group, or to whoever opens a link. The messages are read
-- through shared_messages() alone: no policy of `messages` opens them.
create table conversation_shares (
    id uuid primary key default uuidv7(),
    conversation_id uuid not null,
    user_id uuid not null default app_user_id(),
    group_id uuid references groups on delete cascade,
    token_hash bytea unique check (length(token_hash) = 32),
    -- The newest message that is shown; null shows later ones too.
    last_message_id uuid,
    expires_at timestamptz not null,
    withdrawn_at timestamptz,
    created_at timestamptz not null default now(),
    foreign key (conversation_id, user_id) references conversations (id, user_id) on delete cascade on update cascade,
    check ((group_id is null) <> (token_hash is null))
);
create index conversation_shares_conversation on conversation_shares (conversation_id);
create index conversation_shares_user on conversation_shares (user_id, id desc);
create index conversation_shares_group on conversation_shares (group_id, id desc) where group_id is not null;
call protect('conversation_shares');
create policy read on conversation_shares for select to alcove_app using (user_id = (select app_user_id()));
create policy add on conversation_shares for insert to alcove_app
    with check (user_id = (select app_user_id())
                and (group_id is null or exists (select from memberships m
                                                  where m.group_id = conversation_shares.group_id and m.user_id = (select app_user_id()))));
create policy change on conversation_shares for update to alcove_app using (user_id = (select app_user_id()));
grant select (id, conversation_id, user_id, group_id, last_message_id, expires_at, withdrawn_at, created_at),
      insert (conversation_id, group_id, token_hash, last_message_id, expires_at), update (withdrawn_at)
   on conversation_shares to alcove_app;

-- Who opened a link.
create table share_readers (
    share_id uuid not null references conversation_shares on delete cascade,
    user_id uuid not null references users on delete cascade,
    created_at timestamptz not null default now(),
    primary key (share_id, user_id)
);
create index share_readers_user on share_readers (user_id, share_id desc);
call protect('share_readers');
create policy read on share_readers for select to alcove_app using (user_id = (select app_user_id()));
grant select on share_readers to alcove_app;

create table llm_jobs (
    id uuid primary key default uuidv7(),
    user_id uuid not null,
    conversation_id uuid not null,
    question_id uuid not null,
    answer_id uuid,
    pipeline text not null default 'qa' check (length(pipeline) <= 100),
    model text not null default 'extractive' check (length(model) <= 200),
    -- The settings of the answer, as they resolved when the question was stored.
    settings jsonb not null default '{}' check (jsonb_typeof(settings) = 'object'),
    status text not null default 'pending' check (status in ('pending', 'processing', 'completed', 'failed', 'cancelled')),
    priority integer not null default 0 check (priority between -10 and 10),
    attempts integer not null default 0,
    event_count integer not null default 0,
    error_code text check (length(error_code) <= 100),
    error_message text check (length(error_message) <= 2000),
    -- Why the last attempt failed that is to be repeated.
    last_error_code text check (length(last_error_code) <= 100),
    last_error_message text check (length(last_error_message) <= 2000),
    cancel_requested_at timestamptz,
    -- Who cancelled it, in a word (`user`, `deletion`, or a name from elsewhere), and why, as they said.
    cancelled_by text check (length(cancelled_by) between 1 and 100),
    cancellation_reason text check (length(cancellation_reason) between 1 and 2000),
    started_at timestamptz,
    finished_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (id, user_id),
    unique (id, question_id),
    foreign key (question_id, conversation_id, user_id) references messages (id, conversation_id, user_id)
        on delete cascade on update cascade,
    foreign key (answer_id, conversation_id, user_id) references messages (id, conversation_id, user_id)
        on update cascade,
    check ((status = 'failed') = (error_code is not null)),
    check ((status in ('completed', 'failed', 'cancelled')) = (finished_at is not null))
);
create index llm_jobs_conversation on llm_jobs (conversation_id, id);
create index llm_jobs_user on llm_jobs (user_id, started_at);
create index llm_jobs_started on llm_jobs (started_at);
create index llm_jobs_finished on llm_jobs (finished_at);
create index llm_jobs_status on llm_jobs (status, id);
create trigger touch before update on llm_jobs for each row execute function touch_updated_at();
create trigger end_side after update of status on llm_jobs for each row
    when (new.status in ('completed', 'failed', 'cancelled') and old.status in ('pending', 'processing'))
    execute function end_side();
call protect('llm_jobs');
create policy read on llm_jobs for select to alcove_app using (user_id = (select app_user_id()));
create policy add on llm_jobs for insert to alcove_app with check (user_id = (select app_user_id()));
create policy change on llm_jobs for update to alcove_app using (user_id = (select app_user_id()));
grant select, insert, update on llm_jobs to alcove_app;

-- One row for each job without an answer. SQS only wakes workers; the order of the jobs is decided here.
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
    -- The job's question, and the question that it follows before that one has an answer: its jobs come first.
    question_id uuid,
    follows_question_id uuid,
    foreign key (job_id, user_id) references llm_jobs (id, user_id) on delete cascade on update cascade
);
create index llm_queue_order on llm_queue (priority desc, enqueued_at);
create index llm_queue_question on llm_queue (question_id);
create index llm_queue_user on llm_queue (user_id);
call protect('llm_queue');
create policy read on llm_queue for select to alcove_app using (user_id = (select app_user_id()));
create policy add on llm_queue for insert to alcove_app with check (user_id = (select app_user_id()));
create policy change on llm_queue for update to alcove_app using (user_id = (select app_user_id()));
create policy remove on llm_queue for delete to alcove_app using (user_id = (select app_user_id()));
grant select, insert, update, delete on llm_queue to alcove_app;

-- How far each user has been served in each priority, in virtual time (start-time fair queueing; Goyal, Vin, Cheng
-- 1996): under contention, a user of weight w is served w times as often as a user of weight 1. A claim costs its user
-- 2520 / weight; 2520 is the least common multiple of 1..10, so every turn is exact. The largest `turn` of a priority
-- is its clock; the row without a user keeps it when users are deleted.
create table queue_turns (
    user_id uuid references users on delete cascade,
    priority integer not null,
    turn bigint not null,
    next_turn bigint not null check (next_turn >= turn),
    served_at timestamptz not null default clock_timestamp(),
    unique nulls not distinct (user_id, priority)
);
create index queue_turns_clock on queue_turns (priority, turn);
create trigger advance_queue_clock after delete on queue_turns for each row execute function advance_queue_clock();
call protect('queue_turns');

-- The event streams that wait at this moment: each holds a function and a connection. A crash that loses them only
-- admits some more.
create unlogged table event_streams (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null references users on delete cascade,
    ends_at timestamptz not null
);
create index event_streams_user on event_streams (user_id);
call protect('event_streams');

create table job_events (
    job_id uuid not null,
    number integer not null check (number > 0),
    user_id uuid not null,
    event text not null check (event in ('meta', 'retrieval', 'thinking', 'token', 'tool_call', 'tool_result',
                                         'usage', 'done', 'error', 'cancelled')),
    data jsonb not null,
    created_at timestamptz not null default now(),
    primary key (job_id, number),
    foreign key (job_id, user_id) references llm_jobs (id, user_id) on delete cascade on update cascade
) partition by range (job_id);
create trigger conceal_cost before insert on job_events for each row
    when (new.event = 'usage') execute function conceal_cost();
call protect('job_events');
create policy read on job_events for select to alcove_app using (user_id = (select app_user_id()));
create policy add on job_events for insert to alcove_app with check (user_id = (select app_user_id()));
create policy change on job_events for update to alcove_app using (user_id = (select app_user_id()));
grant select, insert on job_events to alcove_app;

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
create policy read on timing for select to alcove_app using (user_id = (select app_user_id()));
create policy add on timing for insert to alcove_app with check (user_id = (select app_user_id()));
grant select, insert on timing to alcove_app;

-- What answers consumed, for the monthly costs. A row outlives its conversation.
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
create index usage_job on usage (job_id);
call protect('usage');
create policy read on usage for select to alcove_app using (user_id = (select app_user_id()));
create policy add on usage for insert to alcove_app with check (user_id = (select app_user_id()));
grant select, insert on usage to alcove_app;

-- The limits of a user, or of each member of a group, for a calendar month (UTC). Two nulls mean no limit.
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

-- Feedback on an answer: one like or dislike, and any number of comments.
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
create policy read on feedback for select to alcove_app using (user_id = (select app_user_id()));
create policy add on feedback for insert to alcove_app with check (user_id = (select app_user_id()));
create policy remove on feedback for delete to alcove_app using (user_id = (select app_user_id()));
grant select, insert, delete on feedback to alcove_app;

-- A variant is a snapshot of settings. Its settings never change, so that all of its votes judge the same settings. At
-- most one variant is the champion. A variant that took part in a comparison is archived, never deleted.
create table ab_pool (
    id uuid primary key default uuidv7(),
    name text not null check (length(name) between 1 and 100),
    settings jsonb not null check (jsonb_typeof(settings) = 'object' and length(settings::text) <= 300000),
    assistant_id uuid references assistants on delete set null,
    weight double precision not null default 1 check (weight > 0 and weight <= 1000),
    is_champion boolean not null default false,
    is_active boolean not null default true,
    archived_at timestamptz,
    created_by uuid references users on delete set null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    check (is_active or not is_champion),
    check (archived_at is null or not is_active)
);
create unique index ab_pool_name on ab_pool (name) where archived_at is null;
create unique index ab_pool_one_champion on ab_pool (is_champion) where is_champion;
create index ab_pool_assistant on ab_pool (assistant_id) where assistant_id is not null;
create trigger touch before update on ab_pool for each row execute function touch_updated_at();
call protect('ab_pool');
create policy read on ab_pool for select to alcove_app using ((select app_is_admin()));
create policy add on ab_pool for insert to alcove_app with check ((select app_is_admin()));
create policy change on ab_pool for update to alcove_app using ((select app_is_admin()));
create policy remove on ab_pool for delete to alcove_app using ((select app_is_admin()));
grant select, insert, update (name, weight, is_champion, is_active, archived_at), delete on ab_pool to alcove_app;

-- One question, the two jobs that answer it, and the answer that the user prefers. The jobs refer to the question, and
-- the question to the user: a second key with the user in it would receive two cascades when absorb_user() changes the
-- user.
create table ab_comparisons (
    id uuid primary key default uuidv7(),
    user_id uuid not null,
    conversation_id uuid not null,
    question_id uuid not null,
    first_job_id uuid not null unique,
    second_job_id uuid not null unique,
    champion_id uuid not null references ab_pool,
    challenger_id uuid not null references ab_pool,
    champion_name text not null check (length(champion_name) between 1 and 100),
    challenger_name text not null check (length(challenger_name) between 1 and 100),
    is_champion_first boolean not null,
    preference text check (preference in ('first', 'second', 'tie', 'both_bad')),
    preferred_at timestamptz,
    is_void boolean not null default false,
    -- The prompts and costs of an open comparison's answers. With public prices, they would reveal the models; the vote
    -- reveals them.
    concealed_prompts jsonb not null default '{}' check (jsonb_typeof(concealed_prompts) = 'object'),
    concealed_costs jsonb not null default '{}' check (jsonb_typeof(concealed_costs) = 'object'),
    created_at timestamptz not null default now(),
    foreign key (question_id, conversation_id, user_id) references messages (id, conversation_id, user_id)
        on delete cascade on update cascade,
    foreign key (first_job_id, question_id) references llm_jobs (id, question_id) on delete cascade,
    foreign key (second_job_id, question_id) references llm_jobs (id, question_id) on delete cascade,
    check (first_job_id <> second_job_id),
    check (champion_id <> challenger_id),
    check ((preference is null) = (preferred_at is null)),
    check (preference is null or not is_void)
);
create index ab_comparisons_question on ab_comparisons (question_id);
create index ab_comparisons_conversation on ab_comparisons (conversation_id, id);
create index ab_comparisons_pair on ab_comparisons (challenger_id, champion_id);
create index ab_comparisons_champion on ab_comparisons (champion_id);
create trigger reveal_sides after update of preference, is_void on ab_comparisons for each row
    when (old.preference is null and not old.is_void and (new.preference is not null or new.is_void))
    execute function reveal_sides();
call protect('ab_comparisons');
create policy read on ab_comparisons for select to alcove_app using (user_id = (select app_user_id()));
create policy add on ab_comparisons for insert to alcove_app with check (user_id = (select app_user_id()));
-- A vote is final: a row with a vote cannot be updated.
create policy vote on ab_comparisons for update to alcove_app
    using (user_id = (select app_user_id()) and preference is null) with check (user_id = (select app_user_id()));
grant select,
      insert (user_id, conversation_id, question_id, first_job_id, second_job_id, champion_id, challenger_id,
              champion_name, challenger_name, is_champion_first),
      update (preference, preferred_at)
   on ab_comparisons to alcove_app;

-- What a job did, step by step.
create table agent_traces (
    id uuid primary key default uuidv7(),
    job_id uuid not null,
    user_id uuid not null,
    pipeline text not null check (length(pipeline) <= 100),
    model text not null check (length(model) <= 200),
    -- 'running': of a trace from elsewhere that has no end. The service writes a trace when its job ends.
    status text not null check (status in ('running', 'completed', 'failed', 'cancelled')),
    events jsonb not null default '[]' check (jsonb_typeof(events) = 'array' and length(events::text) <= 1000000),
    total_tool_calls integer not null default 0 check (total_tool_calls >= 0),
    total_tokens_used integer not null default 0 check (total_tokens_used >= 0),
    total_duration_ms double precision not null check (total_duration_ms >= 0),
    started_at timestamptz not null,
    completed_at timestamptz default now(),
    unique (job_id),
    unique (id, user_id),
    check ((status = 'running') = (completed_at is null)),
    foreign key (job_id, user_id) references llm_jobs (id, user_id) on delete cascade on update cascade
);
call protect('agent_traces');
create policy read on agent_traces for select to alcove_app using (user_id = (select app_user_id()));
create policy add on agent_traces for insert to alcove_app with check (user_id = (select app_user_id()));
-- A trace contains model, pipeline and prompts. The transaction that writes a trace reads it back: the first condition.
create policy blind on agent_traces as restrictive for select to alcove_app
    using (completed_at = now() or not is_blind(job_id));
grant select, insert on agent_traces to alcove_app;

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
create policy read on agent_tool_calls for select to alcove_app using (user_id = (select app_user_id()));
create policy add on agent_tool_calls for insert to alcove_app with check (user_id = (select app_user_id()));
grant select, insert on agent_tool_calls to alcove_app;

-- What the service remembers of a user. Memories and the search over messages always use the built-in embedding model,
-- so that a change of the active model affects neither.
create table memory_items (
    id uuid primary key default uuidv7(),
    user_id uuid not null references users on delete cascade,
    content text not null check (length(content) between 1 and 4000),
    -- The content's significant words, which identify near-duplicates.
    gist text not null check (length(gist) between 1 and 20000),
    kind text not null check (kind in ('fact', 'preference', 'instruction', 'event')),
    importance real not null check (importance between 0 and 1),
    source text not null check (source in ('written', 'learned', 'document')),
    -- The user's message that the memory was learned from, or the document that it was taken from; null after that
    -- message or document is deleted.
    conversation_id uuid,
    message_id uuid,
    document_id uuid references documents on delete set null check (document_id is null or source = 'document'),
    metadata jsonb not null default '{}' check (jsonb_typeof(metadata) = 'object' and length(metadata::text) <= 100000),
    access_count integer not null default 0 check (access_count >= 0),
    last_accessed_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (id, user_id),
    check ((conversation_id is null) = (message_id is null)),
    foreign key (message_id, conversation_id, user_id) references messages (id, conversation_id, user_id)
        on delete set null (message_id, conversation_id) on update cascade
);
create index memory_items_user on memory_items (user_id, id desc);
create index memory_items_message on memory_items (message_id) where message_id is not null;
create index memory_items_document on memory_items (document_id) where document_id is not null;
-- A recall does not count as a change of the memory.
create trigger touch before update of content, kind, importance, source, metadata on memory_items
    for each row execute function touch_updated_at();
call protect('memory_items');
create policy read on memory_items for select to alcove_app using (user_id = (select app_user_id()));
create policy add on memory_items for insert to alcove_app with check (user_id = (select app_user_id()));
create policy change on memory_items for update to alcove_app using (user_id = (select app_user_id()));
create policy remove on memory_items for delete to alcove_app using (user_id = (select app_user_id()));
grant select, insert,
      update (content, gist, kind, importance, source, conversation_id, message_id, document_id, metadata, access_count,
              last_accessed_at),
      delete
   on memory_items to alcove_app;

-- Vectors of a memory; a long memory has several. They have their own table because a recall reads all of a user's.
create table memory_embeddings (
    memory_id uuid not null,
    part integer not null check (part > 0),
    user_id uuid not null,
    embedding halfvec(384) not null,
    primary key (memory_id, part),
    foreign key (memory_id, user_id) references memory_items (id, user_id) on delete cascade on update cascade
);
create index memory_embeddings_user on memory_embeddings (user_id);
call protect('memory_embeddings');
create policy read on memory_embeddings for select to alcove_app using (user_id = (select app_user_id()));
create policy add on memory_embeddings for insert to alcove_app with check (user_id = (select app_user_id()));
create policy remove on memory_embeddings for delete to alcove_app using (user_id = (select app_user_id()));
grant select, insert, delete on memory_embeddings to alcove_app;

-- BM25 document weights of a message, like chunk_terms. `role` and `created_at` repeat the message's.
create table message_terms (
    message_id uuid primary key,
    conversation_id uuid not null,
    user_id uuid not null,
    role text not null check (role in ('user', 'assistant', 'system')),
    created_at timestamptz not null,
    weights sparsevec(536870912) not null,
    foreign key (message_id, conversation_id, user_id) references messages (id, conversation_id, user_id)
        on delete cascade on update cascade
);
alter table message_terms alter column weights set storage main;
create index message_terms_user on message_terms (user_id, message_id desc);
call protect('message_terms');
create policy read on message_terms for select to alcove_app using (user_id = (select app_user_id()));
create policy add on message_terms for insert to alcove_app with check (user_id = (select app_user_id()));
grant select, insert on message_terms to alcove_app;

create table message_embeddings (
    message_id uuid not null,
    part integer not null check (part > 0),
    conversation_id uuid not null,
    user_id uuid not null,
    role text not null check (role in ('user', 'assistant', 'system')),
    created_at timestamptz not null,
    embedding halfvec(384) not null,
    primary key (message_id, part),
    foreign key (message_id, conversation_id, user_id) references messages (id, conversation_id, user_id)
        on delete cascade on update cascade
);
create index message_embeddings_user on message_embeddings (user_id);
call protect('message_embeddings');
create policy read on message_embeddings for select to alcove_app using (user_id = (select app_user_id()));
create policy add on message_embeddings for insert to alcove_app with check (user_id = (select app_user_id()));
grant select, insert on message_embeddings to alcove_app;

-- Messages that the search has not indexed yet.
create table message_index_queue (
    message_id uuid primary key,
    conversation_id uuid not null,
    user_id uuid not null,
    enqueued_at timestamptz not null default now(),
    foreign key (message_id, conversation_id, user_id) references messages (id, conversation_id, user_id)
        on delete cascade on update cascade
);
create index message_index_queue_user on message_index_queue (user_id, message_id);
create index message_index_queue_order on message_index_queue (enqueued_at);
call protect('message_index_queue');
create policy read on message_index_queue for select to alcove_app using (user_id = (select app_user_id()));
create policy add on message_index_queue for insert to alcove_app with check (user_id = (select app_user_id()));
create policy remove on message_index_queue for delete to alcove_app using (user_id = (select app_user_id()));
grant select, insert, delete on message_index_queue to alcove_app;

-- A tag on one entity: one column for each kind of entity, exactly one of which is set. `owner_id` repeats the tag's
-- owner and `space_id` the entity's space (or its user's, where the entity has no space), so that policies need only
-- this row.
-- Evaluations: questions with what a good answer has, runs of a set, and what each run gave for each question.
create table eval_sets (
    id uuid primary key default uuidv7(),
    user_id uuid not null default app_user_id() references users on delete cascade,
    name text not null check (length(name) between 1 and 200),
    description text check (length(description) <= 2000),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (id, user_id)
);
create index eval_sets_user on eval_sets (user_id, id desc);
create trigger touch before update on eval_sets for each row execute function touch_updated_at();
call protect('eval_sets');
create policy own on eval_sets for all to alcove_app
    using (user_id = (select app_user_id())) with check (user_id = (select app_user_id()));
grant select, insert, update (updated_at), delete on eval_sets to alcove_app;

create table eval_questions (
    id uuid primary key default uuidv7(),
    set_id uuid not null,
    user_id uuid not null default app_user_id(),
    question text not null check (length(question) between 1 and 20000),
    expected_documents uuid[] not null default '{}' check (cardinality(expected_documents) <= 100),
    expected_words text[] not null default '{}' check (cardinality(expected_words) <= 50),
    should_decline boolean not null default false,
    origin text not null check (origin in ('written', 'imported', 'mistake', 'like')),
    -- The answer that the question was made from. It may be gone.
    message_id uuid,
    created_at timestamptz not null default now(),
    unique (id, user_id),
    unique (set_id, message_id),
    foreign key (set_id, user_id) references eval_sets (id, user_id) on delete cascade on update cascade
);
create index eval_questions_set on eval_questions (set_id, id);
call protect('eval_questions');
create policy own on eval_questions for all to alcove_app
    using (user_id = (select app_user_id())) with check (user_id = (select app_user_id()));
grant select, insert, delete on eval_questions to alcove_app;

create table eval_runs (
    id uuid primary key default uuidv7(),
    set_id uuid not null,
    user_id uuid not null default app_user_id(),
    name text not null check (length(name) between 1 and 200),
    -- What the conversation of each question is created with.
    configuration jsonb not null check (jsonb_typeof(configuration) = 'object' and length(configuration::text) <= 400000),
    status text not null default 'running' check (status in ('running', 'completed', 'stopped', 'cancelled')),
    reason text check (length(reason) <= 500),
    budget_usd numeric(12, 4) not null check (budget_usd >= 0),
    -- When tick last looked at the run.
    advanced_at timestamptz not null default now(),
    created_at timestamptz not null default now(),
    finished_at timestamptz,
    unique (id, user_id),
    check ((status = 'running') = (finished_at is null)),
    foreign key (set_id, user_id) references eval_sets (id, user_id) on delete cascade on update cascade
);
create index eval_runs_user on eval_runs (user_id, id desc);
create index eval_runs_set on eval_runs (set_id);
create index eval_runs_running on eval_runs (advanced_at) where status = 'running';
call protect('eval_runs');
create policy own on eval_runs for all to alcove_app
    using (user_id = (select app_user_id())) with check (user_id = (select app_user_id()));
grant select, insert, update (status, reason, advanced_at, finished_at), delete on eval_runs to alcove_app;

-- Runs that tick starts again and again.
create table eval_schedules (
    id uuid primary key default uuidv7(),
    set_id uuid not null,
    user_id uuid not null default app_user_id(),
    name text not null check (length(name) between 1 and 200),
    configuration jsonb not null check (jsonb_typeof(configuration) = 'object' and length(configuration::text) <= 400000),
    budget_usd numeric(12, 4) not null check (budget_usd >= 0),
    -- A cron expression of five fields, in UTC.
    schedule text not null check (length(schedule) between 1 and 100),
    next_run_at timestamptz not null,
    last_run_id uuid references eval_runs on delete set null,
    -- Why no run started at the last time.
    error_message text check (length(error_message) <= 500),
    created_at timestamptz not null default now(),
    foreign key (set_id, user_id) references eval_sets (id, user_id) on delete cascade on update cascade
);
create index eval_schedules_user on eval_schedules (user_id, id desc);
create index eval_schedules_set on eval_schedules (set_id);
create index eval_schedules_run on eval_schedules (last_run_id);
create index eval_schedules_due on eval_schedules (next_run_at);
call protect('eval_schedules');
create policy own on eval_schedules for all to alcove_app
    using (user_id = (select app_user_id())) with check (user_id = (select app_user_id()));
grant select, insert, update (next_run_at, last_run_id, error_message), delete on eval_schedules to alcove_app;

create table eval_results (
    run_id uuid not null,
    question_id uuid not null,
    user_id uuid not null default app_user_id(),
    -- The job and its conversation, which are deleted like others; what was measured stays here.
    job_id uuid not null,
    conversation_id uuid not null,
    status text not null default 'pending' check (status in ('pending', 'completed', 'failed')),
    answer text check (length(answer) <= 100000),
    error_code text check (length(error_code) <= 100),
    retrieved_documents uuid[] not null default '{}',
    cited_documents uuid[] not null default '{}',
    measures jsonb not null default '{}',
    cost_usd numeric(14, 8) not null default 0 check (cost_usd >= 0),
    created_at timestamptz not null default now(),
    primary key (run_id, question_id),
    foreign key (run_id, user_id) references eval_runs (id, user_id) on delete cascade on update cascade,
    foreign key (question_id, user_id) references eval_questions (id, user_id) on delete cascade on update cascade
);
create index eval_results_question on eval_results (question_id);
create index eval_results_pending on eval_results (run_id) where status = 'pending';
call protect('eval_results');
create policy own on eval_results for all to alcove_app
    using (user_id = (select app_user_id())) with check (user_id = (select app_user_id()));
grant select, insert, update (status, answer, error_code, retrieved_documents, cited_documents, measures, cost_usd), delete
   on eval_results to alcove_app;

create table entity_tags (
    id uuid primary key default uuidv7(),
    tag_id uuid not null references tags on delete cascade,
    owner_id uuid,
    space_id integer not null references spaces on delete cascade,
    document_id uuid,
    repository_id uuid,
    conversation_id uuid references conversations on delete cascade,
    memory_id uuid references memory_items on delete cascade,
    created_at timestamptz not null default now(),
    constraint entity_tags_one_entity
        check (num_nonnulls(document_id, repository_id, conversation_id, memory_id) = 1),
    unique (tag_id, document_id),
    unique (tag_id, repository_id),
    unique (tag_id, conversation_id),
    unique (tag_id, memory_id),
    foreign key (tag_id, owner_id) references tags (id, owner_id) on delete cascade on update cascade,
    foreign key (document_id, space_id) references documents (id, space_id) on delete cascade on update cascade,
    foreign key (repository_id, space_id) references repositories (id, space_id) on delete cascade on update cascade
);
create index entity_tags_document on entity_tags (document_id) where document_id is not null;
create index entity_tags_repository on entity_tags (repository_id) where repository_id is not null;
create index entity_tags_conversation on entity_tags (conversation_id) where conversation_id is not null;
create index entity_tags_memory on entity_tags (memory_id) where memory_id is not null;
create index entity_tags_space on entity_tags (space_id);
call protect('entity_tags');
create policy read on entity_tags for select to alcove_app
    using (owner_id = (select app_user_id())
           or (owner_id is null and space_id = any ((select app_spaces())::integer[])));
-- A user's own tags go on everything the user can see, global tags on everything the user can change.
create policy add on entity_tags for insert to alcove_app
    with check ((owner_id = (select app_user_id()) and space_id = any ((select app_spaces())::integer[])
                 or owner_id is null and space_id = any ((select app_writable_spaces())::integer[]))
                and exists (select from tags t
                             where t.id = tag_id and t.owner_id is not distinct from entity_tags.owner_id));
create policy own_conversation on entity_tags as restrictive for insert to alcove_app
    with check (conversation_id is null
                or (exists (select from conversations c where c.id = conversation_id)
                    and exists (select from spaces s where s.id = space_id and s.user_id = (select app_user_id()))));
create policy own_memory on entity_tags as restrictive for insert to alcove_app
    with check (memory_id is null
                or (exists (select from memory_items m where m.id = memory_id)
                    and exists (select from spaces s where s.id = space_id and s.user_id = (select app_user_id()))));
create policy remove on entity_tags for delete to alcove_app
    using (owner_id = (select app_user_id())
           or (owner_id is null and space_id = any ((select app_writable_spaces())::integer[])));
grant select, insert (tag_id, owner_id, space_id, document_id, repository_id, conversation_id, memory_id), delete
   on entity_tags to alcove_app;

select ensure_partitions();
