-- Who else vouches for a user: anonymous clients, GitHub, an OpenID provider. And users' own keys for LLM providers.

alter table users
    add column anonymous_hash bytea check (length(anonymous_hash) = 32),
    add column github_id bigint check (github_id > 0),
    add column github_username text check (length(github_username) between 1 and 100),
    add column oidc_issuer text check (length(oidc_issuer) between 1 and 512),
    add column oidc_subject text check (length(oidc_subject) between 1 and 255),
    -- Whether is_admin came from a claim: only then may a claim take it away.
    add column admin_from_claims boolean not null default false,
    add check ((oidc_issuer is null) = (oidc_subject is null)),
    add check (anonymous_hash is null or auth_provider = 'anonymous');
create unique index users_anonymous_key on users (anonymous_hash);
create unique index users_github_key on users (github_id);
create unique index users_oidc_key on users (oidc_issuer, oidc_subject);

-- Memberships that claims made are refreshed by claims; what an administrator made by hand stays.
alter table memberships add column source text not null default 'manual' check (source in ('manual', 'claims'));
create function adopt_membership() returns trigger
    language plpgsql set search_path = public, pg_temp
    as $$
begin
    if current_user = 'alcove_app' then
        new.source := 'manual';
    end if;
    return new;
end
$$;
create trigger adopt_membership before update on memberships for each row
    when (old.role is distinct from new.role) execute function adopt_membership();

alter table static_config
    add column anonymous_allowed boolean not null default true,
    add column anonymous_reads_organisation boolean not null default false,
    add column provider_base_urls jsonb not null
        default '{"openai": "https://api.openai.com/v1", "anthropic": "https://api.anthropic.com/v1", "openrouter": "https://openrouter.ai/api/v1"}'
        check (jsonb_typeof(provider_base_urls) = 'object');

insert into rate_limits (name, burst, every) values
    ('anonymous', 60, '1 minute'), ('provider_login', 200, '1 second'), ('provider_key', 20, '30 seconds');

-- A login that a provider is being asked about: usable once, for ten minutes, by the browser that began it. Neither
-- the state nor the browser's secret is here, only their hashes. user_id is who was signed in when it began.
create table provider_logins (
    state_hash bytea primary key check (length(state_hash) = 32),
    browser_hash bytea not null check (length(browser_hash) = 32),
    provider text not null check (provider in ('github', 'oidc')),
    redirect_uri text not null check (length(redirect_uri) between 1 and 2048),
    user_id uuid references users on delete cascade,
    created_at timestamptz not null default now()
);
create index provider_logins_time on provider_logins (created_at);
call protect('provider_logins');

create table provider_keys (
    user_id uuid not null default app_user_id() references users on delete cascade,
    provider text not null check (provider in ('openai', 'anthropic', 'openrouter')),
    ciphertext bytea not null check (length(ciphertext) between 30 and 1024),
    wrapped_key bytea not null check (length(wrapped_key) between 1 and 1024),
    master_key text not null check (length(master_key) between 1 and 2048),
    last_four text not null check (length(last_four) = 4),
    created_at timestamptz not null default now(),
    last_used_at timestamptz,
    primary key (user_id, provider)
);
call protect('provider_keys');
create policy own on provider_keys for all to alcove_app
    using (user_id = (select app_user_id())) with check (user_id = (select app_user_id()));
grant select, insert, update, delete on provider_keys to alcove_app;

-- A user's rows follow when the user becomes another one (absorb_user): every key across tables that carries the
-- user is updated with it.
do $$
declare
    link record;
begin
    for link in select c.conname, c.conrelid::regclass as child, pg_get_constraintdef(c.oid) as definition
                  from pg_constraint c
                 where c.contype = 'f' and c.conparentid = 0 and cardinality(c.conkey) > 1 and c.confupdtype <> 'c'
                   and exists (select from pg_attribute a where a.attrelid = c.conrelid
                                and a.attnum = any (c.conkey) and a.attname = 'user_id')
    loop
        execute format('alter table %s drop constraint %I', link.child, link.conname);
        execute format('alter table %s add constraint %I %s on update cascade', link.child, link.conname, link.definition);
    end loop;
end
$$;

