-- Recovering an account by e-mail: verifying an address, forgotten passwords, locks, and another address.

-- Ends everything that recovers or changes an account: links that were sent, and e-mails that wait. For a moment at which
-- whoever asked for them may be somebody else.
create or replace function end_recovery(account_id uuid) returns void
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
begin
    delete from account_tokens t where t.user_id = account_id;
    delete from email_changes c where c.user_id = account_id;
    delete from outgoing_mails m
     where m.user_id = account_id and m.kind in ('email_old', 'email_new');
end
$$;

-- Ends what leads out of an account, or into it, without a login: shares, webhooks, invitations, announced uploads and
-- sources. Whoever made them would go on reading what the account says, or write into it.
create or replace function end_outlets(account_id uuid) returns void
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
begin
    update conversation_shares s set withdrawn_at = now() where s.user_id = account_id and s.withdrawn_at is null;
    delete from share_readers r where r.user_id = account_id;
    delete from webhooks w where w.user_id = account_id;
    update invitations i set withdrawn_at = now()
     where i.created_by = account_id and i.accepted_at is null and i.withdrawn_at is null;
    delete from account_tokens t using invitations i where i.id = t.invitation_id and i.created_by = account_id;
    update uploads u set closed_at = now() where u.user_id = account_id and u.closed_at is null;
    update sync_runs r set status = 'cancelled', finished_at = now(), lease_token = null, leased_until = null
      from connectors c
     where c.owner_id = account_id and r.connector_id = c.id and r.status in ('pending', 'running');
    update connectors c set status = 'disabled', next_run_at = null, ends_consent = c.ciphertext is not null
     where c.owner_id = account_id;
end
$$;

-- Ends what somebody else could have left in an account while its address was not verified: every way to log in but the
-- password, every credential, and what works without a login. Its owner by the mailbox takes it over.
create or replace function take_over_account(account_id uuid) returns void
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
begin
    perform end_credentials(account_id);
    perform end_outlets(account_id);
    delete from login_sources s where s.user_id = account_id;
    delete from second_factors f where f.user_id = account_id;
    delete from recovery_codes c where c.user_id = account_id;
    delete from provider_logins p where p.user_id = account_id;
    delete from provider_keys k where k.user_id = account_id;
    update users set github_id = null, github_username = null, oidc_issuer = null, oidc_subject = null,
                     auth_provider = 'local', username = null
     where id = account_id;
end
$$;

-- Before identity exists, for who has the link: the password hashes that a new password must not match; null when the
-- link is not valid.
create or replace function recent_passwords_by_token(presented bytea) returns text[]
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select array[u.password_hash] || array(
                   select h.password_hash from password_history h
                    where h.user_id = u.id and h.password_hash is not null order by h.id desc limit 4)
          from account_tokens t join users u on u.id = t.user_id and u.is_active and u.email = t.email
         where t.token_hash = presented and t.purpose = 'password_reset' and t.expires_at > now();
    end;
grant execute on function recent_passwords_by_token(bytea) to alcove_app;

-- Replaces the password of the account that a link is for, once. The link came to the account's address: it is verified
-- from then on, unless it was verified for another account meanwhile. Ends every session, and every API key unless they
-- are kept; of an account whose address was not verified, everything else too. Returns whether the link was valid.
create or replace function reset_password(
    presented bytea, replacement text, retain_keys boolean, address inet, request text) returns boolean
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    link account_tokens;
    account users;
begin
    delete from account_tokens t
     where t.token_hash = presented and t.purpose = 'password_reset' and t.expires_at > now() returning t.* into link;
    if not found then
        return false;
    end if;
    select u.* into account from users u where u.id = link.user_id and u.is_active and u.email = link.email for update;
    if not found or (not account.email_verified and exists (
            select from users o where o.email = account.email and o.email_verified)) then
        return false;
    end if;
    if not account.email_verified then
        perform take_over_account(account.id);
    end if;
    perform store_password(account.id, replacement, account.id, address);
    update users set email_verified = true, awaits_verification = false where id = account.id;
    perform end_login_locks(account.id);
    delete from login_sources s where s.user_id = account.id;
    update sessions s set revoked_at = now() where s.user_id = account.id and s.revoked_at is null;
    if not retain_keys then
        update api_keys k set revoked_at = now() where k.user_id = account.id and k.revoked_at is null;
    end if;
    perform end_recovery(account.id);
    insert into audit_logs (user_id, action, entity_type, entity_id, details, ip_address, request_id)
    values (account.id, 'user.password_reset', 'user', account.id,
            jsonb_build_object('keep_api_keys', retain_keys, 'taken_over', not account.email_verified), address, request);
    perform queue_mail('password_changed', account.email, account.id, null, null);
    return true;
