-- name: list
select name, ceil(extract(epoch from lifetime) / 86400)::integer as days from retention order by name

-- name: set
update retention set lifetime = make_interval(days => %(days)s) where name = %(name)s
returning name, ceil(extract(epoch from lifetime) / 86400)::integer as days
