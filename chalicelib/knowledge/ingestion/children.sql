-- name: lock_parent
-- Whether the bytes are a copy is decided finally when the document is stored; a copy has no children of its own.
select d.space_id, d.depth, d.is_archived, d.batch_id, d.metadata, d.original_url,
       exists (select from documents o
                where o.owner_id = d.owner_id and o.space_id = d.space_id and o.content_sha256 = %(sha256)s and o.id <> d.id
                  and o.extra_text is not distinct from d.extra_text and o.deleted_at is null and o.duplicate_of is null and not o.is_archived and not d.is_archived
                  and o.connector_id is null and d.connector_id is null) as is_copy
  from documents d
 where d.id = %(id)s and d.lease_token = %(token)s and d.deleted_at is null
   for no key update of d

-- name: lock_tree
-- The outermost document, locked against other ingestions below it.
with recursive up as (
    select d.id, d.parent_id from documents d where d.id = %(id)s
    union all
    select d.id, d.parent_id from up join documents d on d.id = up.parent_id)
select up.id, pg_advisory_xact_lock(hashtextextended('alcove.children:' || up.id, 0)) is null as locked
  from up where up.parent_id is null

-- name: tree
-- All documents below the outermost one, except the children of this one's former version.
with recursive down as (
    select d.id, 0::bigint as size_bytes from documents d where d.id = %(root)s
    union all
    select c.id, coalesce(c.size_bytes, 0)
      from down join documents c on c.parent_id = down.id
     where c.deleted_at is null and c.parent_id <> %(id)s)
select count(*) - 1 as documents, coalesce(sum(size_bytes), 0)::bigint as size_bytes from down

-- name: announce_children
-- A child that an earlier version contained, and this one contains again, is restored; a child that a user deleted
-- stays deleted. Returns the new and the restored children.
insert into documents as c (id, parent_id, depth, space_id, owner_id, is_archived, batch_id, title, filename, source_type,
                            content_type, size_bytes, object_key, metadata, original_url, connector_id)
select g.id, %(id)s, %(depth)s, %(space_id)s, app_user_id(), %(is_archived)s, %(batch_id)s, g.title, g.filename,
       %(source_type)s, g.content_type, g.size_bytes, g.object_key,
       %(metadata)s, %(original_url)s, (select p.connector_id from documents p where p.id = %(id)s)
  from unnest(%(ids)s::uuid[], %(titles)s::text[], %(filenames)s::text[], %(content_types)s::text[], %(sizes)s::bigint[],
              %(keys)s::text[]) as g (id, title, filename, content_type, size_bytes, object_key)
    on conflict (id) do update
   set deleted_at = null, status = 'pending', object_version = null
 where c.parent_id = excluded.parent_id and c.deleted_by = 'replacement'
returning object_key, announced_at < now() as is_back

-- name: tag_children
insert into entity_tags (tag_id, owner_id, space_id, document_id)
select t.tag_id, t.owner_id, t.space_id, c.id
  from entity_tags t, documents c
 where t.document_id = %(id)s and c.object_key = any (%(keys)s::text[])
    on conflict do nothing

-- name: delete_other_children
update documents c set deleted_at = now(), deleted_by = 'replacement'
 where c.parent_id = %(id)s and c.deleted_at is null and c.id <> all (%(child_ids)s::uuid[])
