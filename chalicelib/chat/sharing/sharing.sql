-- part: share
s.id, s.conversation_id, s.group_id, s.last_message_id is null as later_messages, share_reader_count(s.id) as readers,
s.expires_at, s.withdrawn_at, s.created_at

-- name: create
insert into conversation_shares as s (conversation_id, group_id, token_hash, last_message_id, expires_at)
select c.id, %(group_id)s, %(token_hash)s,
       case when not %(later)s then coalesce((select m.id from messages m where m.conversation_id = c.id
                                               order by m.id desc limit 1), c.id) end,
       now() + make_interval(days => %(days)s)
  from conversations c where c.id = %(conversation_id)s and c.deleted_at is null
returning {{share}}

-- name: get
select {{share}} from conversation_shares s where s.id = %(id)s

-- name: list
select {{share}} from conversation_shares s
 where s.user_id = app_user_id() and (%(conversation_id)s::uuid is null or s.conversation_id = %(conversation_id)s)
   and (%(after)s::uuid is null or s.id < %(after)s)
 order by s.id desc limit %(limit)s

-- name: withdraw
update conversation_shares set withdrawn_at = now() where id = %(id)s and withdrawn_at is null returning id

-- name: open
select open_share(%(token_hash)s)

-- name: shared
select id, title, shared_by, group_id, expires_at, created_at from shared_conversations(%(id)s, %(after)s, %(limit)s)

-- name: messages
select m.id, m.parent_message_id, m.role, m.content, m.finish_reason, m.created_at, seen_sources(m.sources) as sources
  from shared_messages(%(id)s, %(after)s, %(limit)s) m

-- name: fork
-- Copies are created in the order of the originals, so that their ids are, too.
with original as materialized (
    select m.id, m.parent_message_id, m.role, m.content, m.finish_reason, seen_sources(m.sources) as seen
      from shared_messages(%(id)s, null, %(most)s + 1) m),
created as (
    insert into conversations (user_id, title)
    select app_user_id(), left(s.title, 255) from shared_conversations(%(id)s, null, 1) s
     where (select count(*) from original) <= %(most)s
    returning id),
numbered as materialized (
    select o.*, uuidv7() as new_id from (select * from original order by id) o),
copied as (
    insert into messages (id, conversation_id, user_id, parent_message_id, role, content, finish_reason, sources)
    select n.new_id, created.id, app_user_id(), p.new_id, n.role, n.content, n.finish_reason,
           coalesce((select jsonb_agg(e) from jsonb_array_elements(n.seen) e where e ->> 'document_id' is not null), '[]')
      from created, numbered n left join numbered p on p.id = n.parent_message_id
     order by n.new_id)
select id from created

-- name: whole
-- The newest branch of a conversation: the messages that lead to the newest one, the newest first, and how many they are.
with recursive branch as (
    select m.* from messages m
     where m.conversation_id = %(id)s and m.id = conversation_head(%(id)s)
    union all
    select p.* from branch b join messages p on p.id = b.parent_message_id)
select b.id, b.parent_message_id, b.role, b.content, b.finish_reason, b.created_at, b.sources, count(*) over () as total
  from branch b order by b.id desc limit %(limit)s
