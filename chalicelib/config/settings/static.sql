-- name: get
select * from static_config
