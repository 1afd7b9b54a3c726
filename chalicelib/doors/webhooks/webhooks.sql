-- part: shown
id, case when user_id is null then 'org' else 'user' end as scope, url, events, description, allow_private_addresses,
       is_enabled, disabled_reason, failing_since,
       case when previous_secret_until > now() then previous_secret_until end as previous_secret_until,
       created_at, updated_at

-- name: reserve
-- A new id, unless the caller is anonymous, or there are as many webhooks of this scope as may be.
select uuidv7() as id,
       (select u.auth_provider from users u where u.id = app_user_id()) = 'anonymous' as is_anonymous,
       (select count(*) from webhooks w
         where w.user_id is not distinct from case when %(scope)s = 'user' then app_user_id() end)::integer as present

-- name: create
insert into webhooks (id, user_id, url, events, description, allow_private_addresses, ciphertext, wrapped_key, master_key)
values (%(id)s, case when %(scope)s = 'user' then app_user_id() end, %(url)s, %(events)s::text[], %(description)s,
        %(allow_private_addresses)s, %(ciphertext)s, %(wrapped_key)s, %(master_key)s)
returning {{shown}}

-- name: get
select {{shown}} from webhooks where id = %(id)s

-- name: list
select {{shown}} from webhooks
 where %(after)s::uuid is null or id < %(after)s
 order by id desc limit %(limit)s

-- name: change
update webhooks
   set url = coalesce(%(url)s, url), events = coalesce(%(events)s::text[], events),
       description = coalesce(%(description)s, description), is_enabled = coalesce(%(is_enabled)s, is_enabled),
       disabled_reason = case when %(is_enabled)s then null else disabled_reason end,
       failing_since = case when %(is_enabled)s or %(url)s is not null then null else failing_since end
 where id = %(id)s
returning {{shown}}

-- name: delete
delete from webhooks where id = %(id)s returning id

-- name: sealed
select ciphertext, wrapped_key, master_key, coalesce(previous_secret_until > now(), false) from webhooks where id = %(id)s

-- name: renew_secret
update webhooks
   set ciphertext = %(ciphertext)s, wrapped_key = %(wrapped_key)s, master_key = %(master_key)s,
       previous_secret_until = now() + %(overlap)s
 where id = %(id)s
returning {{shown}}
