-- name: stored
-- Bytes have arrived once the document was read, with or without success, or is being read. A failure before that, such
-- as of an upload that was given up or refused, has no version.
select d.id, d.object_key, d.filename, d.content_type, d.size_bytes
  from documents d
 where d.id = (select coalesce(a.duplicate_of, a.id) from documents a where a.id = %(id)s)
   and d.deleted_at is null and (d.object_version is not null or d.indexed_at is not null or d.status = 'processing')
