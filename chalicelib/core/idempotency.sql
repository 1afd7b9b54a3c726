-- name: begin
insert into idempotency_keys (key, fingerprint) values (%(key)s, %(fingerprint)s)
on conflict (user_id, key) do nothing
returning key

-- name: find
select fingerprint, resource_id from idempotency_keys where user_id = app_user_id() and key = %(key)s

-- name: finish
update idempotency_keys set resource_id = %(resource_id)s where user_id = app_user_id() and key = %(key)s

-- name: read_only
select set_config('transaction_read_only', 'on', true)
