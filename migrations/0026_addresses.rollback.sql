create or replace function effective_config(conversation uuid) returns jsonb
    language sql stable parallel safe
    return (select jsonb_object_agg(s.key, s.value order by l.precedence)
              from config_levels(conversation) l, jsonb_each(l.settings) s);
