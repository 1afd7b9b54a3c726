-- name: find_login
select user_id, password_hash from find_login(%(identifier)s)

-- name: finish_login
select session_id, stale, is_known_device, refusal
  from finish_login(%(user_id)s, %(identifier)s, %(verified_hash)s, %(matches)s, %(rehashed)s, %(refresh_hash)s,
                           make_interval(days => (select session_lifetime_days from static_config)),
                           %(ip_address)s::inet, %(user_agent)s, %(request_id)s, %(device)s, %(new_device)s,
                           %(step)s, %(recovery)s)

-- name: rotate
select session_id, user_id from rotate_refresh_token(%(presented)s, %(successor)s, %(ip_address)s::inet, %(request_id)s)

-- name: list
select id, host(ip_address) as ip_address, user_agent, created_at, last_activity_at,
       coalesce(proven_at, created_at) as authenticated_at, expires_at, data,
       id = %(current)s as current
  from sessions
 where user_id = app_user_id() and revoked_at is null and expires_at > now()
   and (%(after)s::uuid is null or id < %(after)s)
 order by id desc limit %(limit)s

-- name: revoke
update sessions set revoked_at = now()
 where user_id = app_user_id() and id = %(session_id)s and revoked_at is null and expires_at > now()
returning id

-- name: store_data
select store_session_data(%(session_id)s, %(data)s::jsonb)

-- name: one
select id, host(ip_address) as ip_address, user_agent, created_at, last_activity_at,
       coalesce(proven_at, created_at) as authenticated_at, expires_at, data, true as current
  from sessions where id = %(session_id)s

-- name: revoke_all
update sessions set revoked_at = now() where user_id = app_user_id() and revoked_at is null

-- name: renew_proof
select renew_proof(%(session_id)s, %(verified_hash)s, %(step)s, %(recovery)s)
