-- name: claim
select claim_embeddings(%(model)s::smallint, %(token)s, %(lease)s, %(amount)s)

-- name: read
select chunk_id, chunk_text from read_embedding_batch(%(token)s, %(amount)s)

-- name: store
select store_embeddings(%(token)s, %(chunks)s::uuid[], %(vectors)b::halfvec[], %(lease)s)

-- name: finish
select finish_embeddings(%(token)s)

-- name: release
select return_embeddings(%(token)s, %(message)s, %(pause)s, %(counted)s)

-- name: conclude
select conclude_embedding_model(%(model)s::smallint)

-- name: list_waiting_models
select wake_embedding_models()

-- name: next_reembedding
select next_reembedding()
