-- name: change
update conversations set settings = jsonb_strip_nulls(settings || %(changes)s)
 where id = %(id)s and deleted_at is null
returning settings
