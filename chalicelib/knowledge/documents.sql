-- name: create
with existing as (
    select d.id, d.space_id
      from documents d join spaces s on s.id = d.space_id
     where d.owner_id = app_user_id() and d.content_sha256 = %(sha256)s and s.kind = %(scope)s
       and s.group_id is not distinct from %(group_id)s::uuid
       and d.deleted_at is null and d.duplicate_of is null and d.status = 'completed'
     limit 1),
identity as (
    select uuidv7() as id),
made as (
    insert into documents (id, space_id, owner_id, title, filename, source_type, content_type, size_bytes, object_key)
    select i.id, s.id, app_user_id(), %(title)s, %(filename)s, %(source_type)s, %(content_type)s, %(size_bytes)s,
           'documents/' || i.id
      from spaces s, identity i
     where s.kind = %(scope)s and s.group_id is not distinct from %(group_id)s::uuid
       and (s.kind <> 'user' or s.user_id = app_user_id()) and not exists (select from existing)
    returning *)
select m.id, m.title, m.filename, %(scope)s::text as scope, m.source_type, m.content_type, m.size_bytes, m.status, m.stage,
       m.chunks_done, m.chunks_total, m.chunk_count, m.created_at, m.updated_at, m.indexed_at, null::jsonb as error,
       %(group_id)s::uuid as group_id
  from made m
union all
select d.id, d.title, d.filename, d.scope, d.source_type, d.content_type, d.size_bytes, d.status, d.stage,
       d.chunks_done, d.chunks_total, d.chunk_count, d.created_at, d.updated_at, d.indexed_at, d.error,
       %(group_id)s::uuid
  from readable_documents d join existing e on e.id = d.id

-- name: get
select d.*, s.group_id
  from readable_documents d join spaces s on s.id = d.space_id
 where d.id = (select coalesce(a.duplicate_of, a.id) from documents a where a.id = %(id)s)

-- name: list
select d.*, s.group_id
  from readable_documents d join spaces s on s.id = d.space_id
 where d.space_id = any (app_spaces()) and d.duplicate_of is null
   and (%(status)s::text is null or d.status = %(status)s)
   and (%(after)s::uuid is null or d.id < %(after)s)
 order by d.id desc limit %(limit)s

-- name: announce_contents
update documents set filename = coalesce(%(filename)s, filename), content_type = coalesce(%(content_type)s, content_type),
                     size_bytes = %(size_bytes)s, source_type = %(source_type)s, announced_at = now(),
                     status = case when status = 'processing' then status else 'pending' end,
                     error_code = null, error_message = null
 where id = %(id)s and deleted_at is null
returning object_key

-- name: fail_upload
update documents set status = 'failed', error_code = 'upload_failed', error_message = %(message)s
 where id = %(id)s and status = 'pending'

-- name: delete
with target as (
    select coalesce(a.duplicate_of, a.id) as id from documents a where a.id = %(id)s),
gone as (
    update documents d set deleted_at = now()
      from target t where (d.id = t.id or d.duplicate_of = t.id) and d.deleted_at is null
    returning d.id),
uncounted as (
    select gone.id, count_lexemes(gone.id, -1) from gone)
select id from uncounted

-- name: text
select d.id as document_id, t.content as text
  from documents d join document_texts t on t.document_id = d.id
 where d.id = (select coalesce(a.duplicate_of, a.id) from documents a where a.id = %(id)s) and d.deleted_at is null

-- name: chunks
select c.id, c.document_id, c.chunk_index, c.chunk_text as text, c.start_char, c.end_char, c.page, c.section, c.token_count
  from documents d join document_chunks c on c.document_id = d.id
 where d.id = (select coalesce(a.duplicate_of, a.id) from documents a where a.id = %(id)s) and d.deleted_at is null
   and (%(after)s::uuid is null
        or c.chunk_index > (select p.chunk_index from document_chunks p where p.id = %(after)s))
 order by c.chunk_index limit %(limit)s

-- name: chunks_from
select c.id, c.document_id, c.chunk_index, c.chunk_text as text, c.start_char, c.end_char, c.page, c.section, c.token_count
  from documents d join document_chunks c on c.document_id = d.id
 where d.id = (select coalesce(a.duplicate_of, a.id) from documents a where a.id = %(id)s) and d.deleted_at is null
   and c.chunk_index >= %(first)s
 order by c.chunk_index limit %(limit)s
