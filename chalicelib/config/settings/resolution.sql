-- name: effective
select distinct on (s.key) s.key, s.value, l.level
  from config_levels(%(conversation_id)s) l, jsonb_each(l.settings) s
 where (%(conversation_id)s::uuid is null
        or exists (select from conversations c where c.id = %(conversation_id)s and c.deleted_at is null))
   and (s.key <> 'provider_base_urls' or app_is_admin())
 order by s.key, l.precedence desc

-- name: missing
-- Null stands for the name that the static level sets.
select array_agg(n.key order by n.key)
  from static_config s,
       lateral (select g.key, coalesce(g.value, to_jsonb(s) ->> g.key) as value from jsonb_each_text(%(names)s) g) n
 where case n.key
       when 'active_pipeline' then n.value <> all (s.available_pipelines)
       when 'active_model' then not exists (select from llms l where l.name = n.value and l.is_enabled
                                               and l.provider = any (s.available_providers))
       else not exists (select from prompts p where p.kind = split_part(n.key, '_', 2) and p.name = n.value)
       end
