-- name: lock_choices
select pg_advisory_xact_lock_shared(hashtextextended('choices', 0))

-- name: lock_deletions
select pg_advisory_xact_lock(hashtextextended('choices', 0))