end
$$;
grant execute on function reset_password(bytea, text, boolean, inet, text) to alcove_app;

-- Ends the locks of the account that a link is for, once. Returns whether the link was valid.
create or replace function unlock_by_token(presented bytea, address inet, request text) returns boolean
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    account uuid;
begin
    delete from account_tokens t using users u
     where t.token_hash = presented and t.purpose = 'unlock' and t.expires_at > now()
       and u.id = t.user_id and u.email = t.email returning u.id into account;
    if not found then
        return false;
    end if;
    delete from account_tokens t where t.user_id = account and t.purpose = 'unlock';
    perform end_login_locks(account);
    insert into audit_logs (user_id, action, entity_type, entity_id, details, ip_address, request_id)
    values (account, 'user.unlocked', 'user', account, '{"by": "e-mail"}', address, request);
    return true;
end
$$;
grant execute on function unlock_by_token(bytea, inet, text) to alcove_app;

-- Before identity exists, for who has the link: the password hash of the account whose address it verifies. No row when
-- the link is not valid.
create or replace function find_verification(presented bytea) returns table (password_hash text)
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select u.password_hash from account_tokens t join users u on u.id = t.user_id and u.is_active and u.email = t.email
         where t.token_hash = presented and t.purpose = 'verification' and t.expires_at > now();
    end;
grant execute on function find_verification(bytea) to alcove_app;

-- Verifies the address of the account that a link is for, if the password was the account's. Five wrong passwords end the
-- link. Returns 'verified', 'wrong_password', 'email_taken' when the address was verified for another account, or null
-- when the link is not valid.
--
-- The password keeps a person who reads the e-mail from vouching for an account that a stranger made with the address.
create or replace function verify_address(
    presented bytea, verified_hash text, password_matches boolean, address inet, request text) returns text
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    link account_tokens;
    account users;
begin
    select t.* into link from account_tokens t
     where t.token_hash = presented and t.purpose = 'verification' and t.expires_at > now() for update;
    if not found then
        return null;
    end if;
    select u.* into account from users u where u.id = link.user_id and u.is_active and u.email = link.email for update;
    if not found then
        return null;
    end if;
    if not password_matches or account.password_hash is distinct from verified_hash then
        update account_tokens t set failures = t.failures + 1 where t.token_hash = presented;
        delete from account_tokens t where t.token_hash = presented and t.failures >= 5;
        return 'wrong_password';
    end if;
    delete from account_tokens t where t.user_id = account.id and t.purpose = 'verification';
    if exists (select from users o where o.email = account.email and o.email_verified and o.id <> account.id) then
        return 'email_taken';
    end if;
    update users set email_verified = true, awaits_verification = false where id = account.id;
    insert into audit_logs (user_id, action, entity_type, entity_id, ip_address, request_id)
    values (account.id, 'user.email_verified', 'user', account.id, address, request);
    return 'verified';
end
$$;
grant execute on function verify_address(bytea, text, boolean, inet, text) to alcove_app;

-- Begins to change the caller's address. Both addresses are asked by e-mail; the former one only if it is verified. A
-- former change ends. No e-mail goes to an address that is verified for another account, and the answer is the same.
create or replace function begin_email_change(address text, mail_language text) returns setof email_changes
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    account users;
begin
    select u.* into account from users u where u.id = app_user_id() and u.auth_provider <> 'anonymous' for update;
    if not found then
        return;
    end if;
    delete from account_tokens t where t.user_id = account.id and t.purpose in ('email_old', 'email_new');
    delete from email_changes c where c.user_id = account.id;
    delete from outgoing_mails m where m.user_id = account.id and m.kind in ('email_old', 'email_new');
    return query insert into email_changes (user_id, new_email, old_email, expires_at)
        values (account.id, address, case when account.email_verified then account.email end, now() + interval '1 day')
        returning *;
    if account.email_verified then
        perform queue_mail('email_old', account.email, account.id, null, mail_language);
    end if;
    if not exists (select from users o where o.email = address and o.email_verified) then
        perform queue_mail('email_new', address, account.id, null, mail_language);
    end if;
