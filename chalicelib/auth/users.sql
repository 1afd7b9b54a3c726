-- name: register
select register_user(%(email)s, %(username)s, %(display_name)s, %(password_hash)s, %(ip_address)s, %(request_id)s)

-- name: me
select id, email, username, display_name, auth_provider, is_admin, created_at, last_login_at
  from users where id = app_user_id()
