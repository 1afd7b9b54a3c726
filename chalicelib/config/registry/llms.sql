-- name: create
insert into llms (name, provider, model_id, endpoint, context_tokens, max_tokens, temperature, prompt_price, completion_price)
select %(name)s, %(provider)s, %(model_id)s, %(endpoint)s, %(context_tokens)s, %(max_tokens)s, %(temperature)s,
       %(prompt_price)s, %(completion_price)s
 where is_offered(%(provider)s)
returning *, false as is_default

-- name: get
select l.id, l.name, l.provider, l.model_id, case when app_is_admin() then l.endpoint end as endpoint,
       case when app_is_admin() then l.key_last_four end as key_last_four, l.context_tokens, l.max_tokens,
       l.temperature, l.prompt_price, l.completion_price, l.is_enabled,
       l.name = coalesce(d.active_model, s.active_model) as is_default, l.created_at, l.updated_at
  from llms l, dynamic_config d, static_config s
 where l.id = %(id)s

-- name: list
select l.id, l.name, l.provider, l.model_id, case when app_is_admin() then l.endpoint end as endpoint,
       case when app_is_admin() then l.key_last_four end as key_last_four, l.context_tokens, l.max_tokens,
       l.temperature, l.prompt_price, l.completion_price, l.is_enabled,
       l.name = coalesce(d.active_model, s.active_model) as is_default, l.created_at, l.updated_at
  from llms l, dynamic_config d, static_config s
 where %(after)s::uuid is null or l.id < %(after)s
 order by l.id desc limit %(limit)s

-- name: has_key
select ciphertext is not null from llms where id = %(id)s

-- name: change
update llms l
   set (model_id, endpoint, context_tokens, max_tokens, temperature, prompt_price, completion_price, is_enabled)
     = (select n.model_id, n.endpoint, n.context_tokens, n.max_tokens, n.temperature, n.prompt_price, n.completion_price,
               n.is_enabled
          from jsonb_populate_record(l, %(changes)s) n)
 where l.id = %(id)s

-- name: set_key
update llms set ciphertext = %(ciphertext)s, wrapped_key = %(wrapped_key)s, master_key = %(master_key)s,
                key_last_four = %(last_four)s
 where id = %(id)s

-- name: make_default
-- The default model is the setting active_model, which is stored here and nowhere else.
update dynamic_config set active_model = l.name from llms l where l.id = %(id)s and active_model is distinct from l.name

-- name: lock_settings
select from dynamic_config for update

-- name: usable
select exists (select from llms l where l.id = %(id)s and l.is_enabled and is_offered(l.provider))

-- name: delete
delete from llms where id = %(id)s

-- name: connect
select l.id, l.name, l.provider, l.model_id, l.endpoint, s.provider_base_urls,
       l.context_tokens, l.max_tokens, l.prompt_price, l.completion_price, l.ciphertext, l.wrapped_key, l.master_key
  from llms l, static_config s
 where l.name = %(name)s and l.is_enabled and is_offered(l.provider)
