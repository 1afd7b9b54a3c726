-- Logins through GitHub or an OpenID provider.

-- Stores a login that begins, for the caller and the caller's session if there are any. Deletes old ones. Returns false
-- when the caller has an account, which the login would be linked with, and the session no recent proof.
create or replace function create_login_attempt(
    state bytea, browser bytea, login_provider text, redirect text, page text, page_state text, session uuid default null)
    returns boolean
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
begin
    if app_user_id() is not null and not session_is_proven(session)
       and exists (select from users u where u.id = app_user_id() and u.auth_provider <> 'anonymous') then
        return false;
    end if;
    delete from provider_logins where created_at < now() - interval '10 minutes';
    insert into provider_logins (state_hash, browser_hash, provider, redirect_uri, front_end, front_end_state, user_id, session_id)
    values (state, browser, login_provider, redirect, page, page_state, app_user_id(),
            case when app_user_id() is not null then session end);
    return true;
end
$$;
grant execute on function create_login_attempt(bytea, bytea, text, text, text, text, uuid) to alcove_app;

-- Returns and deletes a login that began in this browser; nothing when the session that began it has ended.
create or replace function consume_login_attempt(state bytea, browser bytea, login_provider text)
    returns table (redirect_uri text, user_id uuid, front_end text, front_end_state text)
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        delete from provider_logins l
         where l.state_hash = state and l.browser_hash = browser and l.provider = login_provider
           and l.created_at >= now() - interval '10 minutes'
           and (l.session_id is null or exists (
               select from sessions s where s.id = l.session_id and s.revoked_at is null and s.expires_at > now()))
        returning l.redirect_uri, l.user_id, l.front_end, l.front_end_state;
    end;
grant execute on function consume_login_attempt(bytea, bytea, text) to alcove_app;

-- The login of a person whom a provider confirms. Finds the user, or links the user who started the login (`present`),
-- or creates a user; applies the claims; opens a session. `person` has issuer, subject, github_id, github_username,
-- email, username, display_name, groups, administrator and create. Returns no row when the person has no account.
create or replace function finish_provider_login(
    login_provider text, person jsonb, present uuid, refresh_hash bytea, lifetime interval, address inet, agent text, request text)
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
                           oidc_subject = coalesce(person ->> 'subject', u.oidc_subject),
                           email_verified = u.email_verified or exists (
                               select where u.email = person ->> 'email'
                                        and not exists (select from users o where o.email = u.email and o.email_verified))
         where u.id = starter.id and case login_provider when 'github' then u.github_id is null else u.oidc_subject is null end;
        if not found then
            return; -- another person of this provider is already linked
        end if;
        insert into audit_logs (user_id, action, entity_type, entity_id, details, ip_address, request_id)
        values (starter.id, 'user.linked', 'user', starter.id, jsonb_build_object('provider', login_provider), address, request);
        known := starter.id;
    else
        known := coalesce(known, link_prepared_account(login_provider, person, address, request));
        if known is null then
            if not (person ->> 'create')::boolean and not is_invited(person ->> 'email') then
                return;
            end if;
            known := link_login_identity(login_provider, person, starter.id, address, request);
            perform accept_invitations_of(person ->> 'email', known, address, request);
        elsif starter.auth_provider = 'anonymous' then
            perform absorb_user(starter.id, known);
            insert into audit_logs (user_id, action, entity_type, entity_id, details, ip_address, request_id)
            values (known, 'user.absorbed', 'user', starter.id, '{"from": "anonymous"}', address, request);
        end if;
    end if;
    update users u set github_username = coalesce(person ->> 'github_username', u.github_username) where u.id = known;
    perform apply_claims(known, nullif(person -> 'groups', 'null'), (person ->> 'administrator')::boolean, address, request);
    if exists (select from users u where u.id = known and u.is_active) then
        return query select open_session(known, login_provider, refresh_hash, lifetime, address, agent, request), known;
    end if;
end
$$;
grant execute on function finish_provider_login(text, jsonb, uuid, bytea, interval, inet, text, text) to alcove_app;

