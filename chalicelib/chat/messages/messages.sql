-- name: get
select m.* from messages m join conversations c on c.id = m.conversation_id
 where m.id = %(id)s and c.deleted_at is null

-- name: set_mistake
update messages m set is_mistake = %(is_mistake)s, mistake_note = %(note)s
  from conversations c where m.id = %(id)s and c.id = m.conversation_id and c.deleted_at is null
returning m.id

-- name: mistakes
select m.* from messages m join conversations c on c.id = m.conversation_id
 where m.user_id = app_user_id() and m.is_mistake and c.deleted_at is null
   and (%(after)s::uuid is null or m.id < %(after)s)
 order by m.id desc limit %(limit)s

-- name: lock
select from messages where id = %(message_id)s for update

-- name: delete_feedback
delete from feedback where message_id = %(message_id)s and kind <> 'comment' returning kind

-- name: create_feedback
insert into feedback (message_id, conversation_id, user_id, kind, reasons, comment)
select id, conversation_id, user_id, %(kind)s, %(reasons)s, %(comment)s from messages where id = %(message_id)s
returning id, message_id, kind, reasons, comment, created_at

-- name: get_feedback
select id, message_id, kind, reasons, comment, created_at from feedback where id = %(id)s

-- name: feedback
select id, message_id, kind, reasons, comment, created_at from feedback
 where message_id = %(id)s and (%(after)s::uuid is null or id < %(after)s)
 order by id desc limit %(limit)s

-- name: timing
-- The stages of the last attempt, the one that made the answer.
with job as (
    select j.* from llm_jobs j join conversations c on c.id = j.conversation_id
     where (j.answer_id = %(id)s or j.question_id = %(id)s) and c.deleted_at is null
     order by j.id desc limit 1)
select jsonb_build_object(
           'job_id', j.id, 'created_at', j.created_at, 'started_at', j.started_at, 'finished_at', j.finished_at,
           'stages', (select coalesce(jsonb_agg(jsonb_build_object('stage', t.stage, 'started_at', t.started_at,
                                                                  'milliseconds', t.milliseconds)
                                               order by t.started_at, t.milliseconds), '[]')
                        from timing t
                       where t.job_id = j.id
                         and t.attempt = (select max(n.attempt) from timing n where n.job_id = j.id)))
  from job j

-- name: trace
with job as (
    select j.* from llm_jobs j join conversations c on c.id = j.conversation_id
     where (j.answer_id = %(id)s or j.question_id = %(id)s) and c.deleted_at is null
     order by j.id desc limit 1)
select coalesce(to_jsonb(t), running.trace) || jsonb_build_object(
           'message_id', j.answer_id, 'settings', j.settings, 'cancelled_by', j.cancelled_by,
           'cancellation_reason', j.cancellation_reason, 'tool_calls', (select coalesce(jsonb_agg(to_jsonb(c) order by c.step_number), '[]')
                            from agent_tool_calls c where c.trace_id = t.id))
  from job j
  left join agent_traces t on t.job_id = j.id
  left join lateral (
      -- A trace is stored when its job ends. Until then its stream says what was done; the text itself is no step.
      select jsonb_build_object(
                 'id', j.id, 'job_id', j.id, 'pipeline', j.pipeline, 'model', j.model, 'status', 'running',
                 'events', coalesce(jsonb_agg(jsonb_build_object(
                                        'event', e.event,
                                        'after_ms', greatest(extract(epoch from e.created_at - j.started_at) * 1000, 0))
                                    || (e.data - 'event' - 'after_ms') order by e.number), '[]'),
                 'total_tool_calls', count(*) filter (where e.event = 'tool_call'),
                 'total_tokens_used', coalesce(max((e.data ->> 'prompt_tokens')::integer
                                                   + (e.data ->> 'completion_tokens')::integer), 0),
                 'total_duration_ms', extract(epoch from now() - j.started_at) * 1000,
                 'started_at', j.started_at, 'completed_at', null) as trace
        from (select * from job_events e
               where e.job_id = j.id and e.event not in ('token', 'thinking') order by e.number limit 200) e
      ) running on t.id is null and job_status(j.id, j.status) = 'processing' and not is_blind(j.id)
 where t.id is not null or running.trace is not null

-- name: add_history
with turn as materialized (
    select uuidv7() as id, t.role, t.content, t.number
      from unnest(%(roles)s::text[], %(contents)s::text[]) with ordinality as t(role, content, number))
insert into messages (id, conversation_id, user_id, parent_message_id, role, content, finish_reason)
select id, %(conversation_id)s, app_user_id(), lag(id) over (order by number), role, content,
       case role when 'assistant' then 'stop' end
  from turn order by number
returning id
