-- name: tables
select table_name, part, row_count, checksum from table_digests(%(parts)s, %(since)s::pg_snapshot)

-- name: snapshot
select pg_current_snapshot()::text

-- name: moment
-- A whole second after this snapshot: RDS restores to seconds. Writes of the seconds around it are no matter.
select date_trunc('second', clock_timestamp()) + interval '2 seconds', pg_database_size(current_database())

-- name: pass_moment
-- Returns a second after the moment.
select pg_sleep(greatest(extract(epoch from %(moment)s::timestamptz + interval '1 second' - clock_timestamp()), 0))

-- name: objects
-- Objects that documents have been made of, with the hash of their bytes.
select object_key, object_version, encode(content_sha256, 'hex') as sha256
  from documents
 where status = 'completed' and object_version is not null and content_sha256 is not null and deleted_at is null
   and size_bytes <= %(most_bytes)s
 order by random() limit %(amount)s

-- name: present
select object_key from documents where object_key = any(%(keys)s::text[])
