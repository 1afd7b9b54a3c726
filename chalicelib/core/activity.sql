-- name: record
select record_activity(%(runs)s)
