-- name: credentials
select ciphertext, wrapped_key, master_key from connectors
 where id = %(id)s and ciphertext is not null and not ends_consent

-- name: connect
-- The connector belongs to the user whose consent it has.
update connectors
   set ciphertext = %(ciphertext)s, wrapped_key = %(wrapped_key)s, master_key = %(master_key)s, owner_id = app_user_id(),
       ends_consent = false, failures = 0, state = '{}', next_run_at = case when refresh_minutes is not null and status <> 'disabled' then now() end
 where id = %(id)s
returning id
