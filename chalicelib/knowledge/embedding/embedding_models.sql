-- part: recipes
select id, provider, model, dimension, native_dimension, base_url, ciphertext, wrapped_key, master_key, query_prefix,
       document_prefix
  from embedding_models

-- name: active
{{recipes}} where status = 'active'

-- name: recipe
{{recipes}} where id = %(id)s

-- name: preparing
{{recipes}} where status = 'preparing'

-- name: get
select m.id, m.name, m.provider, m.model, m.dimension, m.query_prefix, m.document_prefix, m.base_url, m.key_last_four, m.status, m.created_at, m.updated_at,
       m.activated_at, m.retired_at,
       case when m.status <> 'inactive' then jsonb_build_object(
                'chunks_done', p.chunks_done, 'chunks_total', p.chunks_total, 'documents_left', p.documents_left,
                'documents_failed', p.documents_failed) end as progress,
       case when p.error_message is not null then jsonb_build_object(
                'code', case when p.documents_failed > 0 then 'gave_up' else 'embedding_failed' end,
                'message', p.error_message) end as error
  from embedding_models m left join lateral embedding_progress(m.id) p on m.status <> 'inactive'
 where (%(id)s::integer is null or m.id = %(id)s)
 order by m.id limit %(limit)s

-- name: reach
select provider, base_url, status, r.documents, r.private_documents, r.chunks
  from embedding_models, embedding_reach() r where id = %(id)s

-- name: make_room
select create_embedding_partition(%(id)s::smallint)

-- name: prepare
select prepare_embedding_model(%(id)s::smallint)

-- name: survey
select queue_missing_embeddings(%(id)s::smallint)

-- name: cancel
select cancel_embedding_model(%(id)s::smallint)

-- name: delete
select delete_embedding_model(%(id)s::smallint)

-- name: drop_retired
select drop_retired_embeddings(retention_period('retired_embeddings'))
