-- name: claim
select document_id, model_id, chunk_index, chunk_text from claim_requests(%(token)s, %(lease)s, %(amount)s)

-- name: store
select store_requested(%(token)s, %(documents)s::uuid[], %(indices)s::integer[], %(vectors)b::halfvec[])
