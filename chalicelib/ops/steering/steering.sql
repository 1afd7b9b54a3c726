-- name: usage
select * from usage_report(%(by)s, %(since)s, %(until)s, 1000)

-- name: storage
select * from storage_report(1000)

-- name: limit_user
select set_storage_limit(%(id)s, null, %(megabytes)s)

-- name: limit_group
select set_storage_limit(null, %(id)s, %(megabytes)s)

-- name: announce
insert into announcements (message, severity, starts_at, ends_at)
values (%(message)s, %(severity)s, coalesce(%(starts_at)s, now()), %(ends_at)s)
returning id, message, severity, starts_at, ends_at, created_at

-- name: announcement
select id, message, severity, starts_at, ends_at, created_at from announcements where id = %(id)s

-- name: announcements
select id, message, severity, starts_at, ends_at, created_at from announcements
 where (%(all)s or now() between starts_at and ends_at) and (%(after)s::uuid is null or id < %(after)s)
 order by id desc limit %(limit)s

-- name: withdraw
delete from announcements where id = %(id)s returning id
