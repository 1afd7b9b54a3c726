-- The names of the LLM providers, as chalicelib/config/registry/llm_providers.py declares them; a test compares the two.
-- Checks of columns use these functions, so that a new provider requires no new check.

create or replace function llm_providers() returns text[]
    language sql immutable parallel safe
    return '{extractive,openai,openrouter,vllm,tgi,ollama,anthropic,bedrock}'::text[];
grant execute on function llm_providers() to alcove_app;

-- Those for which users may store a key of their own.
create or replace function own_key_providers() returns text[]
    language sql immutable parallel safe
    return '{openai,openrouter,anthropic}'::text[];
grant execute on function own_key_providers() to alcove_app;
