-- part: shown
select c.*, s.kind as scope, s.group_id, c.ciphertext is not null and not c.ends_consent as has_credentials,
       connector_document_count(c.id) as document_count,
       case when c.error_code is not null
            then jsonb_build_object('code', c.error_code, 'message', c.error_message) end as error
  from connectors c join spaces s on s.id = c.space_id

-- name: new_id
select uuidv7()

-- name: is_admin
select app_is_admin()

-- name: count
select count(*) from connectors where space_id = %(space_id)s

-- name: create
insert into connectors (id, space_id, owner_id, repository_id, name, type, settings, refresh_minutes,
                        allow_private_addresses, most_removed_percent, mirrors_readers, ciphertext, wrapped_key, master_key,
                        next_run_at)
values (%(id)s, %(space_id)s, app_user_id(), %(repository_id)s, %(name)s, %(type)s, %(settings)s::jsonb,
        %(refresh_minutes)s, %(allow_private_addresses)s, %(most_removed_percent)s, %(mirrors_readers)s, %(ciphertext)s,
        %(wrapped_key)s, %(master_key)s, case when %(refresh_minutes)s::integer is not null then now() end)

-- name: get
{{shown}}
 where c.id = %(id)s

-- name: list
{{shown}}
 where (c.owner_id = app_user_id() or c.space_id = any (app_writable_spaces()))
   and (%(after)s::uuid is null or c.id < %(after)s::uuid)
 order by c.id desc limit %(limit)s

-- name: lock
-- Only a caller who may write to the connector's space gets the lock.
select id from connectors where id = %(id)s for no key update

-- name: ends_consent
select ends_consent from connectors where id = %(id)s

-- name: change
-- New settings or credentials, and enabling it again, end an error's wait and begin with a whole listing.
update connectors
   set name = %(name)s, settings = %(settings)s::jsonb, refresh_minutes = %(refresh_minutes)s,
       allow_private_addresses = %(allow_private_addresses)s, most_removed_percent = %(most_removed_percent)s,
       ciphertext = case when %(has_new_credentials)s then %(ciphertext)s::bytea else ciphertext end,
       wrapped_key = case when %(has_new_credentials)s then %(wrapped_key)s::bytea else wrapped_key end,
       master_key = case when %(has_new_credentials)s then %(master_key)s::text else master_key end,
       ends_consent = ends_consent and not %(has_new_credentials)s,
       state = case when %(has_new_settings)s then '{}' else state end,
       failures = case when %(has_new_settings)s or %(has_new_credentials)s then 0 else failures end,
       status = case when %(enabled)s is false then 'disabled'
                     when %(enabled)s and status = 'disabled' then 'pending' else status end,
       next_run_at = case when %(enabled)s is false or %(refresh_minutes)s::integer is null then null
                          when status = 'disabled' and %(enabled)s is distinct from true then null
                          when %(enabled)s or %(has_new_settings)s or %(has_new_credentials)s or next_run_at is null then now()
                          else least(next_run_at, now() + make_interval(mins => %(refresh_minutes)s)) end
 where id = %(id)s

-- name: cancel_runs
select cancel_syncs(%(id)s)

-- name: take_over
update connectors
   set owner_id = app_user_id(), ends_consent = ciphertext is not null, failures = 0, state = '{}',
       status = case when status = 'disabled' then status else 'pending' end,
       next_run_at = case when refresh_minutes is not null and status <> 'disabled' then now() end
 where id = %(id)s

-- name: delete
delete from connectors where id = %(id)s
