-- name: register
select * from register_user(%(email)s, %(username)s, %(display_name)s, %(password_hash)s, %(language)s,
                            %(ip_address)s, %(request_id)s)

-- part: login_ways
to_jsonb(array_remove(array[
    case when has_password then jsonb_build_object('name', 'local', 'account', coalesce(email, username)) end,
    case when github_id is not null then jsonb_build_object('name', 'github', 'account', github_username) end,
    case when oidc_subject is not null then jsonb_build_object('name', 'oidc', 'account', oidc_subject) end], null))
    as login_providers,
has_second_factor(id) as second_factor

-- name: me
select id, email, email_verified, username, display_name, auth_provider, is_admin, awaits_verification, created_at, last_login_at, {{login_ways}}
  from users where id = app_user_id()

-- name: change
update users set display_name = coalesce(%(display_name)s, display_name),
                 username = case when %(has_username)s then %(username)s else username end
 where id = app_user_id()
returning id, email, email_verified, username, display_name, auth_provider, is_admin, awaits_verification, created_at, last_login_at, {{login_ways}}

-- name: recent_passwords
select recent_passwords()

-- name: set_password
select set_password(%(user_id)s, %(expected)s, %(replacement)s, %(current_session)s, %(ip_address)s, %(keep_api_keys)s)

-- name: registration
select registration_is_open(), registration_admits(%(email)s), registration_awaits_verification()

-- name: find_person
select user_id, display_name, username from find_person(%(group_id)s, %(email)s, %(username)s)

-- name: group
select app_is_admin() or id = any (app_administered_groups()) from groups where id = %(group_id)s
