-- The names that settings choose: of a pipeline, a model, a reranker or a prompt.

-- Whether this deployment offers the models of an LLM provider.
create or replace function is_offered(provider text) returns boolean
    language sql stable parallel safe
    return (select s.available_providers is null or provider = any (s.available_providers) from static_config s);
grant execute on function is_offered(text) to alcove_app;

-- Whether a setting can have this value now: what it names exists, is enabled, and this deployment offers it. Settings
-- that name nothing always can.
create or replace function is_usable_choice(setting text, chosen text) returns boolean
    language sql stable parallel safe
    return case when setting = 'active_pipeline'
                then exists (select from static_config s where chosen = any (s.available_pipelines))
                when setting = 'active_model'
                then exists (select from llms l where l.name = chosen and l.is_enabled and is_offered(l.provider))
                when setting = 'active_reranker'
                then chosen in ('off', 'built_in') or exists (select from rerankers r where r.name = chosen)
                when setting like 'active\_%\_prompt'
                then exists (select from prompts p where p.kind = split_part(setting, '_', 2) and p.name = chosen)
                else true end;
grant execute on function is_usable_choice(text, text) to alcove_app;
