-- part: described
unnest(%(source_ids)s::text[], %(paths)s::text[], %(urls)s::text[], %(authors)s::jsonb[], %(created)s::timestamptz[],
       %(modified)s::timestamptz[], %(metadata)s::jsonb[], %(memories)s::jsonb[], %(spaces)s::integer[])

-- part: arrived
unnest(%(ids)s::uuid[], %(are_new)s::boolean[], %(titles)s::text[], %(filenames)s::text[], %(content_types)s::text[],
       %(sizes)s::bigint[], %(uploads)s::uuid[], %(source_ids)s::text[], %(urls)s::text[], %(modified)s::timestamptz[],
       %(metadata)s::jsonb[], %(spaces)s::integer[])
       as g (id, is_new, title, filename, content_type, size_bytes, upload_id, source_id, url, modified_at, metadata,
             space_id)

-- name: new_ids
select uuidv7() from generate_series(1, %(amount)s)

-- name: move_keys
update connector_items i set source_id = g.new
  from unnest(%(old)s::text[], %(new)s::text[]) as g (old, new)
 where i.connector_id = %(connector)s and i.source_id = g.old
   and not exists (select from connector_items o where o.connector_id = i.connector_id and o.source_id = g.new)

-- name: create_documents
insert into documents (id, space_id, owner_id, title, filename, source_type, content_type, size_bytes, object_key,
                       connector_id, source_id, original_url, file_modified_at, metadata)
select g.id, g.space_id, app_user_id(), g.title, g.filename, %(type)s, g.content_type, g.size_bytes,
       'documents/' || g.id, %(connector)s, left(g.source_id, 255), g.url, g.modified_at, g.metadata
  from {{arrived}} where g.is_new

-- name: replace_documents
update documents d
   set title = g.title, filename = g.filename, content_type = g.content_type, size_bytes = g.size_bytes,
       announced_at = now(), status = case when d.status = 'processing' then d.status else 'pending' end,
       error_code = null, error_message = null, source_id = left(g.source_id, 255), original_url = g.url,
       file_modified_at = g.modified_at, metadata = d.metadata || g.metadata
  from {{arrived}}
 where d.id = g.id and not g.is_new and d.deleted_at is null

-- name: announce
insert into uploads (id, document_id, space_id, size_bytes, is_staged)
select g.upload_id, d.id, d.space_id, g.size_bytes, true
  from {{arrived}} join documents d on d.id = g.id
 where d.deleted_at is null
returning upload_key(id, true)

-- name: store_items
insert into connector_items as i (connector_id, source_id, space_id, document_id, version, path, original_url, authors,
                                  source_created_at, source_modified_at, metadata, memory, content_sha256, run_id)
select %(connector)s, g.source_id, g.space_id, h.document_id, h.version, g.path, g.url,
       array(select jsonb_array_elements_text(g.authors)), g.created, g.modified, g.metadata, g.memory, h.sha256, %(run)s
  from {{described}} with ordinality as g (source_id, path, url, authors, created, modified, metadata, memory, space_id, place)
  join unnest(%(documents)s::uuid[], %(versions)s::text[], %(hashes)s::bytea[])
       with ordinality as h (document_id, version, sha256, place) using (place)
    on conflict (connector_id, source_id) do update
   set document_id = excluded.document_id, version = excluded.version, path = excluded.path,
       original_url = excluded.original_url, authors = excluded.authors, source_created_at = excluded.source_created_at,
       source_modified_at = excluded.source_modified_at, metadata = excluded.metadata, memory = excluded.memory,
       content_sha256 = excluded.content_sha256, run_id = excluded.run_id, error_message = null, failures = 0

-- name: touch_items
update connector_items i
   set version = coalesce(v.version, i.version), path = g.path, original_url = g.url,
       authors = array(select jsonb_array_elements_text(g.authors)), source_created_at = g.created,
       source_modified_at = g.modified, metadata = g.metadata, memory = g.memory, run_id = %(run)s, error_message = null,
       failures = 0
  from {{described}} with ordinality as g (source_id, path, url, authors, created, modified, metadata, memory, space_id, place)
  join unnest(%(versions)s::text[]) with ordinality as v (version, place) using (place)
 where i.connector_id = %(connector)s and i.source_id = g.source_id

