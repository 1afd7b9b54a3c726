-- Triggers and policy helpers of users, groups and memberships.

create or replace function create_space() returns trigger
    language plpgsql security definer set search_path = public, pg_temp
    as $$
begin
    if tg_table_name = 'users' then
        insert into spaces (kind, user_id) values ('user', new.id);
    else
        insert into spaces (kind, group_id) values ('group', new.id);
    end if;
    return null;
end
$$;

-- Row-level security lets users update their own row, but only an administrator may update these columns. Definer
-- functions (login, a provider's claims) run as the owner and check rights themselves.
create or replace function guard_account() returns trigger
    language plpgsql set search_path = public, pg_temp
    as $$
begin
    if new.is_active then
        new.delete_after := null;
    end if;
    if current_user <> 'alcove_app' then
        return new;
    end if;
    if not app_is_admin() then
        raise exception 'only an administrator changes this' using errcode = 'insufficient_privilege';
    end if;
    if old.is_admin and old.is_active and not (new.is_admin and new.is_active) then
        perform require_other_administrator(old.id);
    end if;
    return new;
end
$$;

-- How long a login proves who the user is, for what requires a recent proof (keys, linking, export, …).
create or replace function proof_lifetime() returns interval
    language sql immutable parallel safe
    return interval '15 minutes';
grant execute on function proof_lifetime() to alcove_app;

-- A deactivated user's sessions and API keys end, so that a user who is activated again has to log in again. The
-- transaction that deactivates can keep the keys on purpose (app.keep_api_keys).
create or replace function end_sessions() returns trigger
    language plpgsql security definer set search_path = public, pg_temp
    as $$
begin
    update sessions set revoked_at = now() where user_id = new.id and revoked_at is null;
    if coalesce(current_setting('app.keep_api_keys', true), '') <> 'true' then
        update api_keys set revoked_at = now() where user_id = new.id and revoked_at is null;
    end if;
    return null;
end
$$;

create or replace function adopt_membership() returns trigger
    language plpgsql set search_path = public, pg_temp
    as $$
begin
    if current_user = 'alcove_app' then
        new.source := 'manual';
    end if;
    return new;
end
$$;

-- The rights of a group's roles: every role reads; these roles also write the group's documents.
create or replace function role_may_write(role text) returns boolean
    language sql immutable parallel safe
    return role in ('editor', 'admin');

-- This role also manages the group's members.
create or replace function role_may_administer(role text) returns boolean
    language sql immutable parallel safe
    return role = 'admin';

-- The groups that the caller administers.
create or replace function app_administered_groups() returns uuid[]
    language sql stable parallel safe
    return coalesce(nullif(current_setting('app.administered_groups', true), '')::uuid[], '{}');
grant execute on function app_administered_groups() to alcove_app;
