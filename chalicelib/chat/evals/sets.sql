-- part: counted
select s.id, s.name, s.description, s.created_at, s.updated_at,
       (select count(*)::integer from eval_questions q where q.set_id = s.id) as question_count
  from eval_sets s

-- name: create
insert into eval_sets (name, description)
select %(name)s, %(description)s where (select count(*) from eval_sets) < %(most)s
returning id

-- name: get
{{counted}}
 where s.id = %(id)s

-- name: list
{{counted}}
 where %(after)s::uuid is null or s.id < %(after)s::uuid
 order by s.id desc limit %(limit)s

-- name: delete
delete from eval_sets where id = %(id)s

-- name: hold
update eval_sets set updated_at = now() where id = %(id)s returning id

-- name: questions
select id, question, expected_documents, expected_words, should_decline, origin, created_at
  from eval_questions
 where set_id = %(id)s and (%(after)s::uuid is null or id > %(after)s::uuid)
 order by id limit %(limit)s

-- name: add
insert into eval_questions (set_id, question, expected_documents, expected_words, should_decline, origin)
select %(id)s, e ->> 'question', array(select d::uuid from jsonb_array_elements_text(e -> 'expected_documents') d),
       array(select w from jsonb_array_elements_text(e -> 'expected_words') w), (e ->> 'should_decline')::boolean, %(origin)s
  from jsonb_array_elements(%(questions)s::jsonb) with ordinality as q (e, number)
 order by q.number

-- name: collect
-- The sources of an answer that was liked are what a good answer cites.
insert into eval_questions (set_id, question, expected_documents, origin, message_id)
select %(id)s, coalesce(q.rephrased_query, q.content),
       case when %(liked)s
            then array(select distinct (s ->> 'document_id')::uuid from jsonb_array_elements(a.sources) s limit 100)
            else '{}' end,
       case when %(liked)s then 'like' else 'mistake' end, a.id
  from messages a join messages q on q.id = a.parent_message_id
 where a.user_id = app_user_id() and a.role = 'assistant' and q.role = 'user'
   and case when %(liked)s then exists (select from feedback f where f.message_id = a.id and f.kind = 'like')
            else a.is_mistake end
 order by a.id desc limit %(limit)s
    on conflict (set_id, message_id) do nothing
