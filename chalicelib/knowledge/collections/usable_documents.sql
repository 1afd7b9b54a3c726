-- part: usable
usable_documents(%(conversation_id)s::uuid, %(documents)s::uuid[], %(source_types)s::text[], %(tags)s::jsonb,
                 %(repositories)s::jsonb, %(created_after)s::timestamptz, %(created_before)s::timestamptz,
                 %(modified_after)s::timestamptz, %(modified_before)s::timestamptz, %(metadata)s::jsonb)

-- part: original
(select coalesce(a.duplicate_of, a.id) from documents a where a.id = %(id)s)

-- part: warnings
(select w.warnings from documents w where w.id = u.id) as warnings

-- name: list
select u.id, u.title, u.status, u.chunk_count, {{warnings}}
  from {{usable}} u
 where %(after)s::uuid is null or u.id < %(after)s::uuid
 order by u.id desc limit %(limit)s

-- name: count
select count(*) from {{usable}} u

-- name: get
select u.id, u.title, u.status, u.chunk_count, {{warnings}} from {{usable}} u where u.id = {{original}}

-- name: chunks
select c.id, c.document_id, c.chunk_index, c.chunk_text as text, c.start_char, c.end_char, c.page, c.section, c.columns,
       c.token_count
  from {{usable}} u join document_chunks c on c.document_id = u.id
 where u.id = {{original}} and c.chunk_index >= %(first)s
 order by c.chunk_index limit %(limit)s

-- name: text
select t.content
  from {{usable}} u join document_texts t on t.document_id = u.id
 where u.id = {{original}}

-- name: named
-- A document is named by its id, by its id where it comes from, or by its title.
select distinct n.name, u.id
  from unnest(%(names)s::text[]) as n (name)
  join documents d on d.source_id = n.name or d.title = n.name or d.id::text = lower(n.name)
  join {{usable}} u on u.id = coalesce(d.duplicate_of, d.id)
