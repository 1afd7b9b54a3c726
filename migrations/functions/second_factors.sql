-- The second factor of logins by password.

-- Whether an account has a second factor that counts.
create or replace function has_second_factor(account_id uuid) returns boolean
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select exists (select from second_factors f where f.user_id = account_id and f.confirmed_at is not null);
    end;
grant execute on function has_second_factor(uuid) to alcove_app;

-- Before identity exists, and for the caller: the sealed key of an account's second factor, with `awaiting` one that does not
-- count yet.
create or replace function sealed_second_factor(account_id uuid, awaiting boolean)
    returns table (ciphertext bytea, wrapped_key bytea, master_key text)
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select f.ciphertext, f.wrapped_key, f.master_key from second_factors f
         where f.user_id = account_id and (f.confirmed_at is null) = awaiting;
    end;
grant execute on function sealed_second_factor(uuid, boolean) to alcove_app;

-- Uses up a code of an account: the time step of a right one, or the hash of a recovery code. False for a step that was used,
-- or is older than one that was. Only definer functions call it.
create or replace function use_second_factor(account_id uuid, code_step bigint, recovery bytea) returns boolean
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
begin
    if recovery is not null then
        delete from recovery_codes c where c.user_id = account_id and c.code_hash = recovery;
        if found then
            insert into audit_logs (user_id, action, entity_type, entity_id)
            values (account_id, 'recovery_code.used', 'user', account_id);
            return true;
        end if;
        return false;
    end if;
    update second_factors f set last_step = code_step where f.user_id = account_id and f.last_step < code_step;
    return found;
end
$$;

-- Stores a new key of the caller, which does not count before a code of it was shown. Returns whether it was stored: a key
-- that counts is not replaced.
create or replace function begin_second_factor(sealed bytea, wrapped bytea, master text) returns boolean
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
begin
    insert into second_factors as f (user_id, ciphertext, wrapped_key, master_key)
    select u.id, sealed, wrapped, master from users u where u.id = app_user_id() and u.has_password
    on conflict (user_id) do update
       set ciphertext = excluded.ciphertext, wrapped_key = excluded.wrapped_key, master_key = excluded.master_key,
           last_step = 0, created_at = now()
     where f.confirmed_at is null;
    return found;
end
$$;
grant execute on function begin_second_factor(bytea, bytea, text) to alcove_app;

-- Replaces the caller's recovery codes.
create or replace function replace_recovery_codes(hashes bytea[]) returns void
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
begin
    delete from recovery_codes c where c.user_id = app_user_id();
    insert into recovery_codes (user_id, code_hash) select app_user_id(), h from unnest(hashes[1:20]) h;
end
$$;
grant execute on function replace_recovery_codes(bytea[]) to alcove_app;

-- From now on the caller's second factor counts: a code of it, of the time step `code_step`, was shown. Ends the caller's
-- other sessions, which were opened without it. Returns whether a key waited.
create or replace function confirm_second_factor(code_step bigint, hashes bytea[], session uuid) returns boolean
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
begin
    update second_factors f set confirmed_at = now(), last_step = code_step
     where f.user_id = app_user_id() and f.confirmed_at is null;
    if not found then
        return false;
    end if;
    perform replace_recovery_codes(hashes);
    update sessions s set revoked_at = now()
     where s.user_id = app_user_id() and s.revoked_at is null and s.id is distinct from session;
    return true;
end
$$;
grant execute on function confirm_second_factor(bigint, bytea[], uuid) to alcove_app;

-- Ends the second factor of the caller or, for an administrator, of another account. Returns whether there was one.
create or replace function end_second_factor(account_id uuid) returns boolean
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
begin
    if account_id is distinct from app_user_id() and not app_is_admin() then
        return false;
    end if;
    delete from recovery_codes c where c.user_id = account_id;
    delete from second_factors f where f.user_id = account_id;
    return found;
end
$$;
grant execute on function end_second_factor(uuid) to alcove_app;
