-- name: get
select * from dynamic_config

-- name: change
select * from change_dynamic_config(%(changes)s, %(revision)s)

-- name: weights
select coalesce(d.bm25_weight, s.bm25_weight) + coalesce(d.semantic_weight, s.semantic_weight) > 0
  from dynamic_config d, static_config s

-- name: list_changes
select id, config_type, field_name, old_value, new_value, user_id, changed_at
  from config_audit
 where (%(after)s::uuid is null or id < %(after)s)
   and (%(field_name)s::text is null or field_name = %(field_name)s)
   and (%(config_type)s::text is null or config_type = %(config_type)s)
 order by id desc limit %(limit)s
