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

-- Login, before identity exists: the password hash of an account, by e-mail address or username.
create or replace function find_login(login_name text) returns table (user_id uuid, password_hash text)
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select u.id, u.password_hash from users u where u.email = login_name or u.username = login_name limit 1;
    end;
grant execute on function find_login(text) to alcove_app;

-- The second half of finish_login(): counts failures, locks the account, and opens a session on success. Because of the
-- row lock, parallel guesses are counted one by one. Returns the session, or null for a locked or deactivated account.
create or replace function apply_login(
    account_id uuid, login_name text, password_matches boolean, rehashed text, refresh_hash bytea,
    session_lifetime interval, address inet, agent text, request text) returns uuid
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    account users;
    opened uuid;
    allowed boolean := false;
    locked boolean;
begin
    select u.* into account from users u where u.id = account_id for update;
    if found then
        allowed := password_matches and account.is_active and coalesce(account.locked_until <= now(), true);
        if allowed then
            update users set failed_logins = 0, locked_until = null, last_login_at = now(),
                             login_count = login_count + 1, password_hash = coalesce(rehashed, password_hash)
             where id = account_id;
            insert into sessions (user_id, ip_address, user_agent, expires_at)
            values (account_id, address, agent, now() + session_lifetime) returning id into opened;
            insert into refresh_tokens (token_hash, session_id, user_id) values (refresh_hash, opened, account_id);
            insert into audit_logs (user_id, action, entity_type, entity_id, ip_address, request_id)
            values (account_id, 'session.opened', 'session', opened, address, request);
        elsif not password_matches and coalesce(account.locked_until <= now(), true) then
            -- An expired lock starts a new count.
            update users
               set failed_logins = case when locked_until is null then failed_logins + 1 else 1 end,
                   locked_until = case when locked_until is null and failed_logins + 1 >= 5
                                       then now() + interval '15 minutes' end
             where id = account_id returning locked_until is not null into locked;
            if locked then
                insert into audit_logs (user_id, action, entity_type, entity_id, ip_address, request_id)
                values (account_id, 'user.locked', 'user', account_id, address, request);
            end if;
        end if;
    end if;
    insert into login_attempts (identifier, user_id, success, ip_address, user_agent)
    values (login_name, account.id, allowed, address, agent);
    return opened;
end
$$;

-- A password is verified between two transactions. When the session opens, the account must still have the hash that was
-- verified: `stale` means that it has another one, and that nothing was changed or counted. Without a hash, the identity
-- was verified in another way. The row lock puts parallel logins and changes of the password in an order.
create or replace function finish_login(
    account_id uuid, login_name text, verified_hash text, password_matches boolean, rehashed text, refresh_hash bytea,
    session_lifetime interval, address inet, agent text, request text) returns table (session_id uuid, stale boolean)
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    present text;
begin
    select u.password_hash into present from users u where u.id = account_id for update;
    if found and verified_hash is not null and present is distinct from verified_hash then
        return query select null::uuid, true;
        return;
    end if;
    return query select apply_login(account_id, login_name, password_matches, rehashed, refresh_hash, session_lifetime,
                                    address, agent, request), false;
end
$$;
grant execute on function finish_login(uuid, text, text, boolean, text, bytea, interval, inet, text, text)
    to alcove_app;

-- Rotation: a refresh token works once. A second use ends its session.
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
    if token.used_at is not null then
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
    update refresh_tokens r set used_at = now() where r.token_hash = presented;
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
