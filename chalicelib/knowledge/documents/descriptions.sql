-- part: described
-- The columns of a document that clients describe it with.
metadata, source_id, original_url, file_modified_at, extra_text

-- part: completed(added)
-- The description of the document `d`, and of `added`, an object, what the document does not say.
select {{described}}
  from jsonb_populate_record(null::documents, {{added}} || jsonb_strip_nulls(to_jsonb(d))
                                              || jsonb_build_object('metadata', {{added}} -> 'metadata' || d.metadata))

-- name: describe
update documents d
   set ({{described}}) = (select {{described}} from jsonb_populate_record(d, %(description)s))
 where d.id = %(id)s

-- name: add
update documents d set ({{described}}) = ({{completed: %(description)s::jsonb}}) where d.id = %(id)s

-- name: read_again
-- A worker that is reading the document loses its lease: it has read the former extra text.
update documents
   set status = 'pending', stage = null, object_version = null, attempts = 0, announced_at = now(), error_code = null,
       error_message = null, lease_token = null, leased_until = null
 where id = %(id)s and status <> 'pending'
returning object_key

-- name: count_tags
select count(*) from tags where id = any (%(tags)s::uuid[])

-- name: attach
insert into entity_tags (tag_id, owner_id, space_id, document_id)
select t.id, t.owner_id, d.space_id, d.id from tags t, documents d where t.id = any (%(tags)s::uuid[]) and d.id = %(id)s
    on conflict do nothing

-- name: detach_others
delete from entity_tags where document_id = %(id)s and tag_id <> all (%(tags)s::uuid[])

-- name: is_attached
select exists (select from entity_tags where document_id = %(id)s and tag_id = %(tag)s)

-- name: detach
delete from entity_tags where document_id = %(id)s and tag_id = %(tag)s
