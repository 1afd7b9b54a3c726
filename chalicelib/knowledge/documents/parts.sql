-- name: open
-- The caller's newest announcement of the document that expects bytes, locked: two requests start one upload.
select u.id as announcement, upload_key(u.id) as key, u.size_bytes, u.multipart_id, d.content_type
  from uploads u join documents d on d.id = u.document_id
 where u.document_id = %(id)s and u.user_id = app_user_id() and u.closed_at is null and not u.is_staged
   and d.deleted_at is null and u.space_id = any (app_writable_spaces())
 order by u.id desc limit 1
   for update of u

-- name: start
update uploads set multipart_id = %(multipart_id)s where id = %(announcement)s

-- name: max_upload_mb
select (effective_config(null) ->> 'max_upload_mb')::integer
