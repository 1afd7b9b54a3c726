-- name: create
insert into api_keys (name, prefix, key_hash, scopes, expires_at)
select %(name)s, %(prefix)s, %(key_hash)s, %(scopes)s::text[], now() + make_interval(days => %(days)s)
 where (select count(*) from api_keys where user_id = app_user_id() and revoked_at is null) < %(most)s
returning id, name, prefix, scopes, expires_at, last_used_at, created_at

-- name: may_last
select coalesce(d.api_keys_may_last, s.api_keys_may_last) from static_config s, dynamic_config d

-- name: list
select id, name, prefix, scopes, expires_at, last_used_at, created_at
  from api_keys
 where user_id = app_user_id() and revoked_at is null and (%(after)s::uuid is null or id < %(after)s)
 order by id desc limit %(limit)s

-- name: revoke
update api_keys set revoked_at = now() where user_id = app_user_id() and id = %(id)s and revoked_at is null
returning id

-- name: revoke_all
update api_keys set revoked_at = now() where user_id = app_user_id() and revoked_at is null

-- name: list_of_user
select id, name, prefix, scopes, expires_at, last_used_at, created_at
  from api_keys_of(%(user_id)s, %(after)s::uuid, %(limit)s)

-- name: revoke_of_user
select revoke_api_key_of(%(user_id)s, %(id)s)
