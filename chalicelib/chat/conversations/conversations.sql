-- name: create
insert into conversations (user_id, title, assistant_id, filters)
values (app_user_id(), %(title)s,
        coalesce(%(assistant_id)s, (select a.id from assistants a where a.is_default and a.is_visible)), %(filters)s)
returning id, title, assistant_id, settings, filters, is_archived, message_count, last_message_at, created_at, updated_at

-- name: get
select id, title, assistant_id, settings, filters, is_archived, message_count, last_message_at, created_at, updated_at
  from conversations where id = %(id)s and deleted_at is null

-- name: list
select id, title, assistant_id, settings, filters, is_archived, message_count, last_message_at, created_at, updated_at
  from conversations
 where user_id = app_user_id() and (deleted_at is not null) = %(deleted)s and (%(deleted)s or is_archived = %(archived)s)
   and (%(after)s::uuid is null or id < %(after)s)
 order by id desc limit %(limit)s

-- name: update
update conversations
   set title = coalesce(%(title)s, title),
       assistant_id = case when %(has_assistant)s then %(assistant_id)s else assistant_id end,
       filters = coalesce(%(filters)s::jsonb, filters),
       is_archived = coalesce(%(is_archived)s, is_archived)
 where id = %(id)s and deleted_at is null
returning id

-- name: delete
update conversations set deleted_at = now() where id = %(id)s and deleted_at is null returning id

-- name: restore
update conversations set deleted_at = null
 where id = %(id)s and deleted_at > now() - (select retention_period('conversations'))
returning id

-- name: messages
select m.*
  from conversations c join messages m on m.conversation_id = c.id
 where c.id = %(id)s and c.deleted_at is null and (%(after)s::uuid is null or m.id > %(after)s)
 order by m.id limit %(limit)s