-- name: describe_documents
update documents d
   set filename = n.filename, source_id = left(g.source_id, 255), original_url = g.url, file_modified_at = g.modified,
       metadata = d.metadata || g.metadata
  from {{described}} with ordinality as g (source_id, path, url, authors, created, modified, metadata, memory, space_id, place)
  join unnest(%(filenames)s::text[]) with ordinality as n (filename, place) using (place)
  join connector_items i on i.connector_id = %(connector)s and i.source_id = g.source_id
 where d.id = i.document_id
   and (d.filename, d.source_id, d.original_url, d.file_modified_at, d.metadata)
       is distinct from (n.filename, left(g.source_id, 255), g.url, g.modified, d.metadata || g.metadata)

-- name: see
update connector_items i set run_id = %(run)s
 where i.connector_id = %(connector)s and i.source_id = any (%(source_ids)s::text[])

-- name: fail_items
-- The document keeps the text that it had.
insert into connector_items as i (connector_id, source_id, space_id, path, original_url, authors, source_created_at,
                                  source_modified_at, metadata, memory, run_id, error_message, failures)
select %(connector)s, g.source_id, g.space_id, g.path, g.url, array(select jsonb_array_elements_text(g.authors)),
       g.created, g.modified, g.metadata, g.memory, %(run)s, m.message, 1
  from {{described}} with ordinality as g (source_id, path, url, authors, created, modified, metadata, memory, space_id, place)
  join unnest(%(messages)s::text[]) with ordinality as m (message, place) using (place)
    on conflict (connector_id, source_id) do update
   set run_id = excluded.run_id, error_message = excluded.error_message, failures = i.failures + 1

-- name: remove
with removed as (
    delete from connector_items i
     where i.connector_id = %(connector)s and i.source_id = any (%(source_ids)s::text[])
    returning i.document_id),
displaced as (
    delete from repo_documents r using removed x where r.document_id = x.document_id)
update documents d set deleted_at = now(), deleted_by = 'source'
  from removed x where d.id = x.document_id and d.deleted_at is null

-- name: count_with_documents
-- One run of a connector is open at a time, so the run brought the documents that are younger than it.
select count(*) filter (where b.queued_at is null) as before, count(b.queued_at) as brought
  from connector_items i
  left join documents d on d.id = i.document_id
  left join sync_runs b on b.id = %(run)s and b.queued_at <= d.created_at
 where i.connector_id = %(connector)s and i.source_id = any (%(source_ids)s::text[]) and i.document_id is not null

-- name: take_out
delete from repo_documents r
 where r.repository_id = %(repository)s and r.document_id = any (%(documents)s::uuid[])

-- name: place
-- Returns the documents whose path is taken.
with requested as (
    select g.document_id, g.path
      from unnest(%(documents)s::uuid[], %(paths)s::text[]) as g (document_id, path)
      join documents d on d.id = g.document_id and d.deleted_at is null),
placed as (
    insert into repo_documents (repository_id, document_id, space_id, path)
    select r.id, w.document_id, r.space_id, w.path
      from requested w join repositories r on r.id = %(repository)s
        on conflict do nothing
    returning document_id)
select w.document_id from requested w where w.document_id not in (select p.document_id from placed p)

-- name: free_paths
-- A document that came while its path was taken has a path with a mark (_distinguished() of pages.py).
select distinct on (i.path) i.document_id, i.path
  from connector_items i join repo_documents r on r.document_id = i.document_id
 where i.connector_id = %(connector)s and r.repository_id = %(repository)s and r.path <> i.path
   and r.path ~ '~[0-9a-f]{8}[^/]*$'
   and not exists (select from repo_documents o where o.repository_id = r.repository_id and o.path = i.path)
 order by i.path, i.document_id

-- name: settle_path
update repo_documents set path = %(path)s where repository_id = %(repository)s and document_id = %(document)s
