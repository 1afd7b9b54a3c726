-- Local accounts and their passwords.

-- Whether strangers may become users. Administrators decide, and the deployment while they have not.
create or replace function registration_is_open() returns boolean
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select coalesce(d.registration_open, s.registration_open) from static_config s, dynamic_config d;
    end;
grant execute on function registration_is_open() to alcove_app;

-- Who registers cannot claim an address that is verified for another account. Only definer functions call it.
create or replace function refuse_verified_email(claimed text) returns void
    language plpgsql stable set search_path = public, pg_temp
    as $$
begin
    if exists (select from users u where u.email = claimed and u.email_verified) then
        raise exception 'the address belongs to another account' using errcode = 'unique_violation',
            constraint = 'users_email_key';
    end if;
end
$$;

-- Whether an account that somebody registers waits until its address is verified: administrators say so, and always where
-- only the addresses of some domains may register, because a claimed address says nothing.
create or replace function registration_awaits_verification() returns boolean
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select coalesce(d.registration_requires_verification, s.registration_requires_verification)
               or cardinality(coalesce(d.registration_domains, s.registration_domains)) > 0
          from static_config s, dynamic_config d;
    end;
grant execute on function registration_awaits_verification() to alcove_app;

-- Whether an address may register: the domains that may, if any are named, contain its own.
create or replace function registration_admits(address text) returns boolean
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select cardinality(coalesce(d.registration_domains, s.registration_domains)) = 0
               or split_part(address, '@', 2) = any (coalesce(d.registration_domains, s.registration_domains))
          from static_config s, dynamic_config d;
    end;
grant execute on function registration_admits(text) to alcove_app;

-- Registration. Returns no row while registration is closed, and where the address must be verified and no e-mail can be
-- sent. `mail_language` is null where none can.
create or replace function register_user(
    new_email text, new_username text, new_display_name text, new_password_hash text, mail_language text, address inet,
    request text)
    returns table (id uuid, email text, email_verified boolean, username text, display_name text, auth_provider text,
                   is_admin boolean, awaits_verification boolean, created_at timestamptz, last_login_at timestamptz)
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    created users;
    awaits constant boolean := registration_awaits_verification();
begin
    if not registration_is_open() or (awaits and mail_language is null) or not registration_admits(new_email) then
        return;
    end if;
    perform refuse_verified_email(new_email);
    insert into users (email, username, display_name, password_hash, awaits_verification)
    values (new_email, new_username, new_display_name, new_password_hash, awaits) returning * into created;
    insert into audit_logs (user_id, action, entity_type, entity_id, ip_address, request_id)
    values (created.id, 'user.registered', 'user', created.id, address, request);
    if mail_language is not null then
        perform queue_mail('verification', new_email, null, null, mail_language);
    end if;
    return query select created.id, created.email, created.email_verified, created.username, created.display_name,
                        created.auth_provider, created.is_admin, created.awaits_verification, created.created_at,
                        created.last_login_at;
end
$$;
grant execute on function register_user(text, text, text, text, text, inet, text) to alcove_app;

-- The service always has an administrator. The lock serialises administrators who leave at the same time.
create or replace function require_other_administrator(leaving uuid) returns void
    language plpgsql volatile set search_path = public, pg_temp
    as $$
begin
    perform pg_advisory_xact_lock(hashtextextended('alcove.administrators', 0));
    if not exists (select from users where is_admin and is_active and id <> leaving) then
        raise exception 'the last administrator stays' using errcode = 'check_violation',
            constraint = 'users_last_administrator';
    end if;
end
$$;
grant execute on function require_other_administrator(uuid) to alcove_app;

-- The caller's password hashes that a new password must not match: the current one, then the four before it.
create or replace function recent_passwords() returns text[]
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select array[u.password_hash] || array(
                   select h.password_hash from password_history h
                    where h.user_id = u.id and h.password_hash is not null order by h.id desc limit 4)
          from users u where u.id = app_user_id();
    end;
grant execute on function recent_passwords() to alcove_app;

-- An account's password hashes that a new password must not match, for its owner or an administrator: the current one,
-- then the four before it. Null when the account does not exist.
create or replace function recent_passwords_of(account_id uuid) returns text[]
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select array[u.password_hash] || array(
                   select h.password_hash from password_history h
                    where h.user_id = u.id and h.password_hash is not null order by h.id desc limit 4)
          from users u where u.id = account_id and (u.id = app_user_id() or app_is_admin());
    end;
grant execute on function recent_passwords_of(uuid) to alcove_app;

-- Stores another password, and keeps the former one's hash among those that a new password must not match. Only definer
-- functions call it, under the lock of the account's row.
create or replace function store_password(account_id uuid, replacement text, by_user uuid, address inet) returns void
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
begin
    insert into password_history (user_id, password_hash, changed_by, ip_address)
    select u.id, u.password_hash, by_user, address from users u where u.id = account_id;
    update password_history set password_hash = null
     where id in (select h.id from password_history h where h.user_id = account_id and h.password_hash is not null
                   order by h.id desc offset 4);
    update users set password_hash = replacement where id = account_id;
end
$$;

-- Replaces a password and ends the account's other sessions and, unless they are kept on purpose, its API keys; returns
-- whether it was replaced. The caller's own password is only replaced while its hash is the verified one: of two
-- simultaneous changes, one is refused. An administrator replaces other users' passwords.
create or replace function set_password(account_id uuid, expected text, replacement text, current_session uuid, address inet,
                                        retain_keys boolean default false)
    returns boolean
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    present text;
begin
    if account_id is distinct from app_user_id() and not app_is_admin() then
        return false;
    end if;
    select u.password_hash into present from users u where u.id = account_id for update;
    if not found or (account_id = app_user_id() and present is distinct from expected) then
        return false;
    end if;
    perform store_password(account_id, replacement, app_user_id(), address);
    perform end_login_locks(account_id);
    -- A link that was sent before must not replace it.
    delete from account_tokens t where t.user_id = account_id and t.purpose = 'password_reset';
    -- Somebody else who knew the former password may be among the known devices.
    if account_id is distinct from app_user_id() then
        delete from login_sources s where s.user_id = account_id;
    end if;
    update sessions s set revoked_at = now()
     where s.user_id = account_id and s.revoked_at is null and s.id is distinct from current_session;
    if not retain_keys then
        update api_keys k set revoked_at = now() where k.user_id = account_id and k.revoked_at is null;
    end if;
    return true;
end
$$;
grant execute on function set_password(uuid, text, text, uuid, inet, boolean) to alcove_app;
