-- name: get
select j.id, j.conversation_id, j.question_id as message_id, j.answer_id,
       case when blind then 'hidden' else j.pipeline end as pipeline,
       case when blind then 'hidden' else j.model end as model, shown as status, j.priority,
       case when shown = 'pending' then queue_position(j.id) end as position,
       case when j.error_code is not null
            then jsonb_build_object('code', j.error_code, 'message', j.error_message) end as error,
       case when shown in ('pending', 'processing') and j.last_error_code is not null
            then jsonb_build_object('code', j.last_error_code, 'message', j.last_error_message) end as last_error,
       case when shown = 'pending'
            then (select q.available_at from llm_queue q where q.job_id = j.id and q.available_at > now()) end
           as next_attempt_at,
       j.cancelled_by, j.cancellation_reason, j.created_at, j.started_at, j.finished_at
  from llm_jobs j, is_blind(j.id) as blind, job_status(j.id, j.status) as shown where j.id = %(id)s

-- name: prioritise
-- Returns nothing about the job itself: an administrator orders the queue without reading it.
select prioritise_job(%(id)s, %(priority)s)

-- name: report
select * from report_jobs(%(status)s, %(model)s, %(after)s::uuid, %(limit)s)

-- name: statistics
select * from queue_statistics()

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
-- Requests cancellation. A worker that holds the job ends it; for a job without a worker the caller does, with the text
-- that earlier attempts streamed.
with target as (
    select j.id, j.status, coalesce(q.leased_until > now(), false) as is_busy
      from llm_jobs j left join llm_queue q on q.job_id = j.id
     where j.id = %(id)s and j.status in ('pending', 'processing')
       for update of j),
stored as (
    update llm_jobs j
       set cancel_requested_at = coalesce(j.cancel_requested_at, now()), cancelled_by = coalesce(j.cancelled_by, %(by)s),
           cancellation_reason = coalesce(j.cancellation_reason, %(reason)s)
      from target t where j.id = t.id)
select t.is_busy, (select coalesce(string_agg(e.data ->> 'text', '' order by e.number), '')
                     from job_events e
                    where e.job_id = t.id and e.event = 'token'
                      and e.number > coalesce((select max(r.number) from job_events r
                                                where r.job_id = t.id and r.event = 'meta' and r.data ? 'restart'), 0))
  from target t

-- name: end_cancelled
-- Ends a job without a worker and stores the text that was streamed.
with dequeued as (
    delete from llm_queue where job_id = %(id)s),
answer as (
    insert into messages (conversation_id, user_id, parent_message_id, role, content, pipeline, model, finish_reason)
    select conversation_id, user_id, question_id, 'assistant', %(content)s, pipeline, model, 'cancelled'
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

-- name: followers
-- The jobs that waited for this job's question and can be claimed now.
select f.job_id from llm_jobs j join llm_queue f on f.follows_question_id = j.question_id
 where j.id = %(id)s and not is_blocked(f.follows_question_id)

-- name: unfinished
select j.id from llm_jobs j where j.conversation_id = %(conversation_id)s and j.status in ('pending', 'processing')

-- name: begin_stream
select begin_stream(%(user_id)s, %(lasts)s)

-- name: end_stream
select end_stream(%(id)s)
