-- part: chosen
-- The documents of a bulk selection with their originals, children and copies, and all that the caller can see, each
-- with whether it is used.
chosen as (
    select coalesce(d.duplicate_of, d.id) as id from documents d where d.id = any (%(documents)s::uuid[])
    union
    select f.id
      from chosen c
     cross join lateral (select d.id, d.deleted_at from documents d where d.parent_id = c.id
                          union all
                         select d.id, d.deleted_at from documents d where d.duplicate_of = c.id) f
     where f.deleted_at is null),
choice as (
    select d.id as document_id, (d.id in (select id from chosen)) = %(only)s::boolean as enabled
      from documents d
     where d.space_id = any (app_spaces()) and d.deleted_at is null)

-- name: list
-- The tiers: the conversation's choice, else the user's choice, else every document is used.
with listed as (
    select d.id, d.title, s.kind as scope, s.group_id, coalesce(o.enabled, u.enabled, true) as enabled,
           case when o.enabled is not null then 'conversation' when u.enabled is not null then 'user'
                else 'default' end as tier,
           case when %(q)s::text is null then 0 else name_rank(%(q)s, d.title) end::real as rank
      from documents d
      join spaces s on s.id = d.space_id
      left join user_document_defaults u on u.document_id = d.id and u.user_id = app_user_id()
      left join conversation_document_overrides o
             on o.document_id = d.id and o.conversation_id = %(conversation_id)s::uuid
     where d.space_id = any (app_spaces()) and d.deleted_at is null and not d.is_archived and d.duplicate_of is null
       and (%(document_id)s::uuid is null or d.id = %(document_id)s))
select * from listed
 where (%(enabled)s::boolean is null or enabled = %(enabled)s)
   and (%(q)s::text is null or rank >= %(least_rank)s)
   and (%(after)s::uuid is null or (rank, id) < (%(after_rank)s::real, %(after)s::uuid))
 order by rank desc, id desc limit %(limit)s

-- name: conversation
select id from conversations where id = %(conversation_id)s and deleted_at is null

-- name: choose
-- A choice also applies to a document's children and copies, because a copy can become a document of its own.
with recursive family as (
    select %(document_id)s::uuid as id
    union
    select d.id
      from family f
     cross join lateral (select c.id, c.deleted_at from documents c where c.parent_id = f.id
                          union all
                         select c.id, c.deleted_at from documents c where c.duplicate_of = f.id) d
     where d.deleted_at is null)
insert into user_document_defaults (user_id, document_id, enabled)
select app_user_id(), id, %(enabled)s from family
    on conflict (user_id, document_id) do update set enabled = excluded.enabled

-- name: override
with recursive family as (
    select %(document_id)s::uuid as id
    union
    select d.id
      from family f
     cross join lateral (select c.id, c.deleted_at from documents c where c.parent_id = f.id
                          union all
                         select c.id, c.deleted_at from documents c where c.duplicate_of = f.id) d
     where d.deleted_at is null)
insert into conversation_document_overrides (conversation_id, user_id, document_id, enabled)
select %(conversation_id)s, app_user_id(), id, %(enabled)s from family
    on conflict (conversation_id, document_id) do update set enabled = excluded.enabled

-- name: follow
with recursive family as (
    select %(document_id)s::uuid as id
    union
    select d.id
      from family f
     cross join lateral (select c.id from documents c where c.parent_id = f.id
                          union all
                         select c.id from documents c where c.duplicate_of = f.id) d)
delete from conversation_document_overrides o
 using family
 where o.conversation_id = %(conversation_id)s and o.document_id = family.id

-- name: visible
select count(*) from documents d where d.id = any (%(documents)s::uuid[]) and d.deleted_at is null

-- name: forget_choices
delete from user_document_defaults where user_id = app_user_id()

-- name: choose_many
-- Without a choice a document is used, so only the others are stored.
with recursive {{chosen}},
stored as (
    insert into user_document_defaults (user_id, document_id, enabled)
    select app_user_id(), document_id, false from choice where not enabled
        on conflict (user_id, document_id) do update set enabled = excluded.enabled)
select count(*) filter (where enabled)::integer as enabled, count(*) filter (where not enabled)::integer as disabled
  from choice

-- name: override_many
with recursive {{chosen}},
stored as (
    insert into conversation_document_overrides (conversation_id, user_id, document_id, enabled)
    select %(conversation_id)s, app_user_id(), document_id, enabled from choice
        on conflict (conversation_id, document_id) do update set enabled = excluded.enabled)
select count(*) filter (where enabled)::integer as enabled, count(*) filter (where not enabled)::integer as disabled
  from choice
