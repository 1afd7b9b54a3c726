-- name: receive
select receive_inbox_object(%(key)s, %(etag)s, %(size)s, %(space_kind)s, %(space_name)s, %(described)s)

-- name: refuse
select record_inbox_object(%(key)s, %(etag)s, null, %(reason)s)

-- name: delete
select delete_inbox_document(%(key)s)

-- name: next_sweep
select next_inbox_sweep(%(pause)s)

-- name: sweep
select sweep_inbox(%(keys)s::text[], %(etags)s::text[], %(since)s, %(reached)s)
