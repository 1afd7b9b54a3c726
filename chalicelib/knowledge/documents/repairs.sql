-- name: purge_documents
select purge_documents(retention_period('documents'), %(amount)s)

-- name: next_sweep
select next_sweep(%(pause)s)

-- name: sweep_objects
select sweep_objects(%(keys)s::text[], %(versions)s::text[], %(stored)s::timestamptz[], %(older_than)s, %(delay)s, %(reached)s)
