-- AI Chat 1.x, 2.0 and 2.1: a column that a version lacks is missing in the JSON.

-- name: users
select to_jsonb(t) as row, t.id from users t

-- name: conversations
select to_jsonb(t) as row, t.id from sessions t

-- name: messages
select to_jsonb(t) as row, t.id from messages t

-- name: follows
select jsonb_build_object(
           'id', t.id, 'self', t.id,
           'previous', lag(t.id) over (partition by t.session_id
                                       order by t.created_at, (t.role <> 'user')::integer, t.id)) as row, t.id
  from messages t
