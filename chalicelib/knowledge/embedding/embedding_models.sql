-- name: active
select id, provider, model, dimension, native_dimension, base_url, ciphertext, wrapped_key, master_key
  from embedding_models where status = 'active'

-- name: recipe
select id, provider, model, dimension, native_dimension, base_url, ciphertext, wrapped_key, master_key
  from embedding_models where id = %(id)s

-- name: preparing
select id, provider, model, dimension, native_dimension, base_url, ciphertext, wrapped_key, master_key
  from embedding_models where status = 'preparing'

-- name: get
select m.id, m.name, m.provider, m.model, m.dimension, m.base_url, m.key_last_four, m.status, m.created_at, m.updated_at,
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

-- name: registered
select count(*) from embedding_models

-- name: next_id
select nextval('embedding_models_id_seq')::integer

-- name: create
insert into embedding_models (id, name, provider, model, dimension, native_dimension, base_url, ciphertext, wrapped_key,
                              master_key, key_last_four, probe)
overriding system value
values (%(id)s, %(name)s, %(provider)s, %(model)s, %(dimension)s, %(native_dimension)s, %(base_url)s, %(ciphertext)s,
        %(wrapped_key)s, %(master_key)s, %(key_last_four)s, %(probe)s::halfvec)
returning id

-- name: change
update embedding_models set name = %(name)s, base_url = %(base_url)s, ciphertext = %(ciphertext)s,
                            wrapped_key = %(wrapped_key)s, master_key = %(master_key)s, key_last_four = %(key_last_four)s
 where id = %(id)s
returning id

-- name: stored
select id, provider, model, dimension, native_dimension, base_url, ciphertext, wrapped_key, master_key, name,
       key_last_four
  from embedding_models where id = %(id)s

-- name: likeness
select 1 - (probe <=> %(probe)s::halfvec) from embedding_models where id = %(id)s

-- name: make_room
select create_embedding_partition(%(id)s::smallint)

-- name: prepare
select prepare_embedding_model(%(id)s::smallint)

-- name: survey
select count_missing_embeddings(%(id)s::smallint)

-- name: cancel
select cancel_embedding_model(%(id)s::smallint)

-- name: delete
select delete_embedding_model(%(id)s::smallint)

-- name: drop_retired
select drop_retired_embeddings(retention_period('retired_embeddings'))
