-- name: static
select * from static_config

-- name: dynamic
select * from dynamic_config

-- name: change
select * from change_dynamic_config(%(changes)s, %(revision)s)

-- name: weights
select coalesce(d.bm25_weight, s.bm25_weight) + coalesce(d.semantic_weight, s.semantic_weight) > 0
  from dynamic_config d, static_config s

-- name: missing
-- Where null stands, the deployment's own choice must be there.
select array_agg(n.key order by n.key)
  from static_config s,
       lateral (select g.key, coalesce(g.value, to_jsonb(s) ->> g.key) as value from jsonb_each_text(%(names)s) g) n
 where case n.key
       when 'active_pipeline' then n.value <> all (s.available_pipelines)
       when 'active_model' then not exists (select from llms l where l.name = n.value and l.is_enabled
                                               and l.provider = any (s.available_providers))
       else not exists (select from prompts p where p.kind = split_part(n.key, '_', 2) and p.name = n.value)
       end

-- name: effective
select distinct on (s.key) s.key, s.value, l.level
  from config_levels(%(conversation_id)s) l, jsonb_each(l.settings) s
 where (%(conversation_id)s::uuid is null
        or exists (select from conversations c where c.id = %(conversation_id)s and c.deleted_at is null))
   and (s.key <> 'provider_base_urls' or app_is_admin())
 order by s.key, l.precedence desc

-- name: change_conversation
update conversations set settings = jsonb_strip_nulls(settings || %(changes)s)
 where id = %(id)s and deleted_at is null
returning settings

-- name: preferences
select preferences from users where id = app_user_id()

-- name: change_preferences
update users set preferences = jsonb_strip_nulls(preferences || %(changes)s) where id = app_user_id()
returning preferences

-- name: audit
select id, config_type, field_name, old_value, new_value, user_id, changed_at
  from config_audit
 where (%(after)s::uuid is null or id < %(after)s)
   and (%(field_name)s::text is null or field_name = %(field_name)s)
   and (%(config_type)s::text is null or config_type = %(config_type)s)
 order by id desc limit %(limit)s
