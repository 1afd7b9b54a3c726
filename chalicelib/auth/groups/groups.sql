-- name: create
insert into groups (name) values (%(name)s) returning id, name, title, null as role, created_at, updated_at

-- name: get
select g.id, g.name, g.title, m.role, g.created_at, g.updated_at
  from groups g left join memberships m on m.group_id = g.id and m.user_id = app_user_id()
 where g.id = %(id)s

-- name: list
select g.id, g.name, g.title, m.role, g.created_at, g.updated_at
  from groups g left join memberships m on m.group_id = g.id and m.user_id = app_user_id()
 where %(after)s::uuid is null or g.id < %(after)s
 order by g.id desc limit %(limit)s

-- name: rename
update groups g set name = %(name)s where g.id = %(id)s
returning g.id, g.name, g.title, (select m.role from memberships m where m.group_id = g.id and m.user_id = app_user_id()) as role,
          g.created_at, g.updated_at

-- name: delete
select delete_group(%(id)s)

-- name: members
select * from group_members(%(id)s, %(after)s, %(limit)s)

-- name: set_member
insert into memberships (group_id, user_id, role)
select g.id, %(user_id)s, %(role)s from groups g where g.id = %(id)s
on conflict (group_id, user_id) do update set role = excluded.role
returning role

-- name: remove_member
delete from memberships where group_id = %(id)s and user_id = %(user_id)s returning role

-- name: retitle
select retitle_group(%(id)s, %(title)s)
