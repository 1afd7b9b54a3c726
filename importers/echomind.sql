-- EchoMind.

-- name: groups
-- Groups are known by their names alone: those of users, and those of connectors.
select jsonb_build_object('name', t.name) as row, t.name
  from (select unnest(u.groups) as name from users u
        union select c.scope_id from connectors c where c.scope = 'group') t
 where t.name is not null and t.name <> ''

-- name: users
select to_jsonb(t) as row, t.id from users t

-- name: llms
select to_jsonb(t) as row, t.id from llms t

-- name: assistants
select to_jsonb(t) as row, t.id from assistants t

-- name: connectors
select to_jsonb(t) as row, t.id from connectors t

-- name: documents
select to_jsonb(t) as row, t.id from documents t

-- name: parents
select jsonb_build_object('id', t.id, 'self', t.id, 'parent_id', t.parent_id) as row, t.id
  from documents t where t.parent_id is not null

-- name: conversations
select to_jsonb(t) as row, t.id from chat_sessions t

-- name: messages
select to_jsonb(t) as row, t.id from chat_messages t

-- name: follows
select jsonb_build_object(
           'id', t.id, 'self', t.id,
           'previous', lag(t.id) over (partition by t.session_id, t.role = 'system'
                                       order by t.created_at, (t.role = 'assistant')::integer, t.id)) as row, t.id
  from chat_messages t

-- name: runs
select to_jsonb(t) as row, t.id from scheduler_runs t

-- name: embedding_models
select to_jsonb(t) as row, t.id from embedding_models t

-- name: apscheduler_jobs
select jsonb_build_object('id', t.id) as row, t.id from apscheduler_jobs t

-- name: administrates
-- Of this service: a group of the same name was here before, and an account of the same address administrates it.
select from memberships where group_id = %(group_id)s and user_id = %(user_id)s and role = 'admin'
