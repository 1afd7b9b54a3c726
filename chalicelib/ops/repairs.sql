-- name: ensure_partitions
select ensure_partitions()

-- name: delete_expired_rows
select purge_expired()

-- name: drop_expired_partitions
select drop_expired_partitions()

-- name: delete_idempotency_keys
select forget_idempotency_keys()
