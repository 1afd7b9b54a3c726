-- name: original
-- An answer of the caller's with the job that made it. A side of an open comparison is not told apart.
select j.conversation_id, j.question_id, j.settings, j.created_at, m.prompts,
       exists (select from llms l where l.name = j.model and l.is_enabled and is_offered(l.provider)) as has_model
  from messages m
  join conversations c on c.id = m.conversation_id and c.deleted_at is null
  join llm_jobs j on j.answer_id = m.id
 where m.id = %(id)s and not is_blind(j.id)

-- name: differences
-- What the answer saw and is no longer as it was: documents that were found or cited, prompts, the embedding model.
with original as (
    select j.id, j.conversation_id, j.created_at, coalesce(j.started_at, j.created_at) as started_at, m.sources, m.prompts
      from messages m join llm_jobs j on j.answer_id = m.id where m.id = %(id)s),
seen as (
    select distinct on (f.document_id) f.document_id, f.title
      from original o,
           lateral (select (s ->> 'document_id')::uuid as document_id, s ->> 'title' as title
                      from jsonb_array_elements(o.sources) s
                    union all
                    select (s ->> 'document_id')::uuid, s ->> 'title'
                      from job_events e, jsonb_array_elements(e.data -> 'sources') s
                     where e.job_id = o.id and e.event = 'retrieval') f
     order by f.document_id, f.title)
select case when u.id is null then 'document_unavailable' else 'document_changed' end as kind, s.document_id as id, s.title as name
  from original o cross join seen s
  left join usable_documents(o.conversation_id) u on u.id = s.document_id
  left join documents d on d.id = s.document_id
 where u.id is null or d.indexed_at > o.started_at
union all
select 'prompt_deleted', null, p ->> 'kind' || ' ' || (p ->> 'name')
  from original o, jsonb_array_elements(o.prompts) p
 where p ->> 'name' is not null
   and not exists (select from prompts q join prompt_versions v on v.prompt_id = q.id
                    where q.kind = p ->> 'kind' and q.name = p ->> 'name' and v.version = (p ->> 'version')::integer)
union all
select 'embedding_model_changed', null, e.name
  from original o join embedding_models e on e.status = 'active' and e.activated_at > o.started_at
 order by 1, 3

-- name: stored_prompts
-- Of the prompts that an answer used, those whose version is still there.
select coalesce(jsonb_object_agg(p ->> 'kind', (p ->> 'version')::integer), '{}')
  from messages m, jsonb_array_elements(m.prompts) p
 where m.id = %(id)s and p ->> 'name' is not null
   and exists (select from prompts q join prompt_versions v on v.prompt_id = q.id
                where q.kind = p ->> 'kind' and q.name = p ->> 'name' and v.version = (p ->> 'version')::integer)
