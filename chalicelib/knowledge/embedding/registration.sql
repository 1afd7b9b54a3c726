-- name: registered
select count(*) from embedding_models

-- name: next_id
select nextval('embedding_models_id_seq')::integer

-- name: create
insert into embedding_models (id, name, provider, model, dimension, native_dimension, base_url, ciphertext, wrapped_key,
                              master_key, key_last_four, query_prefix, document_prefix, probe)
overriding system value
values (%(id)s, %(name)s, %(provider)s, %(model)s, %(dimension)s, %(native_dimension)s, %(base_url)s, %(ciphertext)s,
        %(wrapped_key)s, %(master_key)s, %(key_last_four)s, %(query_prefix)s, %(document_prefix)s,
        %(probe)s::halfvec)
returning id

-- name: change
update embedding_models set name = %(name)s, base_url = %(base_url)s, ciphertext = %(ciphertext)s,
                            wrapped_key = %(wrapped_key)s, master_key = %(master_key)s, key_last_four = %(key_last_four)s
 where id = %(id)s
returning id

-- name: stored
select id, provider, model, dimension, native_dimension, base_url, ciphertext, wrapped_key, master_key, name,
       key_last_four, status
  from embedding_models where id = %(id)s

-- name: likeness
select 1 - (probe <=> %(probe)s::halfvec) from embedding_models where id = %(id)s
