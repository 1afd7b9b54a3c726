-- name: lock
select pg_try_advisory_lock(hashtextextended('alcove.moving.' || %(source)s, 0))

-- name: begin
insert into migration_state (source, step) values (%(source)s, %(step)s) on conflict do nothing

-- name: position
select position, passes from migration_state where source = %(source)s and step = %(step)s

-- name: advance
update migration_state
   set position = %(position)s, moved = moved + %(moved)s, merged = merged + %(merged)s, skipped = skipped + %(skipped)s
 where source = %(source)s and step = %(step)s

-- name: end_pass
update migration_state set position = null, passes = passes + 1 where source = %(source)s and step = %(step)s

-- name: known
select key_hash from moved_rows where source = %(source)s and kind = %(kind)s and key_hash = any (%(hashes)s::bytea[])

-- name: skipped
-- The rows whose own row here is not to be compared: skipped ones, and those that were here before.
select key_hash, outcome, reason from moved_rows
 where source = %(source)s and kind = %(kind)s and key_hash = any (%(hashes)s::bytea[])

-- name: remember
insert into moved_rows (source, kind, key_hash, target, new_id, outcome, reason)
select %(source)s, %(kind)s, decode(m.key_hash, 'hex'), m.target, m.new_id, m.outcome, m.reason
  from jsonb_to_recordset(%(rows)s) as m (key_hash text, target text, new_id uuid, outcome text, reason text)

-- name: outcomes
select kind, outcome, reason, count(*) from moved_rows where source = %(source)s group by 1, 2, 3 order by 1, 2, 3

-- name: retention
select name, lifetime from retention

-- name: new_users
select m.key_hash, u.id, jsonb_build_object('space_id', s.id, 'is_active', u.is_active, 'is_admin', u.is_admin)
  from moved_rows m join users u on u.id = m.new_id join spaces s on s.user_id = u.id
 where m.source = %(source)s and m.kind = %(kind)s and m.key_hash = any (%(hashes)s::bytea[])

-- name: new_groups
select m.key_hash, g.id, jsonb_build_object('space_id', s.id)
  from moved_rows m join groups g on g.id = m.new_id join spaces s on s.group_id = g.id
 where m.source = %(source)s and m.kind = %(kind)s and m.key_hash = any (%(hashes)s::bytea[])

-- name: new_rows
select m.key_hash, t.id, jsonb_strip_nulls(to_jsonb(r))
  from moved_rows m join {table} t on t.id = m.new_id cross join lateral (select {columns}) r
 where m.source = %(source)s and m.kind = %(kind)s and m.key_hash = any (%(hashes)s::bytea[])

-- name: columns
-- Those of a table that others need of a row that they name. Long texts and documents of JSON are not fetched for it.
select attname from pg_attribute
 where attrelid = %(table)s::regclass and attnum > 0 and not attisdropped and attname = any (%(known)s)

-- name: targets
select m.key_hash, m.target from moved_rows m
 where m.source = %(source)s and m.kind = %(kind)s and m.target is not null limit 1

-- name: administrator
select u.id, s.id from users u join spaces s on s.user_id = u.id
 where u.is_active and case when %(email)s::text is null then u.is_admin
                            else u.email = lower(%(email)s) or u.username = lower(%(email)s) end
 order by u.is_admin desc, u.created_at limit 1

-- name: taken
select email, username, id, email_verified from users where email = any (%(emails)s::text[]) or username = any (%(names)s::text[])

-- name: was_moved
select exists (select from moved_rows where source = %(source)s and target = 'users' and new_id = %(id)s and outcome = 'moved')

-- name: documents
select d.status, count(*) from moved_rows m join documents d on d.id = m.new_id
 where m.source = %(source)s and m.target = 'documents' and m.kind = 'documents' group by 1 order by 1

-- name: ensure_partitions
select ensure_partitions(2, 'epoch')
