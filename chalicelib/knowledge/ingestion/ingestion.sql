-- name: record_size
update documents set size_bytes = %(size)s
 where id = %(id)s and lease_token = %(token)s and size_bytes is distinct from %(size)s

-- name: source
select d.filename, d.content_type, d.depth, d.extra_text, c.config ->> 'ocr_languages' as ocr_languages,
       (c.config ->> 'chunk_size')::integer as chunk_size,
       (c.config ->> 'chunk_overlap')::integer as chunk_overlap,
       case when d.embed_here then 0 else (c.config ->> 'gpu_threshold_chunks')::integer end as gpu_threshold
  from documents d, effective_config(null) as c (config)
 where d.id = %(id)s and d.lease_token = %(token)s

-- name: request
select request_embeddings(%(id)s, %(token)s, %(model)s::smallint, %(texts)s::text[])

-- name: requested
select requested_embeddings(%(id)s, %(token)s, %(model)s::smallint, %(texts)s::text[])
