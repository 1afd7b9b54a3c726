-- name: newest
-- The caller's newest announcement of the document, if it expects bytes or bytes in parts have arrived for it. It is
-- locked: two requests start one upload. `is_recent`: the bucket has deleted no part of it (its rule is a day).
select u.id as announcement, upload_key(u.id) as key, u.size_bytes, u.multipart_id, d.content_type,
       u.object_version is not null as has_arrived, u.announced_at > now() - interval '1 day' as is_recent
  from uploads u join documents d on d.id = u.document_id
 where u.id = (select n.id from uploads n
                where n.document_id = %(id)s and n.user_id = app_user_id() and not n.is_staged
                order by n.id desc limit 1)
   and (u.closed_at is null or u.multipart_id is not null and u.object_version is not null)
   and d.deleted_at is null and u.space_id = any (app_writable_spaces())
   for update of u

-- name: start
update uploads set multipart_id = %(multipart_id)s where id = %(announcement)s

-- name: max_upload_mb
select (effective_config(null) ->> 'max_upload_mb')::integer
