-- name: write
select id, merged
  from write_memory(%(content)s, %(gist)s, %(kind)s, %(importance)s::real, %(source)s, %(conversation_id)s, %(message_id)s,
                    %(document_id)s, %(metadata)s::jsonb, %(vectors)s::text[], %(same_words)s::real, %(more_words)s::real, %(most)s)

-- name: get
select * from memory_items where id = %(id)s

-- name: list
select * from memory_items
 where user_id = app_user_id()
   and (%(kind)s::text is null or kind = %(kind)s) and (%(source)s::text is null or source = %(source)s)
   and (%(tag)s::uuid is null or id in (select t.memory_id from entity_tags t where t.tag_id = %(tag)s))
   -- Everything before the first colon is a name; a value that is no text is compared as text.
   and (%(metadata)s::text is null or metadata ->> split_part(%(metadata)s, ':', 1)
                                      = substr(%(metadata)s, strpos(%(metadata)s, ':') + 1))
   and (%(after)s::uuid is null or id < %(after)s)
 order by id desc limit %(limit)s

-- name: change
update memory_items
   set content = coalesce(%(content)s, content), gist = coalesce(%(gist)s, gist), kind = coalesce(%(kind)s, kind),
       importance = coalesce(%(importance)s::real, importance), metadata = coalesce(%(metadata)s::jsonb, metadata)
 where id = %(id)s
returning id

-- name: can_read
select exists (select from usable_documents(null::uuid) u where u.id = %(document_id)s)

-- name: forget_vectors
delete from memory_embeddings where memory_id = %(id)s

-- name: store_vectors
insert into memory_embeddings (memory_id, part, user_id, embedding)
select %(id)s, v.part, app_user_id(), v.vector::halfvec(384)
  from unnest(%(vectors)s::text[]) with ordinality as v (vector, part)

-- name: delete
delete from memory_items where id = %(id)s returning id

-- name: ranked
-- Every memory of the caller's is compared: there are few enough. A long memory is as similar as its most similar part.
nearest as materialized (
    select e.memory_id, max(1 - (e.embedding <=> (select %(vector)s::halfvec(384)))) as cosine
      from memory_embeddings e where e.user_id = (select app_user_id()) group by e.memory_id),
factors as (
    select m.id, m.kind,
           greatest(n.cosine, 0, case when %(standing)s and m.kind = 'instruction' then %(floor)s::float8 end) as relevance,
           0.5 + 0.5 * power(0.5, greatest(extract(epoch from now() - greatest(m.last_accessed_at, m.updated_at)), 0)::float8
                                  / 86400 / %(half_life)s) as recency,
           0.5 + 0.5 * m.importance as weight
      from nearest n join memory_items m on m.id = n.memory_id),
ranked as materialized (
    select id, relevance * recency * weight as score, relevance, recency, weight
      from factors
     where relevance >= %(floor)s::float8 and (%(kinds)s::text[] is null or kind = any (%(kinds)s::text[]))
       and (%(tag)s::uuid is null
            or id = any (array(select t.memory_id from entity_tags t where t.tag_id = %(tag)s and t.memory_id is not null)))
     order by score desc, id desc limit %(top_k)s)

-- name: accessed
-- Rows are locked in one order, so that two requests that recall the same memories cannot deadlock.
locked as materialized (
    select m.id from memory_items m where m.id in (select r.id from ranked r) order by m.id for no key update),
accessed as (
    update memory_items m set access_count = m.access_count + 1, last_accessed_at = now()
      from locked l where m.id = l.id
    returning m.*)

-- name: recalled
select a.*, r.score, r.relevance, r.recency, r.weight
  from accessed a join ranked r on r.id = a.id order by r.score desc, a.id desc

-- name: get_many
select m.*, r.score, r.relevance, r.recency, r.weight
  from ranked r join memory_items m on m.id = r.id order by r.score desc, m.id desc

-- name: count_access
with locked as materialized (
    select m.id from memory_items m where m.id = any (%(ids)s::uuid[]) order by m.id for no key update)
update memory_items m set access_count = m.access_count + 1, last_accessed_at = now()
  from locked l where m.id = l.id

-- name: is_read_only
select current_setting('transaction_read_only') = 'on'
