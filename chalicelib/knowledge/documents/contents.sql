-- name: create
with existing as (
    select d.id
      from documents d join spaces s on s.id = d.space_id
     where d.owner_id = app_user_id() and d.content_sha256 = %(sha256)s and s.kind = %(scope)s
       and s.group_id is not distinct from %(group_id)s::uuid and d.extra_text is not distinct from %(extra_text)s
       and d.deleted_at is null and not d.is_archived and d.duplicate_of is null and d.status = 'completed'
       and d.connector_id is null
     limit 1),
identity as (
    select uuidv7() as id),
created as (
    insert into documents (id, space_id, owner_id, title, filename, source_type, content_type, size_bytes, object_key,
                           batch_id, sent_by, {{described}})
    select i.id, s.id, app_user_id(), %(title)s, %(filename)s, %(source_type)s, %(content_type)s, %(size_bytes)s,
           'documents/' || i.id, %(batch)s::uuid, case when %(source_type)s = 'inline' then app_user_id() end,
           {{described}}
      from spaces s, identity i, (select {{described}} from jsonb_populate_record(null::documents, %(description)s)) n
     where s.kind = %(scope)s and s.group_id is not distinct from %(group_id)s::uuid
       and (s.kind <> 'user' or s.user_id = app_user_id()) and not exists (select from existing)
    returning *),
upload as (
    insert into uploads (document_id, space_id, size_bytes)
    select c.id, c.space_id, c.size_bytes from created c where c.source_type = 'upload'
    returning upload_key(id) as key)
select r.*, case when exists (select from created) then coalesce((select key from upload), r.object_key) end as destination
  from ({{readable: (select * from created union all select d.* from documents d join existing e on e.id = d.id)}}) r

-- name: expected
-- A document that the caller created, and where its first bytes are still expected from the caller; null when they
-- arrived, were replaced, or the caller can no longer write to the document's space.
select r.*, case when r.space_id = any (app_writable_spaces()) and r.status = 'pending' and r.object_version is null
                      and r.indexed_at is null and r.upload_id is null
                 then case when r.source_type = 'inline' then r.object_key
                           else (select upload_key(u.id) from uploads u
                                  where u.document_id = r.id and u.user_id = app_user_id() and u.closed_at is null
                                  order by u.id limit 1) end end as destination
  from ({{readable: documents}}) r
 where r.id = {{original}} and r.deleted_at is null

-- name: announce
with announced as (
    update documents
       set filename = coalesce(%(filename)s, filename), content_type = coalesce(%(content_type)s, content_type),
           size_bytes = %(size_bytes)s, source_type = %(source_type)s, announced_at = now(),
           upload_id = case when %(source_type)s = 'inline' then uuidv7() else upload_id end,
           sent_by = case when %(source_type)s = 'inline' then app_user_id() else sent_by end,
           recheck = recheck or (%(source_type)s = 'inline' and lease_token is not null),
           status = case when status = 'processing' then status else 'pending' end,
           error_code = null, error_message = null
     where id = %(id)s and deleted_at is null
    returning id, space_id, object_key),
upload as (
    insert into uploads (document_id, space_id, size_bytes)
    select a.id, a.space_id, %(size_bytes)s from announced a where %(source_type)s = 'upload'
    returning upload_key(id) as key)
select case when %(source_type)s = 'upload' then (select key from upload) else a.object_key end from announced a

-- name: fail_upload
update documents set status = 'failed', error_code = 'upload_failed', error_message = %(message)s
 where id = %(id)s and status = 'pending'

-- name: receive
select receive_upload(%(announcement)s, %(version)s, %(etag)s, %(size)s, %(staged)s)

-- name: forget
select forget_uploads()
