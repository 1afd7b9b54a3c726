-- Login, refresh, and the end of sessions.

-- Opens a session for a user whose identity is verified. Only the functions below call it.
create or replace function open_session(
    account_id uuid, how text, refresh_hash bytea, lifetime interval, address inet, agent text, request text) returns uuid
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    opened uuid;
begin
    update users set last_login_at = now(), login_count = login_count + 1 where id = account_id;
    insert into sessions (user_id, ip_address, user_agent, expires_at)
    values (account_id, address, agent, now() + lifetime) returning id into opened;
    insert into refresh_tokens (token_hash, session_id, user_id) values (refresh_hash, opened, account_id);
    insert into login_attempts (identifier, user_id, success, ip_address, user_agent)
    values (how, account_id, true, address, agent);
    insert into audit_logs (user_id, action, entity_type, entity_id, details, ip_address, request_id)
    values (account_id, 'session.opened', 'session', opened, jsonb_build_object('provider', how), address, request);
    return opened;
end
$$;

-- Login, before identity exists: the password hash of an account, by e-mail address or username. Of two accounts with an
-- address, the one for which it was verified is meant, if it has a password.
create or replace function find_login(login_name text) returns table (user_id uuid, password_hash text)
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select u.id, u.password_hash from users u where u.email = login_name or u.username = login_name
         order by u.has_password desc, u.email_verified desc limit 1;
    end;
grant execute on function find_login(text) to alcove_app;

-- The second half of finish_login(): counts failures, and opens a session on success. Because of the row lock, parallel
-- guesses are counted one by one. Returns no session for a wrong password, and for a deactivated or locked account.
--
-- Five failures lock the account for 15 minutes: for the device that they came from when a login left its token there,
-- else for the address. 25 failures of unknown devices lock it for all unknown devices, and for no known one. An expired
-- lock starts a new count.
create or replace function apply_login(
    account_id uuid, login_name text, password_matches boolean, rehashed text, refresh_hash bytea,
    session_lifetime interval, address inet, agent text, request text, device bytea, new_device bytea,
    code_step bigint, recovery bytea)
    returns table (session_id uuid, stale boolean, is_known_device boolean, refusal text)
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    account users;
    used login_sources;
    refused text;
    opened uuid;
    known boolean := false;
    allowed boolean := false;
    is_locked boolean;
    lock_ends constant timestamptz := now() + interval '15 minutes';
begin
    select u.* into account from users u where u.id = account_id for update;
    if found then
        select s.* into used from login_sources s
         where s.user_id = account_id and s.source = encode(device, 'hex') and s.is_device;
        known := found;
        if not known then
            select s.* into used from login_sources s where s.user_id = account_id and s.source = network_of(address);
        end if;
        is_locked := coalesce(used.locked_until > now(), false)
                     or (not known and coalesce(account.locked_until > now(), false));
        if password_matches and account.is_active and not is_locked then
            refused := refuse_login(account, code_step, recovery);
            -- A wrong code counts like a wrong password.
            password_matches := refused is distinct from 'wrong_code';
            allowed := refused is null;
        end if;
        if allowed then
            -- A known device says nothing about the failures of unknown ones.
            update users set failed_logins = case when known then failed_logins else 0 end,
                             locked_until = case when known then locked_until end, last_login_at = now(),
                             login_count = login_count + 1, password_hash = coalesce(rehashed, password_hash)
             where id = account_id;
            insert into sessions (user_id, ip_address, user_agent, expires_at)
            values (account_id, address, agent, now() + session_lifetime) returning id into opened;
            insert into refresh_tokens (token_hash, session_id, user_id) values (refresh_hash, opened, account_id);
            insert into audit_logs (user_id, action, entity_type, entity_id, ip_address, request_id)
            values (account_id, 'session.opened', 'session', opened, address, request);
            if not known then
                delete from login_sources s where s.user_id = account_id and s.source = network_of(address);
            end if;
            insert into login_sources as s (user_id, source, is_device)
            values (account_id, encode(case when known then device else new_device end, 'hex'), true)
            on conflict (user_id, source) do update
               set failed_logins = 0, locked_until = null, last_used_at = now();
            delete from login_sources s
             where s.user_id = account_id and s.is_device
               and s.source in (select o.source from login_sources o where o.user_id = account_id and o.is_device
                                 order by o.last_used_at desc, o.source offset 20);
        elsif not password_matches and not is_locked then
            perform count_failed_login(account_id, coalesce(used.source, network_of(address)), known, lock_ends, address,
                                       request);
        end if;
    end if;
    insert into login_attempts (identifier, user_id, success, ip_address, user_agent)
    values (login_name, account.id, allowed, address, agent);
    return query select opened, false, known, refused;
