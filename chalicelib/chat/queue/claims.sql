-- name: finish_for_inactive_user
select end_job_of_inactive_user(%(id)s, %(token)s, %(code)s, %(message)s)

-- name: claim
select job_id, user_id, attempt from claim_job(%(token)s, %(lease)s)

-- name: start
-- A question that was sent before the one before it had an answer follows that answer now, if there is one.
with claimed as (
    select job_id, question_id, follows_question_id from llm_queue where job_id = %(id)s and lease_token = %(token)s
       for update),
moved as (
    update messages m set parent_message_id = answer_to_follow(w.follows_question_id)
      from claimed w
     where m.id = w.question_id and m.parent_message_id = w.follows_question_id
       and answer_to_follow(w.follows_question_id) is not null)
update llm_jobs j set status = 'processing', started_at = coalesce(j.started_at, now()), attempts = %(attempt)s
  from claimed w, messages m
 where j.id = w.job_id and m.id = j.question_id
returning m.content as question, j.question_id, j.conversation_id, j.pipeline, j.model, j.settings,
          (select coalesce(string_agg(e.data ->> 'text', '' order by e.number), '')
             from job_events e
            where e.job_id = j.id and e.event = 'token'
              and e.number > coalesce((select max(r.number) from job_events r
                                        where r.job_id = j.id and r.event = 'meta' and r.data ? 'restart'), 0)) as streamed_text

-- name: history
-- The messages before the question on its own thread branch, oldest first.
with recursive path as (
    select m.parent_message_id as id, 0 as depth from messages m where m.id = %(question_id)s
    union all
    select m.parent_message_id, p.depth + 1 from path p join messages m on m.id = p.id where p.depth < %(limit)s)
select m.role, m.content from path p join messages m on m.id = p.id where m.role <> 'system' order by p.depth desc

-- name: append_events
-- Renews the lease, appends events in order, and returns whether cancellation was requested. No row: the lease is lost.
with claimed as (
    update llm_queue set leased_until = now() + %(lease)s
     where job_id = %(id)s and lease_token = %(token)s
    returning job_id, user_id),
new_events as (
    select ordinal::integer, event, data
      from unnest(%(events)s::text[], %(data)s::jsonb[]) with ordinality as g (event, data, ordinal)),
counted as (
    update llm_jobs j set event_count = j.event_count + cardinality(%(events)s::text[])
      from claimed w where j.id = w.job_id
    returning j.id, j.user_id, j.event_count - cardinality(%(events)s::text[]) as before,
              j.cancel_requested_at is not null as cancelled),
appended as (
    insert into job_events (job_id, number, user_id, event, data)
    select c.id, c.before + g.ordinal, c.user_id, g.event, g.data from counted c, new_events g)
select cancelled from counted

-- name: finish
-- Ends a job in one statement: its answer, its status, its last event, its queue entry.
with claimed as (
    delete from llm_queue where job_id = %(id)s and lease_token = %(token)s returning job_id),
job as (
    select j.* from llm_jobs j join claimed w on w.job_id = j.id for update of j),
answer as (
    insert into messages (conversation_id, user_id, parent_message_id, role, content, sources, pipeline, model, thinking,
                          prompts, filters, prompt_tokens, completion_tokens, cost_usd, invented_citations,
                          finish_reason)
    select conversation_id, user_id, question_id, 'assistant', %(content)s, %(sources)s, pipeline, model, %(thinking)s,
           %(prompts)s, coalesce(settings -> 'filters', '[]'), %(prompt_tokens)s, %(completion_tokens)s, %(cost_usd)s,
           coalesce(%(invented_citations)s, 0), %(finish_reason)s
      from job where %(content)s::text is not null
    returning id),
analysed as (
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

-- name: retry_prospects
-- Whether cancellation was requested, and whether an attempt after the delay begins soon enough. No row: the lease is lost.
select j.cancel_requested_at is not null, now() + %(delay)s <= coalesce(j.started_at, now()) + %(within)s
  from llm_jobs j join llm_queue q on q.job_id = j.id
 where j.id = %(id)s and q.lease_token = %(token)s

-- name: retry_later
with returned as (
    update llm_queue set lease_token = null, leased_until = null, available_at = now() + %(delay)s,
                         woken_at = now() + %(delay)s
     where job_id = %(id)s and lease_token = %(token)s
    returning job_id)
update llm_jobs j set status = 'pending', last_error_code = %(code)s, last_error_message = %(message)s
  from returned r where j.id = r.job_id

-- name: has_deferred_jobs
select has_deferred_jobs(%(user_id)s)
