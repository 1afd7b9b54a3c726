-- name: events
select id, version_from, version_to, status, source, components_updated, error_message, started_at, completed_at,
       requires_reboot, initiated_by,
       (select coalesce(jsonb_agg(jsonb_build_object(
                   'id', c.id, 'component_name', c.component_name, 'component_type', c.component_type,
                   'version_from', c.version_from, 'version_to', c.version_to, 'status', c.status,
                   'started_at', c.started_at, 'completed_at', c.completed_at,
                   'error_message', c.error_message) order by c.id), '[]')
          from component_updates c where c.update_event_id = e.id) as components,
       (select jsonb_build_object('id', r.id, 'backup_id', r.backup_id, 'rollback_reason', r.rollback_reason,
                                  'initiated_by', r.initiated_by, 'started_at', r.started_at,
                                  'completed_at', r.completed_at, 'success', r.success, 'error_message', r.error_message)
          from update_rollbacks r where r.original_update_event_id = e.id order by r.id desc limit 1) as rollback
  from update_events e
 where (%(after)s::uuid is null or id < %(after)s)
 order by id desc limit %(limit)s

-- name: files
select id, filename, file_path, file_size_bytes, encode(checksum_sha256, 'hex') as checksum_sha256, source, uploaded_at,
       signature_verified, manifest, validation_status, validation_error, applied
  from update_files
 where (%(after)s::uuid is null or id < %(after)s)
 order by id desc limit %(limit)s

-- name: backups
select id, backup_path, update_event_id, created_at, backup_size_bytes, components, restoration_tested,
       restoration_tested_at, notes
  from update_backups
 where (%(after)s::uuid is null or id < %(after)s)
 order by id desc limit %(limit)s

-- name: sample
-- Words that a search of this user must find.
select left(c.chunk_text, 200) as words
  from usable_documents(null::uuid) u join document_chunks c on c.document_id = u.id
 limit 1