end
$$;
grant execute on function begin_email_change(text, text) to alcove_app;

-- For an administrator: begins to change another account's address, for somebody who does not read the former one any
-- more. The new address must confirm, in a session of the account; the former one, if it is verified, is told. A former
-- change ends. Returns nothing without such an account.
create or replace function begin_email_change_of(target uuid, address text, mail_language text)
    returns setof email_changes
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    account users;
begin
    select u.* into account from users u
     where app_is_admin() and u.id = target and u.id <> app_user_id() and u.auth_provider <> 'anonymous' for update;
    if not found then
        return;
    end if;
    delete from account_tokens t where t.user_id = account.id and t.purpose in ('email_old', 'email_new');
    delete from email_changes c where c.user_id = account.id;
    delete from outgoing_mails m where m.user_id = account.id and m.kind in ('email_old', 'email_new');
    return query insert into email_changes (user_id, new_email, expires_at)
        values (account.id, address, now() + interval '1 day') returning *;
    if account.email_verified then
        perform queue_mail('email_replaced', account.email, account.id, null, mail_language);
    end if;
    if not exists (select from users o where o.email = address and o.email_verified) then
        perform queue_mail('email_new', address, account.id, null, mail_language);
    end if;
end
$$;
grant execute on function begin_email_change_of(uuid, text, text) to alcove_app;

-- Ends the change of the caller's address that has begun; returns whether there was one.
create or replace function end_email_change() returns boolean
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
begin
    delete from account_tokens t where t.user_id = app_user_id() and t.purpose in ('email_old', 'email_new');
    delete from outgoing_mails m where m.user_id = app_user_id() and m.kind in ('email_old', 'email_new');
    delete from email_changes c where c.user_id = app_user_id();
    return found;
end
$$;
grant execute on function end_email_change() to alcove_app;

-- Takes a link that one of the two addresses got, in a session of the same account, and changes the address when both have
-- confirmed. Returns 'waiting', 'changed', 'email_taken', or null when the link is not valid or is another account's.
create or replace function confirm_email_change(presented bytea, session uuid) returns text
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    link account_tokens;
    change email_changes;
    former users;
begin
    delete from account_tokens t
     where t.token_hash = presented and t.purpose in ('email_old', 'email_new') and t.expires_at > now()
       and t.user_id = app_user_id() returning t.* into link;
    if not found then
        return null;
    end if;
    select u.* into former from users u where u.id = link.user_id for update;
    update email_changes c
       set new_confirmed_at = case when link.purpose = 'email_new' then now() else c.new_confirmed_at end,
           old_confirmed_at = case when link.purpose = 'email_old' then now() else c.old_confirmed_at end
     where c.user_id = link.user_id and c.expires_at > now()
       and link.email = case link.purpose when 'email_old' then c.old_email else c.new_email end
    returning c.* into change;
    if not found then
        return null;
    end if;
    if change.new_confirmed_at is null or (change.old_email is not null and change.old_confirmed_at is null) then
        return 'waiting';
    end if;
    if exists (select from users o where o.email = change.new_email and o.email_verified and o.id <> link.user_id) then
        perform end_recovery(link.user_id);
        return 'email_taken';
    end if;
    update users set email = change.new_email, email_verified = true, awaits_verification = false where id = link.user_id;
    perform end_recovery(link.user_id);
    update sessions s set revoked_at = now()
     where s.user_id = link.user_id and s.revoked_at is null and s.id is distinct from session;
    if former.email_verified then
        perform queue_mail('email_changed', former.email, link.user_id, null, null);
    end if;
    return 'changed';
end
$$;
grant execute on function confirm_email_change(bytea, uuid) to alcove_app;
