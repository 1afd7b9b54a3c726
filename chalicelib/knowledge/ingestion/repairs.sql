-- name: find_documents_to_verify
select document_id, object_key, object_version from find_documents_to_verify(%(older_than)s, %(stale_before)s)

-- name: ingestion_schedule
select effective_config(null) ->> 'ingestion_schedule'

-- name: record_restarted
select record_restarted_documents(%(ids)s)

-- name: expire_uploads
select expire_uploads(%(ids)s, %(older_than)s)

-- name: record_missing
select record_missing_objects(%(missing)s::uuid[], %(present)s::uuid[])

-- name: wake_waiting
select wake_waiting_documents(%(older_than)s)

-- name: wake_recognised
select wake_recognised_documents(%(older_than)s)

-- name: recognition_is_due
select recognition_is_due()

-- name: embedder_is_due
select embedder_is_due(%(older_than)s)

-- name: next_verification
select next_verification(%(older_than)s, %(stale_before)s)

-- name: next_embedder_step
select next_embedder_step()
