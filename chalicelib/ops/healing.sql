-- name: wake_lost_jobs
select job_id from wake_lost_jobs(%(patience)s)

-- name: find_stuck_documents
select document_id, object_key from find_stuck_documents(%(patience)s)

-- name: expire_uploads
select expire_uploads(%(ids)s)

-- name: keep_house
select ensure_partitions(), fold_lexeme_counts(), forget_idempotency_keys()
