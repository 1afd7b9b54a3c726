-- name: open
select session_id, user_id
  from open_anonymous_session(%(client_hash)s, %(refresh_hash)s,
                              make_interval(days => (select session_lifetime_days from static_config)),
                              %(ip_address)s, %(user_agent)s, %(request_id)s)

-- name: is_anonymous
select u.auth_provider = 'anonymous', registration_is_open() and not registration_awaits_verification() from users u where u.id = app_user_id()

-- name: upgrade
select session_id, app_user_id()
  from upgrade_anonymous(%(email)s, %(username)s, %(display_name)s, %(password_hash)s, %(refresh_hash)s,
                         make_interval(days => (select session_lifetime_days from static_config)),
                         %(ip_address)s, %(user_agent)s, %(request_id)s) as session_id
 where session_id is not null

-- name: absorb
select absorb_anonymous(%(session_id)s, %(ip_address)s, %(request_id)s)