-- Applies a provider's claims about groups and administration. Null means that claims do not decide. The audit log
-- records every change with its source.
create or replace function apply_claims(account_id uuid, claimed jsonb, administrator boolean, address inet, request text) returns void
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
begin
    if claimed is not null then
        with created as (
            insert into groups (name) select distinct c ->> 'name' from jsonb_array_elements(claimed) c
            on conflict (name) do nothing returning id)
        insert into audit_logs (user_id, action, entity_type, entity_id, details, ip_address, request_id)
        select account_id, 'group.created', 'group', m.id, '{"from": "claims"}', address, request from created m;
        with ended as (
            delete from memberships m using groups g
             where m.user_id = account_id and m.source = 'claims' and g.id = m.group_id
               and g.name not in (select c ->> 'name' from jsonb_array_elements(claimed) c)
            returning m.group_id)
        insert into audit_logs (user_id, action, entity_type, entity_id, details, ip_address, request_id)
        select account_id, 'membership.removed', 'user', account_id,
               jsonb_build_object('group_id', e.group_id, 'from', 'claims'), address, request
          from ended e;
        with memberships_set as (
            insert into memberships (group_id, user_id, role, source)
            select distinct on (g.id) g.id, account_id, c ->> 'role', 'claims'
              from jsonb_array_elements(claimed) c join groups g on g.name = c ->> 'name'
             order by g.id, array_position(array['admin', 'editor', 'member'], c ->> 'role')
            on conflict (group_id, user_id) do update set role = excluded.role
             where memberships.source = 'claims' and memberships.role <> excluded.role
            returning group_id, role)
        insert into audit_logs (user_id, action, entity_type, entity_id, details, ip_address, request_id)
        select account_id, 'membership.set', 'user', account_id,
               jsonb_build_object('group_id', v.group_id, 'role', v.role, 'from', 'claims'), address, request
          from memberships_set v;
    end if;
    if administrator is not null then
        perform pg_advisory_xact_lock(hashtextextended('alcove.administrators', 0));
        -- A claim cannot remove the last administrator (require_other_administrator).
        update users u set is_admin = administrator or not u.admin_from_claims,
                           admin_from_claims = administrator
         where u.id = account_id and u.is_admin <> administrator and (administrator or u.admin_from_claims)
           and (administrator or exists (select from users o where o.is_admin and o.is_active and o.id <> account_id));
        if found then
            insert into audit_logs (user_id, action, entity_type, entity_id, details, ip_address, request_id)
            values (account_id, 'user.claims_applied', 'user', account_id, jsonb_build_object('administrator', administrator),
                    address, request);
        end if;
    end if;
end
$$;

-- The account that an administrator made, without a password, for the address that the provider has verified. It becomes
-- this person's; null when there is none. An account that anybody can log in to is never linked in this way.
create or replace function link_prepared_account(login_provider text, person jsonb, address inet, request text) returns uuid
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    prepared uuid;
begin
    update users u set auth_provider = login_provider, github_id = (person ->> 'github_id')::bigint,
                       oidc_issuer = person ->> 'issuer', oidc_subject = person ->> 'subject'
     where u.email = person ->> 'email' and u.email_verified and u.is_active and u.auth_provider = 'local'
       and not u.has_password and u.github_id is null and u.oidc_subject is null
    returning u.id into prepared;
    if found then
        insert into audit_logs (user_id, action, entity_type, entity_id, details, ip_address, request_id)
        values (prepared, 'user.linked', 'user', prepared,
                jsonb_build_object('provider', login_provider, 'by', 'verified_email'), address, request);
    end if;
    return prepared;
end
$$;

-- The account of a new person whom a provider confirms: the anonymous user's row, or a new one. The person gets the
-- address that the provider has verified, also when somebody claimed it here before.
create or replace function link_login_identity(login_provider text, person jsonb, anonymous uuid, address inet, request text) returns uuid
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    created uuid := anonymous;
begin
    if created is null then
        insert into users (display_name, auth_provider) values (person ->> 'display_name', login_provider) returning id into created;
    else
        perform end_credentials(created);
    end if;
    update users set auth_provider = login_provider, anonymous_hash = null, email = person ->> 'email',
                     email_verified = person ->> 'email' is not null,
                     username = case when not exists (select from users o where o.username = person ->> 'username')
                                     then person ->> 'username' end,
                     display_name = person ->> 'display_name', github_id = (person ->> 'github_id')::bigint,
                     oidc_issuer = person ->> 'issuer', oidc_subject = person ->> 'subject'
     where id = created;
    insert into audit_logs (user_id, action, entity_type, entity_id, details, ip_address, request_id)
    values (created, 'user.registered', 'user', created, jsonb_build_object('from', login_provider), address, request);
    return created;
end
$$;

-- Ends the link of the caller's account to a login provider, and the caller's other sessions, which somebody may have
-- opened through it. Returns 'unlinked', 'not_linked', or 'last_login_way' when the caller could not log in any more.
create or replace function unlink_login_provider(login_provider text, current_session uuid, address inet, request text)
    returns text
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    account users;
begin
    select u.* into account from users u where u.id = app_user_id() for update;
    if (case login_provider when 'github' then account.github_id is null else account.oidc_subject is null end) then
        return 'not_linked';
    end if;
    if not account.has_password
       and (case login_provider when 'github' then account.oidc_subject is null else account.github_id is null end) then
        return 'last_login_way';
    end if;
    update users u
       set github_id = case when login_provider <> 'github' then u.github_id end,
           github_username = case when login_provider <> 'github' then u.github_username end,
           oidc_issuer = case when login_provider <> 'oidc' then u.oidc_issuer end,
           oidc_subject = case when login_provider <> 'oidc' then u.oidc_subject end,
           auth_provider = case when u.auth_provider <> login_provider then u.auth_provider
                                when u.has_password then 'local'
                                when login_provider = 'github' then 'oidc' else 'github' end
     where u.id = account.id;
    update sessions s set revoked_at = now()
     where s.user_id = account.id and s.revoked_at is null and s.id is distinct from current_session;
    insert into audit_logs (user_id, action, entity_type, entity_id, details, ip_address, request_id)
    values (account.id, 'user.unlinked', 'user', account.id, jsonb_build_object('provider', login_provider), address, request);
    return 'unlinked';
end
$$;
grant execute on function unlink_login_provider(text, uuid, inet, text) to alcove_app;
