-- name: get
select has_second_factor(app_user_id()) as is_on,
       (select f.confirmed_at from second_factors f where f.user_id = app_user_id()) as confirmed_at,
       (select count(*) from recovery_codes c where c.user_id = app_user_id()) as recovery_codes_left

-- name: account
select u.email, u.username, u.has_password, s.deployment_name from users u, static_config s where u.id = app_user_id()

-- name: sealed
select ciphertext, wrapped_key, master_key from sealed_second_factor(%(user_id)s, %(awaiting)s)

-- name: begin
select begin_second_factor(%(ciphertext)s, %(wrapped_key)s, %(master_key)s)

-- name: confirm
select confirm_second_factor(%(step)s, %(hashes)s, %(session_id)s)

-- name: replace_recovery_codes
select replace_recovery_codes(%(hashes)s) where has_second_factor(app_user_id())

-- name: end
select end_second_factor(%(user_id)s)
