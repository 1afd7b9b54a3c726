-- part: items
select i.source_id, i.space_id, i.document_id, i.version, i.path, i.original_url, i.content_sha256, i.run_id, i.memory,
       i.metadata,
       i.authors, i.source_created_at, i.source_modified_at, i.version is not null and (i.document_id is null or d.deleted_at is not null) as is_excluded,
       i.error_message is not null as has_failed, d.title
  from connector_items i left join documents d on d.id = i.document_id

-- name: list
select i.source_id, i.document_id, i.path, i.original_url, i.authors, i.source_created_at, i.source_modified_at,
       i.metadata, i.error_message as error
  from connector_items i
 where i.connector_id = %(connector)s and (not %(failed)s or i.error_message is not null)
   and (%(after)s::text is null or i.source_id > %(after)s)
 order by i.source_id limit %(limit)s

-- name: stored
{{items}}
 where i.connector_id = %(connector)s and i.source_id = any (%(source_ids)s::text[])

-- name: with_version
{{items}}
 where i.connector_id = %(connector)s and i.version = %(version)s and i.run_id is distinct from %(run)s
 limit %(limit)s

-- name: seen
select i.source_id from connector_items i
 where i.connector_id = %(connector)s and i.run_id = %(run)s and i.source_id = any (%(source_ids)s::text[])

-- name: unseen
{{items}}
 where i.connector_id = %(connector)s and i.run_id is distinct from %(run)s and i.source_id > %(after)s
   and not exists (select from unnest(%(outside)s::text[]) as p (prefix) where starts_with(i.source_id, p.prefix))
 order by i.source_id limit %(limit)s

-- name: failed
{{items}}
 where i.connector_id = %(connector)s and i.error_message is not null and i.run_id is distinct from %(run)s
 order by i.failures, i.source_id limit %(limit)s

-- name: count_vanished
select count(*) from connector_items i
 where i.connector_id = %(connector)s and i.run_id is distinct from %(run)s and i.document_id is not null

-- name: vanished
select i.source_id from connector_items i
 where i.connector_id = %(connector)s and i.run_id is distinct from %(run)s limit %(limit)s

-- name: count_documents
select count(*) from connector_items i where i.connector_id = %(connector)s and i.document_id is not null
