-- name: lock_content
select pg_advisory_xact_lock(hashtextextended(app_user_id()::text || encode(%(sha256)s::bytea, 'hex'), 0))

-- name: lock_document
-- The document with the same content is locked too, so that it is not deleted before this one becomes its copy. An
-- archived document is neither a copy nor an original: uploading its bytes again creates a searchable document.
select d.id as document_id, d.space_id, d.recheck, d.title, d.is_archived,
       (select o.id from documents o
         where o.owner_id = d.owner_id and o.space_id = d.space_id and o.content_sha256 = %(sha256)s and o.id <> d.id
           and o.extra_text is not distinct from d.extra_text and o.deleted_at is null and o.duplicate_of is null and not o.is_archived and not d.is_archived
           and o.connector_id is null and d.connector_id is null
         limit 1 for share) as same_content
  from documents d
 where d.id = %(id)s and d.lease_token = %(token)s and d.deleted_at is null
   for update of d

-- name: existing
select exists (select from document_texts t where t.document_id = %(id)s)
       or exists (select from document_chunks c where c.document_id = %(id)s) as has_text,
       exists (select from documents c where c.parent_id = %(id)s) as has_children,
       exists (select from documents c where c.duplicate_of = %(id)s) as has_copies,
       exists (select from embedding_models m where m.status = 'preparing') as is_model_preparing

-- name: remove_chunks
with uncounted as (
    select count_lexemes(%(id)s, -1)),
removed_text as (
    delete from document_texts t using uncounted where t.document_id = %(id)s returning 1)
delete from document_chunks c using uncounted where c.document_id = %(id)s

-- name: insert_text
insert into document_texts (document_id, space_id, content) values (%(id)s, %(space_id)s, %(text)s)

-- name: insert_chunks
-- Without a join, because the plan is kept for documents of any size. An id is made once for each row: a function that is
-- volatile keeps the input from being read twice.
with input as (
    select uuidv7() as id, g.ordinal::integer - 1 as chunk_index, g.start_char, g.end_char, g.page, g.section, g.columns, g.context,
           g.token_count, g.vector, g.weights, g.chunk_text
      from unnest(%(texts)s::text[], %(starts)s::integer[], %(ends)s::integer[], %(pages)s::integer[], %(sections)s::text[],
                  %(columns)s::text[], %(contexts)s::text[], %(token_counts)s::integer[], %(vectors)b::halfvec[], %(weights)s::text[])
           with ordinality as g (chunk_text, start_char, end_char, page, section, columns, context, token_count, vector,
                                 weights, ordinal)),
chunks as (
    insert into document_chunks (id, document_id, space_id, chunk_index, chunk_text, start_char, end_char, page, section,
                                 columns, context, token_count)
    select id, %(id)s, %(space_id)s, chunk_index, chunk_text, start_char, end_char, page, section, columns, context,
           token_count
      from input),
vectors as (
    insert into embeddings (chunk_id, model_id, document_id, space_id, live, embedding)
    select id, %(model)s::smallint, %(id)s, %(space_id)s, %(live)s, vector from input)
insert into chunk_terms (chunk_id, document_id, space_id, live, weights)
select id, %(id)s, %(space_id)s, %(live)s, weights::sparsevec from input

-- name: count_lexemes
select count_lexemes(%(id)s, 1)

-- name: lock_models
select active_id from lock_embedding_models()

-- name: queue_embedding
select queue_embedding(%(id)s)

-- name: report_unknown_script
select report_unknown_script(%(id)s)

-- name: complete
update documents
   set status = 'completed', stage = null, object_version = %(version)s, content_sha256 = %(sha256)s,
       size_bytes = %(size)s, duplicate_of = %(duplicate_of)s, chunk_count = %(chunk_count)s,
       chunks_done = %(chunk_count)s, chunks_total = %(chunk_count)s, indexed_at = now(), lease_token = null,
       leased_until = null, attempts = 0, recheck = false, warnings = %(warnings)s::jsonb
 where id = %(id)s

-- name: describe_original
-- An original keeps what is said about it, and gets what only its copy says.
update documents d
   set ({{described}}) = ({{completed: to_jsonb(c)}})
  from documents c
 where d.id = %(duplicate_of)s and c.id = %(id)s

-- name: tag_original
insert into entity_tags (tag_id, owner_id, space_id, document_id)
select t.tag_id, t.owner_id, t.space_id, %(duplicate_of)s
  from entity_tags t
 where t.document_id = %(id)s
    on conflict do nothing

-- name: release_duplicates
update documents set duplicate_of = null, content_sha256 = null, status = 'pending', object_version = null
 where duplicate_of = %(id)s and content_sha256 <> %(sha256)s
returning object_key
