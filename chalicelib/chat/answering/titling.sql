-- name: is_automatic
select exists (select from conversations where id = %(id)s and title = %(automatic)s)

-- name: set_title
with input as (
    update conversations set title = %(title)s where id = %(id)s and title = %(automatic)s returning id)
select exists (select from input)
