-- name: event
insert into update_events (id, version_from, version_to, status, source, components_updated, error_message, started_at,
                           completed_at, initiated_by)
select e.id, e.version_from, e.version_to, e.status, e.source, coalesce(e.components_updated, '[]'), e.error_message,
       coalesce(e.started_at, now()), case when e.status in ('completed', 'failed', 'rolled_back') then now() end,
       e.initiated_by
  from jsonb_populate_record(null::update_events, %(event)s) e
on conflict (id) do update
   set status = excluded.status, error_message = excluded.error_message, completed_at = excluded.completed_at,
       components_updated = excluded.components_updated

-- name: components
insert into component_updates (update_event_id, component_name, component_type, version_from, version_to, status,
                               started_at, completed_at, error_message)
select %(event_id)s, c.component_name, c.component_type, c.version_from, c.version_to, c.status,
       coalesce(c.started_at, now()), case when c.status <> 'pending' then now() end, c.error_message
  from jsonb_populate_recordset(null::component_updates, %(components)s) c

-- name: forget_components
delete from component_updates where update_event_id = %(event_id)s

-- name: file
insert into update_files (id, filename, file_path, checksum_sha256, file_size_bytes, source, signature_verified, manifest,
                          validation_status, validation_error, applied)
select f.id, f.filename, f.file_path, f.checksum_sha256, f.file_size_bytes, f.source, f.signature_verified, f.manifest,
       f.validation_status, f.validation_error, f.applied
  from jsonb_populate_record(null::update_files, %(file)s) f
on conflict (id) do update
   set signature_verified = excluded.signature_verified, manifest = excluded.manifest,
       validation_status = excluded.validation_status, validation_error = excluded.validation_error,
       applied = excluded.applied

-- name: rollback
insert into update_rollbacks (id, original_update_event_id, rollback_reason, initiated_by, started_at, completed_at,
                              success, error_message)
select r.id, %(event_id)s, r.rollback_reason, r.initiated_by, coalesce(r.started_at, now()),
       case when r.success is not null then now() end, r.success, r.error_message
  from jsonb_populate_record(null::update_rollbacks, %(rollback)s) r
on conflict (id) do update
   set completed_at = excluded.completed_at, success = excluded.success, error_message = excluded.error_message

-- name: abandon
-- Updates that a process began and did not end: it was killed. Nothing works on them any more.
update update_events set status = 'failed', completed_at = now(), error_message = 'The update was interrupted.'
 where status in ('pending', 'in_progress') and id <> %(event_id)s

-- name: users
-- Who was active last.
select user_id from sessions group by user_id order by max(last_activity_at) desc limit 20
