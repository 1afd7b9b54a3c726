-- name: key_target
select provider_base_urls,
       (select u.auth_provider from users u where u.id = app_user_id()) = 'anonymous' as is_anonymous
  from static_config

-- name: store
insert into provider_keys (provider, ciphertext, wrapped_key, master_key, last_four)
values (%(provider)s, %(ciphertext)s, %(wrapped_key)s, %(master_key)s, %(last_four)s)
on conflict (user_id, provider) do update
   set ciphertext = excluded.ciphertext, wrapped_key = excluded.wrapped_key, master_key = excluded.master_key,
       last_four = excluded.last_four, created_at = now(), last_used_at = null
returning provider, last_four, created_at, last_used_at

-- name: list
select provider, last_four, created_at, last_used_at from provider_keys
 where user_id = app_user_id() order by provider

-- name: remove
delete from provider_keys where user_id = app_user_id() and provider = %(provider)s returning provider

-- name: use
with used as (
    update provider_keys set last_used_at = now()
     where user_id = app_user_id() and provider = %(provider)s
       and (last_used_at is null or last_used_at < now() - interval '1 minute')
)
select user_id, ciphertext, wrapped_key, master_key from provider_keys
 where user_id = app_user_id() and provider = %(provider)s
