-- name: register
select * from register_user(%(email)s, %(username)s, %(display_name)s, %(password_hash)s, %(ip_address)s, %(request_id)s)

-- name: me
select id, email, username, display_name, auth_provider, is_admin, created_at, last_login_at
  from users where id = app_user_id()

-- name: change
update users set display_name = coalesce(%(display_name)s, display_name),
                 username = case when %(has_username)s then %(username)s else username end
 where id = app_user_id()
returning id, email, username, display_name, auth_provider, is_admin, created_at, last_login_at

-- name: recent_passwords
select recent_passwords()

-- name: set_password
select set_password(%(user_id)s, %(expected)s, %(replacement)s, %(current_session)s, %(ip_address)s)
