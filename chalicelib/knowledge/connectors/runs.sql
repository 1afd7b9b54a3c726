-- part: shown
select r.id, r.connector_id, r.started_by, r.status, r.allow_removals, r.pages, r.listed, r.created, r.updated, r.removed,
       r.unchanged, r.withheld, r.failed, r.bytes, r.queued_at, r.started_at, r.finished_at,
       case when r.error_code is not null
            then jsonb_build_object('code', r.error_code, 'message', r.error_message) end as error
  from sync_runs r

-- name: queue
select queue_sync(%(connector)s, %(allow_removals)s)

-- name: is_disabled
select true from connectors where id = %(connector)s and status = 'disabled'

-- name: get
{{shown}}
 where r.connector_id = %(connector)s and r.id = %(id)s

-- name: list
{{shown}}
 where r.connector_id = %(connector)s and (%(after)s::uuid is null or r.id < %(after)s::uuid)
 order by r.id desc limit %(limit)s

-- name: claim
select run_id, connector_id, owner_id from claim_sync(%(run)s, %(token)s, %(lease)s)

-- name: load
with started as (
    update sync_runs r
       set documents_before = case when r.pages = 0 and r.cursor is null
                                   then (select count(*) from connector_items i
                                          where i.connector_id = r.connector_id and i.document_id is not null)
                                   else r.documents_before end
     where r.id = %(run)s and r.lease_token = %(token)s
    returning r.*)
select c.space_id, c.repository_id, c.name, c.type, c.settings, c.allow_private_addresses, c.most_removed_percent,
       c.mirrors_readers, case when not c.ends_consent then c.ciphertext end as ciphertext, c.wrapped_key, c.master_key, c.state, r.cursor, r.allow_removals, r.started_by, r.attempts, r.pages, r.removed,
       r.bytes, r.documents_before, r.started_at, (effective_config(null) ->> 'max_upload_mb')::integer as max_upload_mb
  from started r join connectors c on c.id = r.connector_id

-- name: renew
update sync_runs set leased_until = now() + %(lease)s where id = %(run)s and lease_token = %(token)s returning id

-- name: advance
update sync_runs
   set leased_until = now() + %(lease)s,
       attempts = case when %(cursor)s::jsonb is not null or %(listed)s > 0 then 1 else attempts end, error_code = null, error_message = null,
       cursor = coalesce(%(cursor)s::jsonb, cursor), pages = pages + %(pages)s, listed = listed + %(listed)s,
       created = created + %(created)s, updated = updated + %(updated)s, removed = removed + %(removed)s,
       unchanged = unchanged + %(unchanged)s, withheld = withheld + %(withheld)s, failed = failed + %(failed)s,
       bytes = bytes + %(bytes)s
 where id = %(run)s and lease_token = %(token)s
returning attempts

-- name: restart
update sync_runs set cursor = '{"anew": true}', leased_until = now() + %(lease)s
 where id = %(run)s and lease_token = %(token)s
returning id

-- name: forget_seen
update connector_items set run_id = null where connector_id = %(connector)s and run_id = %(run)s

-- name: postpone
update sync_runs
   set lease_token = null, leased_until = null, available_at = now() + %(delay)s,
       attempts = case when %(code)s::text is null then 0 else attempts end,
       error_code = %(code)s, error_message = %(message)s
 where id = %(run)s and lease_token = %(token)s

-- name: end
select end_sync(%(run)s, %(token)s, %(outcome)s, %(code)s, %(message)s, %(pause)s::interval, %(state)s::jsonb)
