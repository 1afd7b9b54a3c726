-- name: wake_due
select wake_due_syncs(%(amount)s, %(grace)s)

-- name: next_due
select next_sync_due(%(grace)s)

-- name: forget
select forget_sync_runs()

-- name: forget_readers
select forget_readers(%(amount)s)