-- An anonymous user does not see the organisation's documents, unless the deployment says so.
alter function set_identity(uuid, boolean) rename to set_full_identity;
create function set_identity(caller uuid, caller_is_admin boolean) returns void
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
begin
    perform set_full_identity(caller, caller_is_admin);
    if exists (select from users u where u.id = caller and u.auth_provider = 'anonymous')
       and not (select anonymous_reads_organisation from static_config) then
        perform set_config('app.spaces', array_remove(app_spaces(), s.id)::text, true) from spaces s where s.kind = 'org';
    end if;
end
$$;

-- Opens a session for a user who has just proved to be one. Called by the functions below only.
create function open_session(
    wanted uuid, how text, refresh_hash bytea, lifetime interval, address inet, agent text, request text) returns uuid
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    opened uuid;
begin
    update users set last_login_at = now(), login_count = login_count + 1 where id = wanted;
    insert into sessions (user_id, ip_address, user_agent, expires_at)
    values (wanted, address, agent, now() + lifetime) returning id into opened;
    insert into refresh_tokens (token_hash, session_id, user_id) values (refresh_hash, opened, wanted);
    insert into login_attempts (identifier, user_id, success, ip_address, user_agent)
    values (how, wanted, true, address, agent);
    insert into audit_logs (user_id, action, entity_type, entity_id, details, ip_address, request_id)
    values (wanted, 'session.opened', 'session', opened, jsonb_build_object('provider', how), address, request);
    return opened;
end
$$;

-- Moves one user's rows to another and removes the one that is left. Every table that refers to users or spaces is
-- found in the catalogue, so none can be forgotten. Credentials are not moved: they end with their user. Where both
-- have a row, or a preference, that may exist once, the target's stays.
create function absorb_user(source uuid, target uuid) returns void
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    place record;
    one record;
    source_key text;
    target_key text;
begin
    perform from users where id in (source, target) order by id for update;
    -- A row that points at another row of its user follows that one. The second round finds none left behind.
    for round in 1..2 loop
        for place in
            select c.conrelid::regclass as child, a.attname as field, c.confrelid = 'spaces'::regclass as is_space
              from pg_constraint c join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
             where c.contype = 'f' and c.conparentid = 0 and cardinality(c.conkey) = 1
               and c.confrelid in ('users'::regclass, 'spaces'::regclass)
               and c.conrelid::regclass::text <> all (array['spaces', 'sessions', 'memberships', 'provider_keys',
                                                            'provider_logins', 'api_keys', 'password_history'])
             order by 1, 2
        loop
            source_key := case when place.is_space then (select id::text from spaces where user_id = source) else source::text end;
            target_key := case when place.is_space then (select id::text from spaces where user_id = target) else target::text end;
            for one in execute format('select tableoid::regclass as part, ctid as place from %s where %I = %L',
                                      place.child, place.field, source_key)
            loop
                begin
                    execute format('update %s set %I = %L where ctid = $1', one.part, place.field, target_key) using one.place;
                exception
                    when unique_violation then
                        null; -- the target has its own
                    when foreign_key_violation then
                        if round = 2 then
                            raise;
                        end if;
                end;
            end loop;
        end loop;
    end loop;
    update users t set preferences = s.preferences || t.preferences from users s where t.id = target and s.id = source;
    delete from users where id = source;
end
$$;

-- What opened a user's sessions until now opens them no longer. Called by the functions below only.
create function end_credentials(wanted uuid) returns void
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        update sessions set revoked_at = now() where user_id = wanted and revoked_at is null;
        update api_keys set revoked_at = now() where user_id = wanted and revoked_at is null;
    end;

