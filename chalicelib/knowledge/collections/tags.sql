-- name: create
insert into tags (owner_id, name)
select case when %(is_global)s then null else app_user_id() end, %(name)s
 where (select count(*) from tags where owner_id is not distinct from case when %(is_global)s then null else app_user_id() end)
       < %(most)s
returning id, name, owner_id is null as is_global, created_at, updated_at

-- name: get
select id, name, owner_id is null as is_global, created_at, updated_at from tags where id = %(id)s

-- name: list
with listed as (
    select t.id, t.name, t.owner_id is null as is_global, t.created_at, t.updated_at,
           case when %(q)s::text is null then 0 else name_rank(%(q)s, t.name) end::real as rank
      from tags t
     where (%(is_global)s::boolean is null or (t.owner_id is null) = %(is_global)s)
       and (%(document_id)s::uuid is null or t.id = any (array(
               select e.tag_id from entity_tags e join documents d on d.id = e.document_id
                where e.document_id = (select coalesce(a.duplicate_of, a.id) from documents a where a.id = %(document_id)s))))
       and (%(repository_id)s::uuid is null or t.id = any (array(
               select e.tag_id from entity_tags e where e.repository_id = %(repository_id)s)))
       and (%(conversation_id)s::uuid is null or t.id = any (array(
               select e.tag_id from entity_tags e where e.conversation_id = %(conversation_id)s)))
       and (%(memory_id)s::uuid is null or t.id = any (array(
               select e.tag_id from entity_tags e where e.memory_id = %(memory_id)s))))
select * from listed
 where (%(q)s::text is null or rank >= %(least_rank)s)
   and (%(after)s::uuid is null or (rank, id) < (%(after_rank)s::real, %(after)s::uuid))
 order by rank desc, id desc limit %(limit)s

-- name: rename
update tags set name = %(name)s where id = %(id)s
returning id, name, owner_id is null as is_global, created_at, updated_at

-- name: delete
delete from tags where id = %(id)s returning id

-- name: find_document
select coalesce(d.duplicate_of, d.id) from documents d where d.id = %(id)s and d.deleted_at is null

-- name: find_repository
select r.id from repositories r where r.id = %(id)s

-- name: find_conversation
select c.id from conversations c where c.id = %(id)s and c.deleted_at is null

-- name: find_memory
select m.id from memory_items m where m.id = %(id)s

-- name: attach_document
insert into entity_tags (tag_id, owner_id, space_id, document_id)
select t.id, t.owner_id, d.space_id, d.id from tags t, documents d where t.id = %(tag_id)s and d.id = %(id)s
    on conflict do nothing

-- name: attach_repository
insert into entity_tags (tag_id, owner_id, space_id, repository_id)
select t.id, t.owner_id, r.space_id, r.id from tags t, repositories r where t.id = %(tag_id)s and r.id = %(id)s
    on conflict do nothing

-- name: attach_conversation
insert into entity_tags (tag_id, owner_id, space_id, conversation_id)
select t.id, t.owner_id, s.id, c.id from tags t, conversations c join spaces s on s.user_id = c.user_id
 where t.id = %(tag_id)s and c.id = %(id)s
    on conflict do nothing

-- name: attach_memory
insert into entity_tags (tag_id, owner_id, space_id, memory_id)
select t.id, t.owner_id, s.id, m.id from tags t, memory_items m join spaces s on s.user_id = m.user_id
 where t.id = %(tag_id)s and m.id = %(id)s
    on conflict do nothing

-- name: attached
select id from entity_tags
 where tag_id = %(tag_id)s
   and case %(kind)s::text when 'document' then document_id when 'repository' then repository_id
                           when 'conversation' then conversation_id else memory_id end = %(id)s

-- name: detach
delete from entity_tags where id = %(id)s returning id
