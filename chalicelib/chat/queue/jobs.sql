-- name: lock_queue
-- Questions of one user are asked one after the other: what counts them has to see those before.
select pg_advisory_xact_lock(hashtextextended('alcove.ask:' || app_user_id(), 0))

-- name: is_budget_spent
select (cost_usd >= allowed_cost_usd or tokens >= allowed_tokens) is true from month_spending()

-- name: enqueue
-- Stores a question, or takes one that was asked before, and with it its job, its place in the queue and its first
-- event; or nothing of all that.
with conversation as (
    select id, user_id, title from conversations where id = %(conversation_id)s and deleted_at is null),
configured as materialized (
    select effective_config(id) || %(overrides)s::jsonb as settings from conversation),
load as (
    select q.mine, q.total,
           not exists (select from llms l, configured c
                        where l.name = c.settings ->> 'active_model' and l.provider = 'extractive')
           and (s.cost_usd >= s.allowed_cost_usd or s.tokens >= s.allowed_tokens) is true as spent
      from queue_load() q, month_spending() s),
admitted as (
    select c.* from conversation c, load l where l.mine < %(user_limit)s and l.total < %(total_limit)s and not l.spent),
stored as (
    insert into messages (conversation_id, user_id, parent_message_id, role, content)
    select a.id, a.user_id,
           case when %(is_first)s then null else coalesce(%(parent)s, conversation_head(a.id)) end, 'user', %(content)s
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
    insert into llm_jobs (user_id, conversation_id, question_id, pipeline, model, settings, event_count)
    select q.user_id, q.conversation_id, q.id, c.settings ->> 'active_pipeline', c.settings ->> 'active_model', c.settings, 1
      from question q, configured c
    returning *),
queued as (
    insert into llm_queue (job_id, user_id, priority) select id, user_id, priority from job),
first_event as (
    insert into job_events (job_id, number, user_id, event, data)
    select id, 1, user_id, 'meta', jsonb_build_object('status', status, 'pipeline', pipeline, 'model', model) from job)
select exists (select from conversation) as found, l.mine, l.total, l.spent, to_jsonb(q) as message,
       to_jsonb(j) || jsonb_build_object('message_id', j.question_id, 'position', null, 'error', null) as job
  from load l left join question q on true left join job j on true

-- name: get
select j.id, j.conversation_id, j.question_id as message_id, j.answer_id,
       case when blind then 'hidden' else j.pipeline end as pipeline,
       case when blind then 'hidden' else j.model end as model, j.status, j.priority,
       case when j.status = 'pending' then queue_position(j.id) end as position,
       case when j.error_code is not null
            then jsonb_build_object('code', j.error_code, 'message', j.error_message) end as error,
       j.created_at, j.started_at, j.finished_at
  from llm_jobs j, is_blind(j.id) as blind where j.id = %(id)s

-- name: question_of
select m.conversation_id, case m.role when 'user' then m.id else m.parent_message_id end
  from messages m join conversations c on c.id = m.conversation_id
 where m.id = %(id)s and c.deleted_at is null

-- name: get_queued
select to_jsonb(m) as message,
       to_jsonb(j) || jsonb_build_object('message_id', j.question_id, 'position', queue_position(j.id), 'error',
           case when j.error_code is not null
                then jsonb_build_object('code', j.error_code, 'message', j.error_message) end) as job
  from messages m join llm_jobs j on j.question_id = m.id
 where m.id = %(id)s
 order by j.id limit 1

-- name: events
select j.status in ('completed', 'failed', 'cancelled') as ended,
       coalesce(jsonb_agg(jsonb_build_object('number', e.number, 'event', e.event, 'data', e.data) order by e.number)
                    filter (where e.number is not null), '[]') as events
  from llm_jobs j join conversations c on c.id = j.conversation_id and c.deleted_at is null
  left join lateral (select * from job_events e where e.job_id = j.id and e.number > %(after)s
                      order by e.number limit 500) e on true
 where j.id = %(id)s
 group by j.id

-- name: cancel
-- A job being answered is told, and ends itself. One that waits is over: what earlier attempts have said is returned.
with target as (
    select j.id, j.status, coalesce(q.leased_until > now(), false) as is_busy
      from llm_jobs j left join llm_queue q on q.job_id = j.id
     where j.id = %(id)s and j.status in ('pending', 'processing')
       for update of j),
stored as (
    update llm_jobs j set cancel_requested_at = coalesce(j.cancel_requested_at, now()) from target t where j.id = t.id)
select t.is_busy, (select coalesce(string_agg(e.data ->> 'text', '' order by e.number), '')
                     from job_events e
                    where e.job_id = t.id and e.event = 'token'
                      and e.number > coalesce((select max(r.number) from job_events r
                                                where r.job_id = t.id and r.event = 'meta' and r.data ? 'restart'), 0))
  from target t

-- name: end_cancelled
-- The end of a job that nobody works on, with what it has said.
with dequeued as (
    delete from llm_queue where job_id = %(id)s),
answer as (
    insert into messages (conversation_id, user_id, parent_message_id, role, content, pipeline, model)
    select conversation_id, user_id, question_id, 'assistant', %(content)s, pipeline, model
      from llm_jobs where id = %(id)s and %(content)s <> ''
    returning id),
