-- name: space
select s.id from spaces s
 where s.kind = %(scope)s and s.group_id is not distinct from %(group_id)s::uuid
   and (s.kind <> 'user' or s.user_id = app_user_id())

-- name: create
insert into repositories as r (space_id, owner_id, name, description, url, source_type, metadata)
select %(space_id)s, app_user_id(), %(name)s, %(description)s, %(url)s, %(source_type)s, %(metadata)s::jsonb
 where (select count(*) from repositories o where o.space_id = %(space_id)s) < %(most)s
returning r.id, r.name, r.description, r.url, r.source_type, r.metadata, %(scope)s::text as scope,
          %(group_id)s::uuid as group_id, r.is_archived, r.created_at, r.updated_at

-- name: get
select r.*, s.kind as scope, s.group_id
  from repositories r join spaces s on s.id = r.space_id
 where r.id = %(id)s

-- name: list
with listed as (
    select r.*, s.kind as scope, s.group_id,
           case when %(q)s::text is null then 0 else name_rank(%(q)s, r.name) end::real as rank
      from repositories r join spaces s on s.id = r.space_id
     where r.space_id = any (app_spaces()) and r.is_archived = %(archived)s
       and (%(tag)s::uuid is null or r.id = any (array(
               select t.repository_id from entity_tags t where t.tag_id = %(tag)s and t.repository_id is not null))))
select * from listed
 where (%(q)s::text is null or rank >= %(least_rank)s)
   and (%(after)s::uuid is null or (rank, id) < (%(after_rank)s::real, %(after)s::uuid))
 order by rank desc, id desc limit %(limit)s

-- name: change
-- A field that the request does not name keeps its present value.
update repositories
   set name = %(name)s, description = %(description)s, url = %(url)s, source_type = %(source_type)s,
       metadata = %(metadata)s::jsonb, is_archived = %(is_archived)s
 where id = %(id)s
returning id

-- name: delete
delete from repositories where id = %(id)s returning id

-- name: lock
-- Only a caller who may write to the repository gets the lock.
select id from repositories where id = %(id)s for no key update

-- name: document
select coalesce(d.duplicate_of, d.id) from documents d where d.id = %(document_id)s and d.deleted_at is null

-- name: place
insert into repo_documents (repository_id, document_id, space_id, path)
select r.id, %(document_id)s, r.space_id, %(path)s from repositories r where r.id = %(id)s
    on conflict (repository_id, document_id) do update set path = excluded.path

-- name: get_placed_document
select d.id, p.path, d.title, d.status, d.is_archived, p.added_at
  from repo_documents p join documents d on d.id = p.document_id
 where p.repository_id = %(id)s and p.document_id = %(document_id)s

-- name: remove
delete from repo_documents where repository_id = %(id)s and document_id = %(document_id)s

-- name: documents
-- A path below a folder lies between `folder/` and `folder0` (0 is the character after the slash).
select d.id, p.path, d.title, d.status, d.is_archived, p.added_at
  from repo_documents p join documents d on d.id = p.document_id
 where p.repository_id = %(id)s and d.deleted_at is null
   and (%(folder)s::text is null or (p.path > %(folder)s || '/' and p.path < %(folder)s || '0'))
   and (%(after)s::text is null or p.path > %(after)s)
 order by p.path limit %(limit)s