-- What a provider's claims say of groups and administration. Null means that claims do not decide it here.
create function apply_claims(wanted uuid, claimed jsonb, administrator boolean) returns void
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
begin
    if claimed is not null then
        insert into groups (name) select distinct c ->> 'name' from jsonb_array_elements(claimed) c
        on conflict (name) do nothing;
        delete from memberships m using groups g
         where m.user_id = wanted and m.source = 'claims' and g.id = m.group_id
           and g.name not in (select c ->> 'name' from jsonb_array_elements(claimed) c);
        insert into memberships (group_id, user_id, role, source)
        select distinct on (g.id) g.id, wanted, c ->> 'role', 'claims'
          from jsonb_array_elements(claimed) c join groups g on g.name = c ->> 'name'
         order by g.id, array_position(array['admin', 'editor', 'member'], c ->> 'role')
        on conflict (group_id, user_id) do update set role = excluded.role where memberships.source = 'claims';
    end if;
    if administrator is not null then
        perform pg_advisory_xact_lock(hashtextextended('alcove.administrators', 0));
        -- The last administrator stays, whatever a claim says (require_other_administrator).
        update users u set is_admin = administrator or not u.admin_from_claims,
                           admin_from_claims = administrator
         where u.id = wanted and u.is_admin <> administrator and (administrator or u.admin_from_claims)
           and (administrator or exists (select from users o where o.is_admin and o.is_active and o.id <> wanted));
        if found then
            insert into audit_logs (user_id, action, entity_type, entity_id, details)
            values (wanted, 'user.claims_applied', 'user', wanted, jsonb_build_object('administrator', administrator));
        end if;
    end if;
end
$$;

-- Before identity exists: a client's secret opens a session of its own user, made on first sight. Returns nothing
-- when anonymous use is closed or the user is.
create function open_anonymous_session(
    client_hash bytea, refresh_hash bytea, lifetime interval, address inet, agent text, request text)
    returns table (session_id uuid, user_id uuid)
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    client uuid;
begin
    if not (select anonymous_allowed from static_config) then
        return;
    end if;
    insert into users (display_name, auth_provider, anonymous_hash) values ('Anonymous', 'anonymous', client_hash)
    on conflict (anonymous_hash) do nothing;
    select u.id into client from users u where u.anonymous_hash = client_hash and u.is_active;
    if found then
        return query select open_session(client, 'anonymous', refresh_hash, lifetime, address, agent, request), client;
    end if;
end
$$;

-- The caller, an anonymous user, becomes a local account: the same row, so everything stays. Its anonymous sessions
-- and its client's secret end. Returns the new session, or null when the caller is not anonymous.
create function upgrade_anonymous(
    new_email text, new_username text, new_display_name text, new_password_hash text,
    refresh_hash bytea, lifetime interval, address inet, agent text, request text) returns uuid
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    caller constant uuid := app_user_id();
begin
    update users set auth_provider = 'local', anonymous_hash = null, email = new_email, username = new_username,
                     display_name = new_display_name, password_hash = new_password_hash
     where id = caller and auth_provider = 'anonymous' and (select c.registration_open from static_config c);
    if not found then
        return null;
    end if;
    perform end_credentials(caller);
    insert into audit_logs (user_id, action, entity_type, entity_id, details, ip_address, request_id)
    values (caller, 'user.registered', 'user', caller, '{"from": "anonymous"}', address, request);
    return open_session(caller, 'local', refresh_hash, lifetime, address, agent, request);
end
$$;

-- The caller, an account, takes over what the user of a live anonymous session has. False when there is none.
create function absorb_anonymous(anonymous_session uuid, address inet, request text) returns boolean
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    source uuid;
begin
    select u.id into source from users u join sessions s on s.user_id = u.id
     where s.id = anonymous_session and s.revoked_at is null and s.expires_at > now()
       and u.auth_provider = 'anonymous' and u.is_active and u.id <> app_user_id();
    if not found then
        return false;
    end if;
    perform absorb_user(source, app_user_id());
    insert into audit_logs (user_id, action, entity_type, entity_id, details, ip_address, request_id)
    values (app_user_id(), 'user.absorbed', 'user', source, '{"from": "anonymous"}', address, request);
    return true;
end
$$;

-- Notes that a provider is being asked, for the caller if there is one. Old notes go.
create function start_provider_login(state bytea, browser bytea, asked text, redirect text) returns void
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        delete from provider_logins where created_at < now() - interval '10 minutes';
        insert into provider_logins (state_hash, browser_hash, provider, redirect_uri, user_id)
        values (state, browser, asked, redirect, app_user_id());
    end;

