-- part: everything_of
-- The document, its copies, and all that is packed into them, deleted or not.
with recursive moving as (
    select d.id, d.chunk_count from documents d where d.id = %(id)s or d.duplicate_of = %(id)s
    union
    select c.id, c.chunk_count from moving m join documents c on c.parent_id = m.id or c.duplicate_of = m.id)

-- name: space
select s.id
  from spaces s
 where s.kind = %(scope)s and s.group_id is not distinct from %(group_id)s::uuid
   and (s.kind <> 'user' or s.user_id = app_user_id()) and s.id = any (app_spaces())

-- name: tree
{{everything_of}}
select array_agg(id) as documents, coalesce(sum(chunk_count), 0)::integer as chunks from moving

-- name: uncount
select count_lexemes(d.id, -1) from documents d where d.id = any (%(documents)s::uuid[])

-- name: drop_texts
delete from document_texts where document_id = any (%(documents)s::uuid[])

-- name: drop_chunks
delete from document_chunks where document_id = any (%(documents)s::uuid[])

-- name: read_again
update documents
   set status = 'pending', stage = null, object_version = null, chunk_count = 0, attempts = 0, announced_at = now(),
       lease_token = null, leased_until = null
 where id = any (%(documents)s::uuid[]) and duplicate_of is null and deleted_at is null and status in ('completed', 'processing')

-- name: move
-- What is packed into the documents follows by a trigger. Another one makes the caller the owner where the present owner
-- cannot write to the new space: it runs because `announced_at` changes. A document whose bytes its owner has in the new
-- space already is read again, and becomes a copy.
update documents d
   set space_id = %(space_id)s, announced_at = now(),
       status = case when n.is_double then 'pending' else d.status end,
       object_version = case when n.is_double then null else d.object_version end
  from (select m.id,
               m.status = 'completed' and m.duplicate_of is null
               and exists (select from documents e
                            where e.space_id = %(space_id)s and e.owner_id = m.owner_id and e.duplicate_of is null
                              and e.content_sha256 = m.content_sha256 and e.deleted_at is null and not e.is_archived)
                   as is_double
          from documents m
         where m.id = %(id)s or m.duplicate_of = %(id)s) n
 where d.id = n.id

-- name: leave_repositories
select leave_repositories(%(id)s)

-- name: unread
{{everything_of}}
select d.object_key from moving m join documents d on d.id = m.id where d.status = 'pending' and d.indexed_at is not null
