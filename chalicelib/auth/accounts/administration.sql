-- part: managed_user
id, email, email_verified, username, display_name, auth_provider, is_admin, awaits_verification, is_active, delete_after, failed_logins,
login_locked_until(id) as locked_until, login_count,
last_login_at, queue_weight, created_at, updated_at, {{login_ways}}

-- name: create
insert into users (email, email_verified, username, display_name, password_hash, is_admin)
values (%(email)s, true, %(username)s, %(display_name)s, %(password_hash)s, %(is_admin)s)
returning {{managed_user}}

-- name: get
select {{managed_user}}
  from users where id = %(id)s

-- name: list
-- A threshold of 0.4 (pg_trgm's word_similarity) still finds a name that is slightly misspelt.
select {{managed_user}}
  from users
 where (%(after)s::uuid is null or id < %(after)s)
   and (%(is_active)s::boolean is null or is_active = %(is_active)s)
   and (%(q)s::text is null
        or word_similarity(%(q)s, concat_ws(' ', email, username, display_name)) >= 0.4
        or strpos(lower(concat_ws(' ', email, username, display_name)), lower(%(q)s)) > 0)
 order by id desc limit %(limit)s

-- name: change
update users set display_name = coalesce(%(display_name)s, display_name),
                 is_active = coalesce(%(is_active)s, is_active),
                 is_admin = coalesce(%(is_admin)s, is_admin),
                 queue_weight = coalesce(%(queue_weight)s, queue_weight)
 where id = %(id)s
returning {{managed_user}}

-- name: holdings
select * from account_holdings(%(id)s)

-- name: schedule_deletion
select schedule_deletion(%(id)s)

-- name: cancel_deletion
select cancel_deletion(%(id)s)

-- name: hand_over
select hand_over_documents(%(leaver)s, %(heir)s, %(amount)s)

-- name: next_erasure
select next_leaver()

-- name: erase_leaver
select erase_leaver(%(amount)s)

-- name: unlock
select unlock_account(%(id)s)

-- name: recent_passwords
select recent_passwords_of(%(id)s)

-- name: keep_api_keys
select set_config('app.keep_api_keys', 'true', true)
