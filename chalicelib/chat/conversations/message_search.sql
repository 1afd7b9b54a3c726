-- part: fits
-- A list of pairs, a name and a list of values: a message needs one value of each.
not exists (select from jsonb_array_elements(%(metadata)s::jsonb) f
             where not exists (select from jsonb_array_elements(f -> 1) v where m.metadata -> (f ->> 0) = v))

-- name: search
-- Every scan repeats the policy's condition on user_id so that it can use the index; as a subquery, it runs once.
with weighted as materialized (
    select case when semantic + lexical > 0 then semantic else 1 end as semantic, lexical
      from (select (c.config ->> 'semantic_weight')::float8 as semantic, (c.config ->> 'bm25_weight')::float8 as lexical
              from (select effective_config(%(conversation_id)s::uuid) as config) c) configured),
hidden as materialized (
    select c.id from conversations c where c.user_id = (select app_user_id()) and c.deleted_at is not null),
tagged as materialized (
    select t.conversation_id as id from entity_tags t where t.tag_id = %(tag)s::uuid and t.conversation_id is not null),
sample as materialized (
    select t.weights from message_terms t where t.user_id = (select app_user_id()) order by t.message_id desc limit %(sample)s),
-- The query's side of BM25: qtf ln(1 + (N - df + 1/2) / (df + 1/2)).
query as materialized (
    select ('{' || coalesce(string_agg(q.lexeme || ':' || (q.frequency * ln(1 + (n.messages - d.df + 0.5) / (d.df + 0.5)))::real,
                                       ',' order by q.lexeme), '') || '}/536870912')::sparsevec(536870912) as weights
      from unnest(%(lexemes)s::integer[], %(frequencies)s::integer[]) as q (lexeme, frequency),
           (select count(*) as messages from sample) n,
           lateral (select count(*) as df from sample s
                     where s.weights <#> ('{' || q.lexeme || ':1}/536870912')::sparsevec(536870912) < 0) d),
matching as materialized (
    select t.message_id, -(t.weights <#> (select weights from query)) as bm25
      from message_terms t
     where t.user_id = (select app_user_id()) and cardinality(%(lexemes)s::integer[]) > 0
       and not exists (select from hidden h where h.id = t.conversation_id)
       and (%(conversation_id)s::uuid is null or t.conversation_id = %(conversation_id)s)
       and (%(tag)s::uuid is null or t.conversation_id in (select id from tagged))
       and (%(role)s::text is null or t.role = %(role)s)
       and (%(metadata)s::jsonb is null or exists (select from messages m where m.id = t.message_id and {{fits}}))
       and (%(created_after)s::timestamptz is null or t.created_at > %(created_after)s)
       and (%(created_before)s::timestamptz is null or t.created_at < %(created_before)s)
       and t.message_id is distinct from %(without)s::uuid
     order by bm25 desc limit %(candidates)s),
-- The nearest parts are selected first: grouping all parts by message would take longer than comparing them.
parts as (
    select e.message_id, e.embedding <=> (select %(vector)s::halfvec(384)) as distance
      from message_embeddings e
     where e.user_id = (select app_user_id())
       and not exists (select from hidden h where h.id = e.conversation_id)
       and (%(conversation_id)s::uuid is null or e.conversation_id = %(conversation_id)s)
       and (%(tag)s::uuid is null or e.conversation_id in (select id from tagged))
       and (%(role)s::text is null or e.role = %(role)s)
       and (%(metadata)s::jsonb is null or exists (select from messages m where m.id = e.message_id and {{fits}}))
       and (%(created_after)s::timestamptz is null or e.created_at > %(created_after)s)
       and (%(created_before)s::timestamptz is null or e.created_at < %(created_before)s)
       and e.message_id is distinct from %(without)s::uuid
     order by distance limit 4 * %(candidates)s),
nearest as materialized (
    select message_id, 1 - min(distance) as cosine from parts group by message_id order by cosine desc limit %(candidates)s),
candidates as (
    select message_id from matching where bm25 > 0 union select message_id from nearest where cosine >= %(semantic_floor)s),
-- Both scores of every candidate, the missing one by primary key.
scored as materialized (
    select c.message_id,
           coalesce(m.bm25, -(t.weights <#> (select weights from query))) as bm25,
           coalesce(n.cosine, (select max(1 - (e.embedding <=> (select %(vector)s::halfvec(384))))
                                 from message_embeddings e where e.message_id = c.message_id), 0) as cosine
      from candidates c
      left join matching m on m.message_id = c.message_id
      left join nearest n on n.message_id = c.message_id
      join message_terms t on t.message_id = c.message_id),
best as materialized (
    select greatest(max(cosine), 0) as cosine, max(bm25) as bm25 from scored),
fused as (
    select s.message_id, s.cosine as semantic, s.bm25 as lexical,
           fused_score(w.semantic, scaled_cosine(s.cosine, b.cosine, -1), w.lexical, scaled_bm25(s.bm25, b.bm25)) as score
      from scored s, best b, weighted w),
-- Unindexed messages: the share of the query's words that they contain, also misspelt.
unindexed as materialized (
    select q.message_id, m.content, m.role, m.created_at
      from message_index_queue q join messages m on m.id = q.message_id
     where q.user_id = (select app_user_id()) and not exists (select from message_terms t where t.message_id = q.message_id)
       and not exists (select from hidden h where h.id = q.conversation_id)
       and (%(conversation_id)s::uuid is null or q.conversation_id = %(conversation_id)s)
       and (%(tag)s::uuid is null or q.conversation_id in (select id from tagged))
       and (%(role)s::text is null or m.role = %(role)s)
       and (%(metadata)s::jsonb is null or {{fits}})
       and (%(created_after)s::timestamptz is null or m.created_at > %(created_after)s)
       and (%(created_before)s::timestamptz is null or m.created_at < %(created_before)s)
       and q.message_id is distinct from %(without)s::uuid
     order by q.message_id desc limit %(unindexed)s),
lettered as (
    select u.message_id,
           greatest(word_similarity(%(query)s, left(u.content, 4000)),
                    (select count(*) filter (where strpos(lower(u.content), w) > 0)::float8 / nullif(count(*), 0)
                       from unnest(%(words)s::text[]) w)) as score
      from unindexed u),
found as (
    select message_id, semantic, lexical, score from fused
    union all
    select message_id, null, null, score from lettered where score >= %(letters_floor)s)
select f.message_id, m.conversation_id, c.title as conversation_title, m.role, m.content, m.created_at, f.score, f.semantic,
       f.lexical
  from found f join messages m on m.id = f.message_id join conversations c on c.id = m.conversation_id
 where c.deleted_at is null
 order by f.score desc, f.message_id desc
 offset %(offset)s limit %(limit)s

-- name: unindexed
select q.message_id, m.content
  from message_index_queue q join messages m on m.id = q.message_id
 where q.user_id = (select app_user_id())
 order by q.message_id limit %(limit)s

-- name: store
with input as (
    select m.id, m.conversation_id, m.user_id, m.role, m.created_at, g.weights
      from unnest(%(ids)s::uuid[], %(weights)s::text[]) as g (id, weights) join messages m on m.id = g.id),
terms as (
    insert into message_terms (message_id, conversation_id, user_id, role, created_at, weights)
    select id, conversation_id, user_id, role, created_at, weights::sparsevec(536870912) from input
    on conflict do nothing),
vectors as (
    insert into message_embeddings (message_id, part, conversation_id, user_id, role, created_at, embedding)
    select g.id, row_number() over (partition by g.id order by v.place), g.conversation_id, g.user_id, g.role, g.created_at,
           v.vector::halfvec(384)
      from unnest(%(part_ids)s::uuid[], %(vectors)s::text[]) with ordinality as v (id, vector, place)
      join input g on g.id = v.id
    on conflict do nothing)
delete from message_index_queue where message_id = any (%(ids)s::uuid[])

-- name: unindexed_users
select find_unindexed_users(%(older_than)s, %(limit)s)

-- name: has_waiting_jobs
select has_waiting_jobs()

-- name: next_message_index
select next_message_index(%(older_than)s)