new_events as (
    select event, data || case when event = 'cancelled' then jsonb_build_object('message_id', (select id from answer))
                               else '{}' end as data, ordinal::integer
      from unnest(%(events)s::text[], %(data)s::jsonb[]) with ordinality as g (event, data, ordinal)),
ended as (
    update llm_jobs j
       set status = 'cancelled', answer_id = (select id from answer), finished_at = now(),
           event_count = j.event_count + cardinality(%(events)s::text[])
     where j.id = %(id)s
    returning j.id, j.user_id, j.event_count - cardinality(%(events)s::text[]) as before)
insert into job_events (job_id, number, user_id, event, data)
select e.id, e.before + g.ordinal, e.user_id, g.event, g.data from ended e, new_events g

-- name: unfinished
select j.id from llm_jobs j where j.conversation_id = %(conversation_id)s and j.status in ('pending', 'processing')

-- name: finish_for_inactive_user
select end_job_of_inactive_user(%(id)s, %(token)s, %(code)s, %(message)s)

-- name: prioritise
-- Whose job it is stays out of the answer: an administrator orders the queue without reading it.
select prioritise_job(%(id)s, %(priority)s)

-- name: queue
select * from queue_statistics()

-- name: claim
select job_id, user_id, attempt from claim_job(%(token)s, %(lease)s)

-- name: start
with claimed as (
    select job_id from llm_queue where job_id = %(id)s and lease_token = %(token)s for update)
update llm_jobs j set status = 'processing', started_at = coalesce(j.started_at, now()), attempts = %(attempt)s
  from claimed h, messages m
 where j.id = h.job_id and m.id = j.question_id
returning m.content as question, j.question_id, j.conversation_id, j.pipeline, j.model, j.settings,
          (select coalesce(string_agg(e.data ->> 'text', '' order by e.number), '')
             from job_events e
            where e.job_id = j.id and e.event = 'token'
              and e.number > coalesce((select max(r.number) from job_events r
                                        where r.job_id = j.id and r.event = 'meta' and r.data ? 'restart'), 0)) as streamed_text

-- name: history
-- The messages before the question on its own branch, oldest first.
with recursive path as (
    select m.parent_message_id as id, 0 as depth from messages m where m.id = %(question_id)s
    union all
    select m.parent_message_id, p.depth + 1 from path p join messages m on m.id = p.id where p.depth < %(limit)s)
select m.role, m.content from path p join messages m on m.id = p.id order by p.depth desc

-- name: append_events
-- Renews the lease, appends events in order, and returns whether the asker wants the job to stop. No row: the
-- lease is lost.
with claimed as (
    update llm_queue set leased_until = now() + %(lease)s
     where job_id = %(id)s and lease_token = %(token)s
    returning job_id, user_id),
new_events as (
    select ordinal::integer, event, data
      from unnest(%(events)s::text[], %(data)s::jsonb[]) with ordinality as g (event, data, ordinal)),
counted as (
    update llm_jobs j set event_count = j.event_count + cardinality(%(events)s::text[])
      from claimed h where j.id = h.job_id
    returning j.id, j.user_id, j.event_count - cardinality(%(events)s::text[]) as before,
              j.cancel_requested_at is not null as cancelled),
first_event as (
    insert into job_events (job_id, number, user_id, event, data)
    select c.id, c.before + g.ordinal, c.user_id, g.event, g.data from counted c, new_events g)
select cancelled from counted

-- name: finish
-- The end of a job in one statement: its answer, its status, its last event, its place in the queue.
with claimed as (
    delete from llm_queue where job_id = %(id)s and lease_token = %(token)s returning job_id),
job as (
    select j.* from llm_jobs j join claimed h on h.job_id = j.id for update of j),
answer as (
    insert into messages (conversation_id, user_id, parent_message_id, role, content, sources, pipeline, model, thinking,
                          prompts, prompt_tokens, completion_tokens, cost_usd, invented_citations)
    select conversation_id, user_id, question_id, 'assistant', %(content)s, %(sources)s, pipeline, model, %(thinking)s,
           %(prompts)s, %(prompt_tokens)s, %(completion_tokens)s, %(cost_usd)s, coalesce(%(invented_citations)s, 0)
      from job where %(content)s::text is not null
    returning id),
understood as (
    update messages m
       set rephrased_query = %(rephrased_query)s, tone = a.tone, behavior = a.behavior, context_type = a.context_type,
           signal_strength = a.signal_strength, context_clarity = a.context_clarity, needs_knowledge = a.needs_knowledge
      from job, jsonb_populate_record(null::messages, %(analysis)s) a
     where m.id = job.question_id and %(content)s::text is not null),
ended as (
    update llm_jobs j
       set status = %(status)s, answer_id = (select id from answer), error_code = %(code)s, error_message = %(message)s,
           finished_at = now(), event_count = j.event_count + 1
      from job where j.id = job.id
    returning j.id, j.user_id, j.event_count)
insert into job_events (job_id, number, user_id, event, data)
select id, event_count, user_id, %(event)s,
       %(data)s || jsonb_build_object('message_id', (select id from answer))
  from ended
returning number

-- name: retry_later
update llm_queue set lease_token = null, leased_until = null, available_at = now() + %(delay)s, woken_at = now() + %(delay)s
 where job_id = %(id)s and lease_token = %(token)s
