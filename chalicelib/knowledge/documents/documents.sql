-- part: original
(select coalesce(a.duplicate_of, a.id) from documents a where a.id = %(id)s)

-- part: readable(source)
-- The documents of `source` (`documents`, or rows of it) as their readers see them, deleted ones included. Several
-- copies of one document count once in `child_count`.
select d.*, document_tags(d.id) as tags, s.kind as scope, s.group_id, d.batch_id as batch,
       case when d.error_code is not null
            then jsonb_build_object('code', d.error_code, 'message', d.error_message) end as error,
       (select count(distinct coalesce(c.duplicate_of, c.id))::integer
          from documents c where c.parent_id = d.id and c.deleted_at is null) as child_count
  from {{source}} d join spaces s on s.id = d.space_id

-- name: get
{{readable: documents}}
 where d.id = {{original}} and d.deleted_at is null

-- name: list
-- The planner removes conditions on null parameters. The arrays are computed first, so that the cost of a rare tag or a
-- small repository depends on its own size, not on how many documents the caller can see.
with listed as (
    select d.*, case when %(q)s::text is null then 0
                     else greatest(name_rank(%(q)s, d.title),
                                   -- A comparison takes about 10 microseconds, so a filename that equals the title is
                                   -- not compared.
                                   case when d.source_type <> 'inline' and d.filename <> d.title
                                        then name_rank(%(q)s, d.filename) end) end::real as rank
      from ({{readable: documents}}) d
     where d.space_id = any (case when %(deleted)s then app_writable_spaces() else app_spaces() end)
       and d.duplicate_of is null and (d.deleted_at is not null) = %(deleted)s
       and (not %(deleted)s or d.deleted_at > now() - (select retention_period('documents')))
       and (%(archived)s::boolean is null or d.is_archived = %(archived)s)
       and (%(status)s::text is null or d.status = %(status)s)
       and (%(has_warnings)s::boolean is null or (d.warnings <> '[]') = %(has_warnings)s)
       and (%(source_type)s::text is null or d.source_type = %(source_type)s)
       and (%(created_after)s::timestamptz is null or d.created_at > %(created_after)s)
       and (%(created_before)s::timestamptz is null or d.created_at < %(created_before)s)
       and (%(modified_after)s::timestamptz is null or d.file_modified_at > %(modified_after)s)
       and (%(modified_before)s::timestamptz is null or d.file_modified_at < %(modified_before)s)
       and (%(source_id)s::text is null or d.source_id = %(source_id)s)
       and (%(external_id)s::text is null or d.id = any (array(
               select coalesce(o.duplicate_of, o.id)
                 from moved_rows v join documents o on o.id = v.new_id
                where v.target = 'documents'
                  and v.key_hash = sha256(convert_to(%(external_id)s, 'UTF8')))))
       -- Everything before the first colon is a name; a value that is no text is compared as text.
       and (%(metadata)s::text is null or d.metadata ->> split_part(%(metadata)s, ':', 1)
                                          = substr(%(metadata)s, strpos(%(metadata)s, ':') + 1))
       and (%(batch)s::uuid is null or d.id = any (array(
               select coalesce(b.duplicate_of, b.id) from documents b where b.batch_id = %(batch)s)))
       and (%(parent_id)s::uuid is null or d.id = any (array(
               select coalesce(c.duplicate_of, c.id)
                 from documents p join documents c on c.parent_id = coalesce(p.duplicate_of, p.id)
                where p.id = %(parent_id)s)))
       and (%(repository)s::uuid is null or d.id = any (array(
               select r.document_id from repo_documents r where r.repository_id = %(repository)s)))
       and (%(tag)s::uuid is null or d.id = any (array(
               select t.document_id from entity_tags t where t.tag_id = %(tag)s and t.document_id is not null
               union all
               select r.document_id from entity_tags t join repo_documents r on r.repository_id = t.repository_id
                where t.tag_id = %(tag)s))))
select * from listed
 where (%(q)s::text is null or rank >= %(least_rank)s)
   and (%(after)s::uuid is null or (rank, id) < (%(after_rank)s::real, %(after)s::uuid))
 order by rank desc, id desc limit %(limit)s

