-- Settings, and their resolution over the levels.

-- A user's preferences under the names of the settings.
create or replace function preferred_settings(preferences jsonb) returns jsonb
    language sql immutable parallel safe
    return jsonb_strip_nulls(jsonb_build_object(
        'active_model', preferences -> 'preferred_model',
        'temperature', preferences -> 'preferred_temperature',
        'max_tokens', preferences -> 'preferred_max_tokens',
        'num_documents_to_retrieve', preferences -> 'preferred_num_documents',
        'top_p', preferences -> 'preferred_top_p',
        'top_k', preferences -> 'preferred_top_k',
        'active_condense_prompt', preferences -> 'preferred_condense_prompt',
        'active_chat_prompt', preferences -> 'preferred_chat_prompt',
        'active_system_prompt', preferences -> 'preferred_system_prompt'));
grant execute on function preferred_settings(jsonb) to alcove_app;

-- The values of each level, for the caller and one of the caller's conversations; a later level wins.
create or replace function config_levels(conversation uuid)
    returns table (precedence integer, level text, settings jsonb)
    language sql stable parallel safe
    begin atomic
        select 1, 'static', to_jsonb(s) - '{id,created_at}'::text[] from static_config s
        union all
        select 2, 'dynamic',
               jsonb_strip_nulls(to_jsonb(d)) - '{id,revision,updated_by,created_at,updated_at}'::text[]
          from dynamic_config d
        union all
        select 3, 'user', preferred_settings(u.preferences) from users u where u.id = app_user_id()
        union all
        select 4, 'conversation',
               jsonb_strip_nulls(jsonb_build_object('active_model', l.name, 'system_prompt', a.system_prompt,
                                                    'task_prompt', a.task_prompt))
          from conversations c
          join assistants a on a.id = c.assistant_id
          left join llms l on l.id = a.llm_id
         where c.id = conversation
        union all
        select 5, 'conversation', c.settings from conversations c where c.id = conversation;
    end;
grant execute on function config_levels(uuid) to alcove_app;

-- The one resolution: every setting's value for the caller and one of the caller's conversations, with its level. A value
-- that cannot be used, such as a disabled model, is passed over, and the level below applies; the static level always
-- applies in the end. `passed_over` lists such values, the highest level first.
create or replace function resolved_config(conversation uuid)
    returns table (setting text, value jsonb, level text, passed_over jsonb)
    language sql stable parallel safe
    begin atomic
        with choices as (
            select s.key, s.value, l.level, l.precedence, l.precedence = 1 or is_usable_choice(s.key, s.value #>> '{}') as usable
              from config_levels(conversation) l, jsonb_each(l.settings) s),
        ranked as (
            select c.*, max(c.precedence) filter (where c.usable) over (partition by c.key) as chosen from choices c)
        select r.key, (array_agg(r.value) filter (where r.precedence = r.chosen))[1],
               (array_agg(r.level) filter (where r.precedence = r.chosen))[1],
               coalesce(jsonb_agg(jsonb_build_object('value', r.value, 'level', r.level) order by r.precedence desc)
                            filter (where r.precedence > r.chosen), '[]')
          from ranked r group by r.key;
    end;
grant execute on function resolved_config(uuid) to alcove_app;

-- Every setting's value. It leaves out the providers' addresses, which only administrators may see: a job's settings are
-- shown to the user who queued it.
create or replace function effective_config(conversation uuid) returns jsonb
    language sql stable parallel safe
    return (select jsonb_object_agg(r.setting, r.value) - 'provider_base_urls' from resolved_config(conversation) r);
grant execute on function effective_config(uuid) to alcove_app;

-- The settings of a job: the effective ones, and those of the question itself. Where no level but the deployment's sets
-- a temperature, the model's own one applies. `passed_over` says which choices could
-- not be used, `{setting, value, level}` each.
create or replace function job_settings(conversation uuid, overrides jsonb) returns jsonb
    language sql stable parallel safe
    return (select jsonb_object_agg(r.setting, r.value) - 'provider_base_urls'
                   || coalesce((select jsonb_build_object('temperature', l.temperature) from llms l
                                 where l.temperature is not null
                                   and l.name = coalesce(overrides ->> 'active_model',
                                                         max(r.value #>> '{}') filter (where r.setting = 'active_model'))
                                   and max(r.level) filter (where r.setting = 'temperature') = 'static'), '{}')
                   || overrides
                   || jsonb_build_object('passed_over', coalesce(
                          jsonb_agg(p.entry || jsonb_build_object('setting', r.setting) order by r.setting, p.number)
                              filter (where p.entry is not null and not overrides ? r.setting), '[]'))
              from resolved_config(conversation) r
              left join lateral jsonb_array_elements(r.passed_over) with ordinality as p (entry, number) on true);
grant execute on function job_settings(uuid, jsonb) to alcove_app;

-- The filters of a conversation's assistant and of the conversation, which hold together: a list of those that are set.
create or replace function conversation_filters(conversation uuid) returns jsonb
    language sql stable parallel safe
    return (select coalesce(jsonb_agg(f.filters order by f.place) filter (where f.filters <> '{}'), '[]')
              from conversations c
              left join assistants a on a.id = c.assistant_id,
                   lateral (values (1, a.filters), (2, c.filters)) f (place, filters)
             where c.id = conversation);
grant execute on function conversation_filters(uuid) to alcove_app;

-- Sets those columns of dynamic_config that `changes` names (RFC 7396), and returns the row; no row when its revision
-- is not the expected one. Null expects any. The caller's rights and policies apply.
create or replace function change_dynamic_config(changes jsonb, expected_revision bigint) returns setof dynamic_config
    language plpgsql volatile set search_path = public, pg_temp
    as $$
declare
    assignments text;
begin
    select string_agg(format('%1$I = n.%1$I', key), ', ') into assignments from jsonb_object_keys(changes) key;
    return query execute format(
        'update dynamic_config d set %s from jsonb_populate_record(null::dynamic_config, $1) n '
        'where $2 is null or d.revision = $2 returning d.*', assignments)
        using changes, expected_revision;
end
$$;
grant execute on function change_dynamic_config(jsonb, bigint) to alcove_app;

-- How many bytes a space of this kind may hold. Null: any number.
create or replace function storage_limit(kind text) returns bigint
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select nullif(case kind when 'user' then coalesce(d.storage_mb_per_user, s.storage_mb_per_user)
                                when 'group' then coalesce(d.storage_mb_per_group, s.storage_mb_per_group)
                                else coalesce(d.storage_mb_of_organisation, s.storage_mb_of_organisation) end::bigint, 0)
               * 1000000
          from dynamic_config d, static_config s;
    end;
grant execute on function storage_limit(text) to alcove_app;

-- How many bytes one space may hold: its own limit, or that of its kind. Null: any number.
create or replace function storage_limit_of(space integer) returns bigint
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select case when s.storage_mb is null then storage_limit(s.kind) else nullif(s.storage_mb::bigint, 0) * 1000000 end
          from spaces s where s.id = space;
    end;
grant execute on function storage_limit_of(integer) to alcove_app;
