-- name: create
insert into conversations (user_id, title, assistant_id, filters, metadata)
values (app_user_id(), %(title)s,
        coalesce(%(assistant_id)s,
                 (select a.id from users u join assistants a on a.id = (u.preferences ->> 'default_assistant_id')::uuid
                   where u.id = app_user_id() and a.is_visible),
                 (select a.id from assistants a where a.is_default and a.is_visible)), %(filters)s,
        %(metadata)s)
returning id, title, assistant_id, settings, filters, metadata, is_archived, message_count, last_message_at, created_at,
          updated_at

-- name: get
select id, title, assistant_id, settings, filters, metadata, is_archived, message_count, last_message_at, created_at,
       updated_at
  from conversations where id = %(id)s and deleted_at is null

-- name: list
with listed as (
    select c.id, c.title, c.assistant_id, c.settings, c.filters, c.metadata, c.is_archived, c.message_count, c.last_message_at,
           c.created_at, c.updated_at, coalesce(c.last_message_at, c.created_at) as active_at,
           case when %(q)s::text is null then 0 else name_rank(%(q)s, c.title) end::real as rank
      from conversations c
     where c.user_id = app_user_id() and (c.deleted_at is not null) = %(deleted)s
       and (%(deleted)s or c.is_archived = %(archived)s)
       and (%(tag)s::uuid is null or c.id = any (array(
               select t.conversation_id from entity_tags t where t.tag_id = %(tag)s and t.conversation_id is not null)))
       and (%(assistant_id)s::uuid is null or c.assistant_id = %(assistant_id)s)
       -- Everything before the first colon is a name; a value that is no text is compared as text.
       and (%(metadata)s::text is null or c.metadata ->> split_part(%(metadata)s, ':', 1)
                                          = substr(%(metadata)s, strpos(%(metadata)s, ':') + 1))
       and (%(active_after)s::timestamptz is null or coalesce(c.last_message_at, c.created_at) > %(active_after)s)
       and (%(active_before)s::timestamptz is null or coalesce(c.last_message_at, c.created_at) < %(active_before)s)
       and (%(created_after)s::timestamptz is null or c.created_at > %(created_after)s)
       and (%(created_before)s::timestamptz is null or c.created_at < %(created_before)s))
select * from listed
 where (%(q)s::text is null or rank >= %(least_rank)s)
   and (%(after)s::uuid is null
        or case when %(q)s::text is null then (active_at, id) < (%(before)s::timestamptz, %(after)s::uuid)
                else (rank, id) < (%(after_rank)s::real, %(after)s::uuid) end)
 order by rank desc, case when %(q)s::text is null then active_at end desc, id desc limit %(limit)s

-- name: update
update conversations
   set title = coalesce(%(title)s, title),
       assistant_id = case when %(has_assistant)s then %(assistant_id)s else assistant_id end,
       filters = coalesce(%(filters)s::jsonb, filters),
       metadata = coalesce(%(metadata)s::jsonb, metadata),
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
