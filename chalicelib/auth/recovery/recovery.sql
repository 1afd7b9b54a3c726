-- name: recent_passwords
select recent_passwords_by_token(%(token_hash)s)

-- name: reset
select reset_password(%(token_hash)s, %(replacement)s, %(keep_api_keys)s, %(ip_address)s, %(request_id)s)

-- name: unlock
select unlock_by_token(%(token_hash)s, %(ip_address)s, %(request_id)s)

-- name: find_verification
select password_hash from find_verification(%(token_hash)s)

-- name: verify
select verify_address(%(token_hash)s, %(verified_hash)s, %(matches)s, %(ip_address)s, %(request_id)s)

-- name: email_change
select new_email, new_confirmed_at, old_email, old_confirmed_at, created_at, expires_at
  from email_changes where user_id = app_user_id() and expires_at > now()

-- name: begin_email_change
select new_email, new_confirmed_at, old_email, old_confirmed_at, created_at, expires_at
  from begin_email_change(%(email)s, %(language)s)

-- name: begin_email_change_of
select new_email, new_confirmed_at, old_email, old_confirmed_at, created_at, expires_at
  from begin_email_change_of(%(id)s, %(email)s, %(language)s)

-- name: end_email_change
select end_email_change()

-- name: confirm_email_change
select confirm_email_change(%(token_hash)s, %(session_id)s)
