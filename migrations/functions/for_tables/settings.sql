-- Triggers of settings and registries.

create or replace function audit_config() returns trigger
    language plpgsql security definer set search_path = public, pg_temp
    as $$
begin
    insert into config_audit (config_type, field_name, old_value, new_value, user_id)
    select tg_argv[0], n.key, o.value, n.value, app_user_id()
      from jsonb_each(to_jsonb(new)) n join jsonb_each(to_jsonb(old)) o on o.key = n.key
     where n.value <> o.value and n.key not in ('revision', 'updated_by', 'created_at', 'updated_at')
     order by n.key;
    return null;
end
$$;

-- A user's preferences are one JSON object; null stands for a preference that is not set.
create or replace function audit_preferences() returns trigger
    language plpgsql security definer set search_path = public, pg_temp
    as $$
begin
    insert into config_audit (config_type, field_name, old_value, new_value, user_id)
    select 'user_pref', key, coalesce(o.value, 'null'), coalesce(n.value, 'null'), app_user_id()
      from jsonb_each(old.preferences) o full join jsonb_each(new.preferences) n using (key)
     where o.value is distinct from n.value
     order by key;
    return null;
end
$$;

create or replace function revise_config() returns trigger
    language plpgsql set search_path = public, pg_temp
    as $$
begin
    new.revision := old.revision + 1;
    new.updated_by := app_user_id();
    return new;
end
$$;

-- Removes a deleted model, reranker or prompt from the preferences and conversations that chose it. The level below then applies
-- again.
create or replace function clear_deleted_choice() returns trigger
    language plpgsql security definer set search_path = public, pg_temp
    as $$
declare
    preference text := 'preferred_model';
    setting text := 'active_model';
begin
    if tg_table_name = 'prompts' then
        preference := 'preferred_' || old.kind || '_prompt';
        setting := 'active_' || old.kind || '_prompt';
    elsif tg_table_name = 'rerankers' then
        preference := null; -- no user prefers a reranker
        setting := 'active_reranker';
    end if;
    update users set preferences = preferences - preference where preferences ->> preference = old.name;
    update conversations set settings = settings - setting where settings ->> setting = old.name;
    return null;
end
$$;