end
$$;

-- What keeps a person with the right password from logging in: null, 'email_unverified', 'code_required' without a code of
-- the second factor, 'wrong_code'. A right code is used up. Only apply_login() calls it, under the lock of the
-- account's row.
create or replace function refuse_login(account users, code_step bigint, recovery bytea) returns text
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
begin
    if account.awaits_verification then
        return 'email_unverified';
    end if;
    if not has_second_factor(account.id) then
        return null;
    end if;
    if code_step is null and recovery is null then
        return 'code_required';
    end if;
    return case when use_second_factor(account.id, code_step, recovery) then null else 'wrong_code' end;
end
$$;

-- Counts a wrong password of a device or an address, and, of unknown devices, of the account. Only apply_login() calls
-- it, under the lock of the account's row.
create or replace function count_failed_login(
    account_id uuid, used_source text, known boolean, lock_ends timestamptz, address inet, request text) returns void
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    source_locked boolean;
    account_locked boolean := false;
begin
    insert into login_sources as s (user_id, source, is_device, failed_logins) values (account_id, used_source, known, 1)
    on conflict (user_id, source) do update
       set failed_logins = case when s.locked_until is null then s.failed_logins + 1 else 1 end,
           locked_until = case when s.locked_until is null and s.failed_logins + 1 >= 5 then lock_ends end,
           last_used_at = now()
    returning locked_until is not null into source_locked;
    if not known then
        update users
           set failed_logins = case when locked_until is null then failed_logins + 1 else 1 end,
               locked_until = case when locked_until is null and failed_logins + 1 >= 25 then lock_ends end
         where id = account_id returning locked_until is not null into account_locked;
    end if;
    if source_locked or account_locked then
        insert into audit_logs (user_id, action, entity_type, entity_id, details, ip_address, request_id)
        values (account_id, 'user.locked', 'user', account_id,
                jsonb_build_object('for', case when account_locked then 'unknown devices' when known then 'a device'
                                               else 'an address' end),
                address, request);
    end if;
end
$$;

-- A password is verified between two transactions. When the session opens, the account must still have the hash that was
-- verified: `stale` means that it has another one, and that nothing was changed or counted. Without a hash, the identity
-- was verified in another way. The row lock puts parallel logins and changes of the password in an order.
create or replace function finish_login(
    account_id uuid, login_name text, verified_hash text, password_matches boolean, rehashed text, refresh_hash bytea,
    session_lifetime interval, address inet, agent text, request text, device bytea, new_device bytea,
    code_step bigint default null, recovery bytea default null)
    returns table (session_id uuid, stale boolean, is_known_device boolean, refusal text)
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    present text;
begin
    select u.password_hash into present from users u where u.id = account_id for update;
    if found and verified_hash is not null and present is distinct from verified_hash then
        return query select null::uuid, true, false, null::text;
        return;
    end if;
    return query select * from apply_login(account_id, login_name, password_matches, rehashed, refresh_hash,
                                           session_lifetime, address, agent, request, device, new_device, code_step,
                                           recovery);
end
$$;
grant execute on function finish_login(uuid, text, text, boolean, text, bytea, interval, inet, text, text, bytea, bytea,
                                       bigint, bytea) to alcove_app;

-- Ends every lock of an account. Known devices stay known. Only unlock_account() and migrate call it.
create or replace function end_login_locks(account_id uuid) returns boolean
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
begin
    delete from login_sources where user_id = account_id and not is_device;
    update login_sources set failed_logins = 0, locked_until = null where user_id = account_id;
    update users set failed_logins = 0, locked_until = null where id = account_id;
    return found;
end
$$;

-- The same for an administrator; null for another caller, false without such an account.
create or replace function unlock_account(account_id uuid) returns boolean
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
begin
    if not app_is_admin() then
        return null;
    end if;
    return end_login_locks(account_id);
end
$$;
grant execute on function unlock_account(uuid) to alcove_app;

-- For administrators: when the last lock of an account ends, of whichever device or address. Null without a lock.
create or replace function login_locked_until(account_id uuid) returns timestamptz
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select greatest(u.locked_until, (select max(s.locked_until) from login_sources s where s.user_id = u.id))
          from users u where u.id = account_id and app_is_admin();
    end;
grant execute on function login_locked_until(uuid) to alcove_app;

