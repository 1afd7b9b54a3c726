-- An export of Alcove: each table is a temporary one with `key` and `row`.

-- name: columns
select a.attname, t.typname
  from pg_attribute a join pg_type t on t.oid = a.atttypid
 where a.attrelid = to_regclass(quote_ident(%(table)s)) and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''

-- name: account
select u.id, jsonb_build_object('space_id', s.id, 'exported', encode(m.key_hash, 'hex'))
  from moved_rows m join users u on u.id = m.new_id join spaces s on s.user_id = u.id
 where m.source = %(source)s and m.kind = 'users' and m.target = 'users'

-- name: forget_deletion
-- An object of an account that was erased here would be deleted later, although it is here again.
delete from object_deletions where object_key = %(key)s
