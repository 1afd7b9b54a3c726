-- name: lock_queue
-- Serialises a user's questions: each one must count those before it.
select pg_advisory_xact_lock(hashtextextended('alcove.ask:' || app_user_id(), 0))

-- part: conversation
conversation as (
    select id, user_id, title from conversations where id = %(conversation_id)s and deleted_at is null)

-- part: scope
-- The filters of a job: of the assistant, of the conversation, and of the question, which keeps its own when it is
-- answered again.
jsonb_build_object('filters', conversation_filters(%(conversation_id)s::uuid)
           || coalesce((select m.filters from messages m where m.id = %(question_id)s::uuid), %(filters)s::jsonb))

-- part: enqueued
-- Follows `conversation` and `side`, which has a row for each job: (job_id, settings, is_blind). Stores a question (or
-- takes the existing one, for a regeneration), the jobs, their queue entries and first events, all or nothing. The first
-- event of a blind job names neither pipeline nor model.
load as (
    select q.mine, q.total, (select count(*) from side)::integer as jobs,
           exists (select from side a where not exists (select from llms l where l.name = a.settings ->> 'active_model'
                                                                             and l.provider = 'extractive'))
           and (s.cost_usd >= s.allowed_cost_usd or s.tokens >= s.allowed_tokens) is true as spent
      from queue_load() q, month_spending() s),
admitted as (
    select c.* from conversation c, load l
     where l.jobs > 0 and l.mine + l.jobs <= %(user_limit)s and l.total + l.jobs <= %(total_limit)s and not l.spent),
stored as (
    insert into messages (conversation_id, user_id, parent_message_id, role, content, filters, metadata)
    select a.id, a.user_id,
           case when %(is_first)s then null else coalesce(%(parent)s, conversation_head(a.id)) end, 'user', %(content)s,
           %(filters)s::jsonb, %(metadata)s::jsonb
      from admitted a where %(question_id)s::uuid is null
    returning *),
question as (
    select * from stored
    union all
    select m.* from messages m join admitted a on a.id = m.conversation_id
     where m.id = %(question_id)s and m.role = 'user'),
titled as (
    update conversations c set title = %(title)s
      from admitted a where c.id = a.id and a.title = %(untitled)s),
job as (
    insert into llm_jobs (id, user_id, conversation_id, question_id, pipeline, model, settings, event_count, priority)
    select s.job_id, q.user_id, q.conversation_id, q.id, s.settings ->> 'active_pipeline', s.settings ->> 'active_model',
           s.settings, 1, %(priority)s
      from question q, side s
    returning *),
queued as (
    insert into llm_queue (job_id, user_id, priority, question_id, follows_question_id)
    select j.id, j.user_id, j.priority, q.id,
           (select before.question_id from llm_queue before where before.question_id = q.parent_message_id limit 1)
      from job j join question q on q.id = j.question_id),
first_event as (
    insert into job_events (job_id, number, user_id, event, data)
    select j.id, 1, j.user_id, 'meta',
           jsonb_build_object('status', j.status)
           || case when s.is_blind then '{}' else jsonb_build_object('pipeline', j.pipeline, 'model', j.model) end
      from job j join side s on s.job_id = j.id)

-- part: admission
exists (select from conversation) as has_conversation, exists (select from admitted) as is_admitted, l.mine, l.jobs, l.spent

-- name: enqueue
with {{conversation}},
side as materialized (
    select uuidv7() as job_id, job_settings(id, %(overrides)s::jsonb) || {{scope}} as settings, false as is_blind
      from conversation),
{{enqueued}}
select {{admission}}, to_jsonb(q) as message,
       to_jsonb(j) || jsonb_build_object('message_id', j.question_id, 'position', null, 'error', null, 'last_error', null,
                                         'next_attempt_at', null) as job
  from load l left join question q on true left join job j on true

-- name: enqueue_replay
-- With the settings of an earlier job. Those that are `replaced` are the present ones.
with {{conversation}},
side as materialized (
    select uuidv7() as job_id,
           %(settings)s::jsonb || coalesce((select jsonb_object_agg(r.setting, r.value) from resolved_config(c.id) r
                                             where r.setting = any (%(replaced)s::text[])), '{}') as settings,
           false as is_blind
      from conversation c),
{{enqueued}}
select {{admission}}, to_jsonb(q) as message,
       to_jsonb(j) || jsonb_build_object('message_id', j.question_id, 'position', null, 'error', null, 'last_error', null,
                                         'next_attempt_at', null) as job
  from load l left join question q on true left join job j on true

-- name: question_of
select m.conversation_id, case m.role when 'user' then m.id else m.parent_message_id end
  from messages m join conversations c on c.id = m.conversation_id
 where m.id = %(id)s and c.deleted_at is null

-- name: get_queued
select to_jsonb(m) as message,
       to_jsonb(j) || jsonb_build_object('message_id', j.question_id, 'status', job_status(j.id, j.status),
           'position', queue_position(j.id), 'error',
           case when j.error_code is not null
                then jsonb_build_object('code', j.error_code, 'message', j.error_message) end,
           'last_error', null, 'next_attempt_at', null) as job
  from messages m join llm_jobs j on j.question_id = m.id
 where m.id = %(id)s
 order by j.id limit 1
