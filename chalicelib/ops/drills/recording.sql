-- name: record
select record_drill(%(drill)s)
