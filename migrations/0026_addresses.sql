-- The one resolution, as before, without where providers are asked: whoever needs that reads static_config, and what a
-- job was asked with is its asker's to see.
create or replace function effective_config(conversation uuid) returns jsonb
    language sql stable parallel safe
    return (select jsonb_object_agg(s.key, s.value order by l.precedence) - 'provider_base_urls'
              from config_levels(conversation) l, jsonb_each(l.settings) s);