-- name: versions
select id, version, filename, size_bytes, sent_by, created_at
  from versions_of({{original}}, %(after)s::uuid, %(limit)s)

-- name: lock
-- The document that an id resolves to, locked until the transaction ends, so that no document becomes its copy
-- meanwhile.
select d.id
  from documents d
 where d.id = {{original}}
   for update

-- name: delete
update documents d set deleted_at = now()
 where (d.id = %(id)s or d.duplicate_of = %(id)s) and d.deleted_at is null
returning d.id

-- name: retitle
update documents set title = %(title)s where id = %(id)s returning chunk_count

-- name: chunk_texts
select c.id, c.chunk_text, coalesce(c.context, '') as context from document_chunks c where c.document_id = %(id)s

-- name: update_weights
update chunk_terms t set weights = g.weights::sparsevec
  from unnest(%(chunks)s::uuid[], %(weights)s::text[]) as g (id, weights)
 where t.chunk_id = g.id

-- name: count_lexemes
select count_lexemes(%(id)s, %(sign)s)

-- name: archive
update documents set is_archived = true where id = %(id)s returning id

-- name: hidden
-- A document that is not deleted, or can still be restored.
select d.id, d.owner_id, d.content_sha256, d.is_archived, d.deleted_at, d.object_key
  from documents d
 where d.id = {{original}}
   and (d.deleted_at is null or d.deleted_at > now() - (select retention_period('documents')))

-- name: lock_content
select pg_advisory_xact_lock(hashtextextended(%(owner_id)s::text || encode(%(content_sha256)s::bytea, 'hex'), 0))

-- name: find_duplicate
select o.id
  from documents d
  join documents o on o.owner_id = d.owner_id and o.space_id = d.space_id and o.content_sha256 = d.content_sha256
                  and o.extra_text is not distinct from d.extra_text and o.id <> d.id
 where d.id = %(id)s and o.deleted_at is null and not o.is_archived and o.duplicate_of is null
   and o.connector_id is null and d.connector_id is null
 limit 1 for share of o

-- name: drop_text
delete from document_texts where document_id = %(id)s

-- name: drop_chunks
delete from document_chunks where document_id = %(id)s

-- name: show
-- Also restores the copies that were deleted together with it. If another document has the same content, all of them
-- become copies of it.
update documents d
   set deleted_at = null, is_archived = d.is_archived and not %(unarchive)s,
       duplicate_of = case when %(original)s::uuid is null then d.duplicate_of else %(original)s end,
       chunk_count = case when %(original)s::uuid is null then d.chunk_count else 0 end
 where (d.id = %(id)s or d.duplicate_of = %(id)s) and d.deleted_at is not distinct from %(deleted_at)s

-- name: reindex
update documents d
   set status = 'pending', object_version = null, attempts = 0, announced_at = now(), error_code = null,
       error_message = null
 where d.id = %(id)s and d.status in ('completed', 'failed')
returning d.object_key

-- name: reindex_all
update documents d
   set status = 'pending', object_version = null, attempts = 0, announced_at = now(), error_code = null,
       error_message = null
 where d.owner_id = app_user_id() and d.space_id = any (app_writable_spaces()) and d.deleted_at is null
   and d.duplicate_of is null and d.status = 'completed'
returning d.object_key

-- name: text
select d.id as document_id, t.content as text
  from documents d join document_texts t on t.document_id = d.id
 where d.id = {{original}} and d.deleted_at is null

-- name: chunks
select c.id, c.document_id, c.chunk_index, c.chunk_text as text, c.start_char, c.end_char, c.page, c.section, c.columns,
       c.token_count
  from documents d join document_chunks c on c.document_id = d.id
 where d.id = {{original}} and d.deleted_at is null
   and (%(after)s::uuid is null
        or c.chunk_index > (select p.chunk_index from document_chunks p where p.id = %(after)s))
 order by c.chunk_index limit %(limit)s

-- name: awaited_uploads
select upload_key(u.id, u.is_staged) from uploads u where u.document_id = %(id)s and u.closed_at is null order by u.id
