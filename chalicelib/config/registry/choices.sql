-- name: lock_choices
select pg_advisory_xact_lock_shared(hashtextextended('choices', 0))

-- name: close
select pg_advisory_xact_lock(hashtextextended('choices', 0))
