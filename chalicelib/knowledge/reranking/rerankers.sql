-- part: shown
select id, name, provider, model, case when app_is_admin() then base_url end as base_url,
       case when app_is_admin() then key_last_four end as key_last_four, created_at, updated_at
  from rerankers

-- name: get
{{shown}} where id = %(id)s

-- name: list
{{shown}}
 where %(after)s::uuid is null or id < %(after)s::uuid
 order by id desc limit %(limit)s

-- name: registered
select count(*) from rerankers

-- name: create
insert into rerankers (name, provider, model, base_url)
values (%(name)s, %(provider)s, %(model)s, %(base_url)s)
returning id

-- name: change
update rerankers set model = %(model)s, base_url = %(base_url)s
 where id = %(id)s and base_url = %(former_url)s and ciphertext is not distinct from %(former_ciphertext)s
returning id

-- name: set_key
update rerankers set ciphertext = %(ciphertext)s, wrapped_key = %(wrapped_key)s, master_key = %(master_key)s,
                     key_last_four = %(last_four)s
 where id = %(id)s

-- name: stored
select id, provider, model, base_url, ciphertext, wrapped_key, master_key from rerankers where id = %(id)s

-- name: connect
select id, provider, model, base_url, ciphertext, wrapped_key, master_key from rerankers where name = %(name)s

-- name: delete
-- The lock on the settings' row comes first: no administrator can choose the reranker while it is deleted.
with settings as materialized (
    select s.active_reranker as fixed, d.active_reranker as changed from static_config s, dynamic_config d for update of d),
target as (
    select r.id, s.fixed = r.name or s.changed = r.name as in_use from rerankers r, settings s where r.id = %(id)s),
deleted as (
    delete from rerankers r using target t where r.id = t.id and t.in_use is not true)
select coalesce(in_use, false) from target
