-- name: create
with created as (
    insert into prompts (kind, name, created_by) values (%(kind)s, %(name)s, app_user_id()) returning *),
first as (
    insert into prompt_versions (prompt_id, version, content, created_by)
    select id, version, %(content)s, app_user_id() from created returning content)
select c.id, c.kind, c.name, c.version, f.content, c.created_at, c.updated_at from created c, first f

-- name: get
select p.id, p.kind, p.name, p.version, v.content, p.created_at, p.updated_at
  from prompts p join prompt_versions v on v.prompt_id = p.id and v.version = p.version
 where p.id = %(id)s

-- name: list
select p.id, p.kind, p.name, p.version, v.content, p.created_at, p.updated_at
  from prompts p join prompt_versions v on v.prompt_id = p.id and v.version = p.version
 where (%(kind)s::text is null or p.kind = %(kind)s) and (%(after)s::uuid is null or p.id < %(after)s)
 order by p.id desc limit %(limit)s

-- name: get_templates
select p.kind, p.name, v.version, v.content
  from prompts p
  join prompt_versions v on v.prompt_id = p.id
                        and v.version = coalesce((%(versions)s::jsonb ->> p.kind)::integer, p.version)
 where (p.kind, p.name) in (select key, value from jsonb_each_text(%(names)s))

-- name: revise
with revised as (
    update prompts set version = version + 1 where id = %(id)s returning *),
latest as (
    insert into prompt_versions (prompt_id, version, content, created_by)
    select id, version, %(content)s, app_user_id() from revised returning content)
select r.id, r.kind, r.name, r.version, l.content, r.created_at, r.updated_at from revised r, latest l

-- name: versions
select id, version, content, created_by, created_at from prompt_versions
 where prompt_id = %(id)s and (%(after)s::uuid is null or id < %(after)s)
 order by id desc limit %(limit)s

-- name: delete
-- The lock on the settings' row comes first: no administrator can choose the prompt while it is deleted.
with settings as materialized (
    select to_jsonb(s) as fixed, to_jsonb(d) as changed from static_config s, dynamic_config d for update of d),
target as (
    select p.id, setting.fixed ->> key = p.name or setting.changed ->> key = p.name as in_use
      from prompts p, settings setting, lateral (select 'active_' || p.kind || '_prompt' as key) k
     where p.id = %(id)s),
deleted as (
    delete from prompts p using target t where p.id = t.id and t.in_use is not true)
select coalesce(in_use, false) from target
