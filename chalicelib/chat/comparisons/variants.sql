-- name: lock_pool
-- Serialises changes of the pool.
select pg_advisory_xact_lock(hashtextextended('ab_pool', 0))

-- name: create
insert into ab_pool (name, settings, assistant_id, weight, is_champion, is_active, created_by)
select %(name)s,
       coalesce((select jsonb_strip_nulls(jsonb_build_object('active_model', l.name, 'system_prompt', a.system_prompt,
                                                             'task_prompt', a.task_prompt))
                   from assistants a left join llms l on l.id = a.llm_id where a.id = %(assistant_id)s), '{}')
       || %(settings)s::jsonb,
       %(assistant_id)s, %(weight)s, %(is_champion)s, %(is_active)s, app_user_id()
returning id

-- name: count
select count(*) as variants, count(*) filter (where is_champion) as champions,
       count(*) filter (where is_active and not is_champion) as challengers
  from ab_pool where archived_at is null

-- name: get
select v.*, usable_settings(v.settings) as is_usable from ab_pool v where v.id = %(id)s

-- name: list
select v.*, usable_settings(v.settings) as is_usable
  from ab_pool v
 where (v.archived_at is not null) = %(archived)s and (%(after)s::uuid is null or v.id < %(after)s)
 order by v.id desc limit %(limit)s

-- name: update
update ab_pool
   set name = coalesce(%(name)s, name), weight = coalesce(%(weight)s, weight),
       is_active = coalesce(%(is_active)s, is_active)
 where id = %(id)s and archived_at is null
returning id

-- name: delete
-- Raises a foreign key violation for a variant with comparisons.
delete from ab_pool where id = %(id)s

-- name: archive
update ab_pool set is_champion = false, is_active = false, archived_at = now() where id = %(id)s

-- name: retire_champion
update ab_pool set is_champion = false, is_active = false where is_champion returning id

-- name: make_champion
update ab_pool set is_champion = true, is_active = true where id = %(id)s
