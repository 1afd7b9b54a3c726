drop function erase_account(uuid);
drop function erase_documents(uuid, bigint);
drop function refuse_erasure(uuid);
drop function set_password(uuid, text, text, uuid, inet);
drop function recent_passwords();
drop function begin_api_key(bytea, text);
drop function forget_old_accounts_data();
drop function charge(text, uuid, bytea, inet);
drop function delete_group(uuid);
drop function finish_object_deletions(text[]);
drop function claim_object_deletions(integer);
drop function group_members(uuid, uuid, integer);
drop table rate_limit_buckets, rate_limits, object_deletions, api_keys, password_history;

-- As 0002_accounts left them.
drop function rotate_refresh_token(bytea, bytea, inet, text);
create function rotate_refresh_token(presented bytea, successor bytea)
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
            insert into audit_logs (user_id, action, entity_type, entity_id)
            values (token.user_id, 'session.refresh_reused', 'session', token.session_id);
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

create or replace function finish_login(
    wanted uuid, given_identifier text, password_matches boolean, rehashed text, refresh_hash bytea,
    session_lifetime interval, address inet, agent text, request text) returns uuid
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    account users;
    opened uuid;
    allowed boolean := false;
begin
    select u.* into account from users u where u.id = wanted for update;
    if found then
        allowed := password_matches and account.is_active and coalesce(account.locked_until <= now(), true);
        if allowed then
            update users set failed_logins = 0, locked_until = null, last_login_at = now(),
                             login_count = login_count + 1, password_hash = coalesce(rehashed, password_hash)
             where id = wanted;
            insert into sessions (user_id, ip_address, user_agent, expires_at)
            values (wanted, address, agent, now() + session_lifetime) returning id into opened;
            insert into refresh_tokens (token_hash, session_id, user_id) values (refresh_hash, opened, wanted);
            insert into audit_logs (user_id, action, entity_type, entity_id, ip_address, request_id)
            values (wanted, 'session.opened', 'session', opened, address, request);
        elsif not password_matches and coalesce(account.locked_until <= now(), true) then
            -- A lock that has run out starts a new count.
            update users
               set failed_logins = case when locked_until is null then failed_logins + 1 else 1 end,
                   locked_until = case when locked_until is null and failed_logins + 1 >= 5
                                       then now() + interval '15 minutes' end
             where id = wanted;
        end if;
    end if;
    insert into login_attempts (identifier, user_id, success, ip_address, user_agent)
    values (given_identifier, account.id, allowed, address, agent);
    return opened;
end
$$;

drop function register_user(text, text, text, text, inet, text);
create function register_user(
    new_email text, new_username text, new_display_name text, new_password_hash text,
    address inet, request text) returns uuid
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    made uuid;
begin
    insert into users (email, username, display_name, password_hash)
    values (new_email, new_username, new_display_name, new_password_hash) returning id into made;
    insert into audit_logs (user_id, action, entity_type, entity_id, ip_address, request_id)
    values (made, 'user.registered', 'user', made, address, request);
    return made;
end
$$;

drop function begin_session(uuid, text);
create function begin_session(wanted uuid)
    returns table (user_id uuid, is_admin boolean, auth_provider text)
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    found_user users;
    last_seen timestamptz;
begin
    select s.last_activity_at into last_seen
      from sessions s where s.id = wanted and s.revoked_at is null and s.expires_at > now();
    if not found then
        return;
    end if;
    select u.* into found_user
      from users u join sessions s on s.user_id = u.id where s.id = wanted and u.is_active;
    if not found then
        return;
    end if;
    -- One write a minute is enough to say when a session was last active.
    if last_seen < now() - interval '1 minute' then
        update sessions s set last_activity_at = now() where s.id = wanted;
    end if;
    perform set_identity(found_user.id, found_user.is_admin);
    return query select found_user.id, found_user.is_admin, found_user.auth_provider;
end
$$;

create or replace function set_identity(caller uuid, caller_is_admin boolean) returns void
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    readable integer[];
    writable integer[];
begin
    select array_agg(s.id order by s.id),
           array_agg(s.id order by s.id) filter (
               where s.kind = 'user' or (s.kind = 'group' and m.role in ('editor', 'admin'))
                  or (s.kind = 'org' and caller_is_admin))
      into readable, writable
      from spaces s
      left join memberships m on m.group_id = s.group_id and m.user_id = caller
     where s.user_id = caller or m.user_id is not null or s.kind = 'org';
    perform set_config('app.user_id', caller::text, true),
            set_config('app.is_admin', caller_is_admin::text, true),
            set_config('app.spaces', readable::text, true),
            set_config('app.writable_spaces', coalesce(writable, '{}')::text, true),
            -- pgvector: keep scanning the index until the list is full, whatever row-level security filters.
            set_config('hnsw.iterative_scan', 'relaxed_order', true),
            set_config('hnsw.ef_search', '200', true);
end
$$;

grant execute on function
    begin_session(uuid), register_user(text, text, text, text, inet, text), rotate_refresh_token(bytea, bytea)
    to alcove_app;

drop policy remove on memberships;
drop policy change on memberships;
drop policy add on memberships;
drop policy read on memberships;
create policy read on memberships for select to alcove_app using (user_id = (select app_user_id()) or (select app_is_admin()));
revoke insert, update, delete on memberships from alcove_app;
drop policy change on groups;
drop policy add on groups;
revoke insert, update on groups from alcove_app;
drop function app_administered_groups();

drop policy change on sessions;
create policy change on sessions for update to alcove_app using (user_id = (select app_user_id()));
drop trigger end_sessions on users;
drop function end_sessions();
drop trigger guard_account on users;
drop function guard_account();
drop function require_other_administrator(uuid);
drop policy add on users;
revoke select, insert, update on users from alcove_app;
alter table users drop column preferences;
grant select, update (display_name, username, password_hash) on users to alcove_app;
alter table static_config drop column registration_open;
