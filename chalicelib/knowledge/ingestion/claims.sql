-- name: claim
select document_id, owner_id from claim_document(%(key)s, %(version)s, %(token)s, %(lease)s)

-- name: progress
update documents set leased_until = now() + %(lease)s, stage = %(stage)s, chunks_done = %(done)s, chunks_total = %(total)s
 where id = %(id)s and lease_token = %(token)s and deleted_at is null
returning id

-- name: fail
update documents
   set status = 'failed', stage = null, object_version = %(version)s, error_code = %(code)s, error_message = %(message)s,
       lease_token = null, leased_until = null, attempts = 0
 where id = %(id)s and lease_token = %(token)s
returning recheck
