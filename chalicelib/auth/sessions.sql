-- name: find_login
select user_id, password_hash from find_login(%(identifier)s)

-- name: finish_login
select finish_login(%(user_id)s, %(identifier)s, %(matches)s, %(rehashed)s, %(refresh_hash)s,
                    make_interval(days => (select session_lifetime_days from static_config)),
                    %(ip_address)s, %(user_agent)s, %(request_id)s)

-- name: rotate
select session_id, user_id from rotate_refresh_token(%(presented)s, %(successor)s)

-- name: revoke
update sessions set revoked_at = now() where id = %(session_id)s and revoked_at is null
