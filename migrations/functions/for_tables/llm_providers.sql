-- The names of the LLM providers, as chalicelib/config/registry/llm_providers.py declares them; a test compares the two.
-- Checks of columns use these functions, so that a new provider requires no new check.
--
-- A name that is taken out here is not checked in the rows that exist: a row with this name cannot be changed any more,
-- and a restored backup stops at it. A migration of the same release deletes these rows first (docs/migrations.md).

create or replace function llm_providers() returns text[]
    language sql immutable parallel safe
    return '{extractive,openai,openrouter,vllm,tgi,ollama,anthropic,bedrock}'::text[];
grant execute on function llm_providers() to alcove_app;

-- Those for which users may store a key of their own.
create or replace function own_key_providers() returns text[]
    language sql immutable parallel safe
    return '{openai,openrouter,anthropic}'::text[];
grant execute on function own_key_providers() to alcove_app;

-- Whether these are addresses in place of those of providers: an object of http addresses, or nulls, by provider.
create or replace function are_provider_addresses(addresses jsonb) returns boolean
    language sql immutable parallel safe
    return jsonb_typeof(addresses) = 'object' and (
        select coalesce(bool_and(a.provider <> 'extractive' and a.provider = any (llm_providers())
                                 and (a.address is null or jsonb_typeof(addresses -> a.provider) = 'string'
                                                           and a.address ~ '^https?://[^[:space:]]+$')), true)
          from jsonb_each_text(case jsonb_typeof(addresses) when 'object' then addresses else '{}' end)
               as a (provider, address));
grant execute on function are_provider_addresses(jsonb) to alcove_app;
