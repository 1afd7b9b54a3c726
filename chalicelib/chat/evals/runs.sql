-- part: counted
select r.id, r.set_id, r.name, r.status, r.reason, r.budget_usd::float8 as budget_usd, r.configuration, r.created_at,
       r.finished_at, '{}'::jsonb as measures,
       (select count(*)::integer from eval_questions q where q.set_id = r.set_id) as question_count,
       n.finished_count, n.failed_count, n.cost_usd
  from eval_runs r,
       lateral (select count(*) filter (where e.status <> 'pending')::integer as finished_count,
                       count(*) filter (where e.status = 'failed')::integer as failed_count,
                       coalesce(sum(e.cost_usd), 0)::float8 as cost_usd
                  from eval_results e where e.run_id = r.id) n

-- name: create
insert into eval_runs (set_id, name, configuration, budget_usd)
select %(set_id)s, %(name)s, %(configuration)s, %(budget_usd)s where (select count(*) from eval_runs) < %(most)s
returning id

-- name: get
{{counted}}
 where r.id = %(id)s

-- name: list
{{counted}}
 where (%(set_id)s::uuid is null or r.set_id = %(set_id)s::uuid) and (%(after)s::uuid is null or r.id < %(after)s::uuid)
 order by r.id desc limit %(limit)s

-- name: measures
select e.measures from eval_results e where e.run_id = %(id)s and e.status <> 'pending' order by e.question_id

-- name: by_question
select e.question_id, e.measures from eval_results e where e.run_id = %(id)s and e.status <> 'pending'

-- name: results
select e.question_id, q.question, e.status, e.answer, e.error_code, e.retrieved_documents, e.cited_documents, e.measures
  from eval_results e join eval_questions q on q.id = e.question_id
 where e.run_id = %(id)s and (%(after)s::uuid is null or e.question_id > %(after)s::uuid)
 order by e.question_id limit %(limit)s

-- name: lock
select r.id from eval_runs r where r.id = %(id)s for update skip locked

-- name: pending
select count(*)::integer from eval_results e where e.run_id = %(id)s and e.status = 'pending'

-- name: next_questions
select q.id, q.question
  from eval_runs r join eval_questions q on q.set_id = r.set_id
 where r.id = %(id)s and not exists (select from eval_results e where e.run_id = r.id and e.question_id = q.id)
 order by q.id limit %(limit)s

-- name: begin
insert into eval_results (run_id, question_id, job_id, conversation_id)
values (%(id)s, %(question_id)s, %(job_id)s, %(conversation_id)s)

-- name: put_away
update conversations set is_archived = true where id = %(id)s

-- name: drop_conversation
update conversations set deleted_at = now() where id = %(id)s and deleted_at is null

-- name: answered
-- The jobs of a run that have ended, or are gone. A document counts once, at its best rank.
select e.question_id, e.conversation_id, q.expected_documents, q.expected_words, q.should_decline,
       j.id is null or j.status <> 'completed' as is_failed,
       case when j.id is null then 'gone' else coalesce(j.error_code, nullif(j.status, 'completed')) end as error_code,
       m.content,
       array(select f.document_id
               from (select (s.source ->> 'document_id')::uuid as document_id, min(s.place) as place
                       from job_events v, jsonb_array_elements(v.data -> 'sources') with ordinality as s (source, place)
                      where v.job_id = e.job_id and v.event = 'retrieval'
                      group by 1) f
              order by f.place) as retrieved,
       array(select distinct (s ->> 'document_id')::uuid from jsonb_array_elements(m.sources) s) as cited,
       coalesce((select sum(u.cost_usd) from usage u where u.job_id = e.job_id), 0)::float8 as cost_usd,
       coalesce(extract(epoch from j.finished_at - j.started_at) * 1000, 0)::float8 as milliseconds
  from eval_results e
  join eval_questions q on q.id = e.question_id
  left join llm_jobs j on j.id = e.job_id
  left join messages m on m.id = j.answer_id
 where e.run_id = %(id)s and e.status = 'pending' and (j.id is null or j.finished_at is not null)
 order by e.question_id limit %(limit)s

-- name: store
update eval_results
   set status = %(status)s, answer = %(answer)s, error_code = %(error_code)s, retrieved_documents = %(retrieved)s::uuid[],
       cited_documents = %(cited)s::uuid[], measures = %(measures)s, cost_usd = %(cost_usd)s
 where run_id = %(id)s and question_id = %(question_id)s

-- name: complete
update eval_runs r set status = 'completed', finished_at = now()
 where r.id = %(id)s and r.status = 'running'
   and not exists (select from eval_questions q
                    where q.set_id = r.set_id
                      and not exists (select from eval_results e
                                       where e.run_id = r.id and e.question_id = q.id and e.status <> 'pending'))

-- name: end
update eval_runs set status = %(status)s, reason = %(reason)s, finished_at = now() where id = %(id)s and status = 'running'

-- name: delete
delete from eval_runs where id = %(id)s