-- Takes a note back, once, for the browser that left it.
create function take_provider_login(state bytea, browser bytea, asked text) returns table (redirect_uri text, user_id uuid)
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        delete from provider_logins l
         where l.state_hash = state and l.browser_hash = browser and l.provider = asked
           and l.created_at >= now() - interval '10 minutes'
        returning l.redirect_uri, l.user_id;
    end;

-- A provider vouched for somebody. Finds that user, or makes the one who began the login (`present`) that user, or
-- makes a new one; applies the claims; opens a session. `person` has issuer, subject, github_id, github_username,
-- email, username, display_name, groups, administrator and create. Returns nothing when there is no account to open.
create function finish_provider_login(
    asked text, person jsonb, present uuid, refresh_hash bytea, lifetime interval, address inet, agent text, request text)
    returns table (session_id uuid, user_id uuid)
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    known uuid;
    starter users;
begin
    perform pg_advisory_xact_lock(hashtextextended(
        concat_ws(' ', person ->> 'issuer', person ->> 'subject', person ->> 'github_id'), 0));
    select u.* into starter from users u where u.id = present and u.is_active for update;
    select u.id into known from users u
     where u.github_id = (person ->> 'github_id')::bigint
        or (u.oidc_issuer, u.oidc_subject) = (person ->> 'issuer', person ->> 'subject');
    if known is null and starter.id is not null and starter.auth_provider <> 'anonymous' then
        update users u set github_id = coalesce((person ->> 'github_id')::bigint, u.github_id),
                           oidc_issuer = coalesce(person ->> 'issuer', u.oidc_issuer),
                           oidc_subject = coalesce(person ->> 'subject', u.oidc_subject)
         where u.id = starter.id and case asked when 'github' then u.github_id is null else u.oidc_subject is null end;
        if not found then
            return; -- somebody else of this provider is linked already
        end if;
        insert into audit_logs (user_id, action, entity_type, entity_id, details, ip_address, request_id)
        values (starter.id, 'user.linked', 'user', starter.id, jsonb_build_object('provider', asked), address, request);
        known := starter.id;
    elsif known is null then
        if not (person ->> 'create')::boolean then
            return;
        end if;
        known := adopt_person(asked, person, starter.id);
    elsif starter.auth_provider = 'anonymous' then
        perform absorb_user(starter.id, known);
        insert into audit_logs (user_id, action, entity_type, entity_id, details, ip_address, request_id)
        values (known, 'user.absorbed', 'user', starter.id, '{"from": "anonymous"}', address, request);
    end if;
    update users u set github_username = coalesce(person ->> 'github_username', u.github_username) where u.id = known;
    perform apply_claims(known, nullif(person -> 'groups', 'null'), (person ->> 'administrator')::boolean);
    if exists (select from users u where u.id = known and u.is_active) then
        return query select open_session(known, asked, refresh_hash, lifetime, address, agent, request), known;
    end if;
end
$$;

-- The account of a person whom a provider vouches for and nobody here knew: the anonymous user's row, or a new one.
create function adopt_person(asked text, person jsonb, anonymous uuid) returns uuid
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    made uuid := anonymous;
begin
    if made is null then
        insert into users (display_name, auth_provider) values (person ->> 'display_name', asked) returning id into made;
    else
        perform end_credentials(made);
    end if;
    update users set auth_provider = asked, anonymous_hash = null, email = person ->> 'email',
                     username = case when not exists (select from users o where o.username = person ->> 'username')
                                     then person ->> 'username' end,
                     display_name = person ->> 'display_name', github_id = (person ->> 'github_id')::bigint,
                     oidc_issuer = person ->> 'issuer', oidc_subject = person ->> 'subject'
     where id = made;
    insert into audit_logs (user_id, action, entity_type, entity_id, details)
    values (made, 'user.registered', 'user', made, jsonb_build_object('from', asked));
    return made;
end
$$;

grant execute on function
    open_anonymous_session(bytea, bytea, interval, inet, text, text),
    upgrade_anonymous(text, text, text, text, bytea, interval, inet, text, text),
    absorb_anonymous(uuid, inet, text), start_provider_login(bytea, bytea, text, text),
    take_provider_login(bytea, bytea, text),
    finish_provider_login(text, jsonb, uuid, bytea, interval, inet, text, text)
    to alcove_app;
