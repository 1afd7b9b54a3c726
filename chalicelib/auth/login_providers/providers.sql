-- name: start
select create_login_attempt(%(state_hash)s, %(browser_hash)s, %(provider)s, %(redirect_uri)s,
                            %(front_end)s, %(front_end_state)s, %(session_id)s)

-- name: consume
select redirect_uri, user_id, front_end, front_end_state
  from consume_login_attempt(%(state_hash)s, %(browser_hash)s, %(provider)s)

-- name: finish
select session_id, user_id
  from finish_provider_login(%(provider)s, %(person)s, %(present)s, %(refresh_hash)s,
                             make_interval(days => (select session_lifetime_days from static_config)),
                             %(ip_address)s, %(user_agent)s, %(request_id)s)

-- name: deployment
select deployment_name, anonymous_allowed from static_config

-- name: unlink
select unlink_login_provider(%(provider)s, %(session_id)s, %(ip_address)s::inet, %(request_id)s)
