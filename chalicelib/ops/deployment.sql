-- name: has_role
select exists (select from pg_roles where rolname = %(name)s)

-- name: make_owner
create role {owner} login createrole password {password}

-- name: change_owner
alter role {owner} login createrole password {password}

-- name: join_owner
grant {owner} to current_user with inherit true, set true

-- name: admit_by_iam
grant rds_iam to {role}

-- name: make_extensions
create extension if not exists vector; create extension if not exists pg_trgm

-- name: give_database
alter database {database} owner to {owner}

-- name: set_password
alter role alcove_app login password {password}

-- name: has_administrator
select exists (select from users where is_admin)

-- name: make_administrator
insert into users (email, email_verified, display_name, password_hash, is_admin)
values (%(email)s, true, 'Administrator', %(password_hash)s, true)
on conflict (email) where email_verified do update set is_admin = true
returning id

-- name: unlock
with account as (
    select u.id from users u where u.email = %(login_name)s or u.username = %(login_name)s),
audited as (
    insert into audit_logs (action, entity_type, entity_id, details)
    select 'user.unlocked', 'user', a.id, '{"by": "operator"}' from account a)
select end_login_locks(a.id) from account a

-- name: set_registration
update static_config set registration_open = %(open)s where registration_open <> %(open)s

-- name: object_references
select object_key, object_version from documents where object_key > %(after)s order by object_key limit %(amount)s

-- name: stop_triggers
alter table documents disable trigger user

-- name: set_object_version
with moved as (
    update documents set object_version = %(now)s where object_key = %(key)s and object_version = %(before)s returning id)
update recognised_pages r set object_version = %(now)s from moved m
 where r.document_id = m.id and r.object_version = %(before)s

-- name: start_triggers
alter table documents enable trigger user
