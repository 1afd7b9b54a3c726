-- name: effective
select r.setting, r.value, r.level, r.passed_over
  from resolved_config(%(conversation_id)s) r
 where (%(conversation_id)s::uuid is null
        or exists (select from conversations c where c.id = %(conversation_id)s and c.deleted_at is null))
   and (r.setting <> 'provider_base_urls' or app_is_admin())
 order by r.setting

-- name: missing
-- Null stands for the name that the static level sets.
select array_agg(n.key order by n.key)
  from static_config s,
       lateral (select g.key, coalesce(g.value, to_jsonb(s) ->> g.key) as value from jsonb_each_text(%(names)s) g) n
 where not is_usable_choice(n.key, n.value)