-- How long a used refresh token still gets an answer: a client whose answer was lost, or whose two requests raced, asks
-- again within these seconds. API Gateway gives up after 29.
create or replace function refresh_grace() returns interval
    language sql immutable parallel safe
    return interval '30 seconds';

-- Rotation: a refresh token works once, and again within refresh_grace(). A later use ends its session, with every token
-- of the family.
create or replace function rotate_refresh_token(
    presented bytea, successor bytea, address inet default null, request text default null)
    returns table (session_id uuid, user_id uuid)
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    token refresh_tokens;
begin
    select r.* into token from refresh_tokens r where r.token_hash = presented for update;
    if not found then
        return;
    end if;
    -- The clock, not now(): the row may have been locked by the request that used the token.
    if token.used_at < clock_timestamp() - refresh_grace() then
        update sessions s set revoked_at = now() where s.id = token.session_id and s.revoked_at is null;
        if found then
            insert into audit_logs (user_id, action, entity_type, entity_id, ip_address, request_id)
            values (token.user_id, 'session.refresh_reused', 'session', token.session_id, address, request);
        end if;
        return;
    end if;
    perform from sessions s join users u on u.id = s.user_id and u.is_active
      where s.id = token.session_id and s.revoked_at is null and s.expires_at > now();
    if not found then
        return;
    end if;
    -- The first use counts: a retry does not move the end of the grace.
    update refresh_tokens r set used_at = now() where r.token_hash = presented and r.used_at is null;
    insert into refresh_tokens (token_hash, session_id, user_id) values (successor, token.session_id, token.user_id);
    return query select token.session_id, token.user_id;
end
$$;
grant execute on function rotate_refresh_token(bytea, bytea, inet, text) to alcove_app;

-- Ends every session and API key of a user. Only the functions below call it.
create or replace function end_credentials(account_id uuid) returns void
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        update sessions set revoked_at = now() where user_id = account_id and revoked_at is null;
        update api_keys set revoked_at = now() where user_id = account_id and revoked_at is null;
    end;

-- Whether one of the caller's sessions is alive and has a recent proof of who the caller is.
create or replace function session_is_proven(session uuid) returns boolean
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select exists (
            select from sessions s
             where s.id = session and s.user_id = app_user_id() and s.revoked_at is null
               and coalesce(s.proven_at, s.created_at) > now() - proof_lifetime());
    end;

-- Renews the proof of the caller's session, if the verified password hash is still the account's and the code is one of its
-- second factor, which is used up. Returns when the proof ends, or no row.
create or replace function renew_proof(session uuid, verified_hash text, code_step bigint default null,
                                       recovery bytea default null) returns setof timestamptz
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
begin
    perform from users u where u.id = app_user_id() and u.password_hash = verified_hash for update;
    if not found or (has_second_factor(app_user_id()) and not use_second_factor(app_user_id(), code_step, recovery)) then
        return;
    end if;
    return query
        update sessions s set proven_at = now()
         where s.id = session and s.user_id = app_user_id() and s.revoked_at is null
        returning s.proven_at + proof_lifetime();
end
$$;
grant execute on function renew_proof(uuid, text, bigint, bytea) to alcove_app;

-- What a client keeps with one of its user's sessions: the policy of `sessions` lets the application only end them.
create or replace function store_session_data(session uuid, new_data jsonb) returns boolean
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
begin
    update sessions s set data = new_data where s.id = session and s.user_id = app_user_id() and s.revoked_at is null;
    return found;
end
$$;
grant execute on function store_session_data(uuid, jsonb) to alcove_app;

-- API keys of a user as an administrator sees them, newest first: what they are, never the keys.
create or replace function api_keys_of(account_id uuid, after uuid, most integer)
    returns table (id uuid, name text, prefix text, scopes text[], expires_at timestamptz, last_used_at timestamptz,
                   created_at timestamptz)
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select k.id, k.name, k.prefix, k.scopes, k.expires_at, k.last_used_at, k.created_at
          from api_keys k
         where k.user_id = account_id and k.revoked_at is null and app_is_admin() and (after is null or k.id < after)
         order by k.id desc limit most;
    end;
grant execute on function api_keys_of(uuid, uuid, integer) to alcove_app;

-- Ends an API key of a user for an administrator; returns whether there was one.
create or replace function revoke_api_key_of(account_id uuid, key uuid) returns boolean
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
begin
    update api_keys k set revoked_at = now()
     where k.id = key and k.user_id = account_id and k.revoked_at is null and app_is_admin();
    return found;
end
$$;
grant execute on function revoke_api_key_of(uuid, uuid) to alcove_app;
