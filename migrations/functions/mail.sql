-- E-mails: the outbox, and what is made when one is sent.

-- Writes an e-mail into the outbox, unless its address got too many of this kind lately. Only definer functions call it.
create or replace function queue_mail(
    mail_kind text, address text, account_id uuid, invitation uuid, mail_language text) returns boolean
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
begin
    if charge_bucket('mail', left(mail_kind || ' ' || encode(sha256(convert_to(address, 'UTF8')), 'hex'), 100)) is not null then
        return false;
    end if;
    insert into outgoing_mails (kind, recipient, user_id, invitation_id, language)
    values (mail_kind, address, account_id, invitation, mail_language);
    return true;
end
$$;

-- Before identity exists: asks for an e-mail to an address, whether an account has it or not. What the address is for
-- is looked up when the e-mail is sent, so that the answer and its time are the same for every address.
create or replace function request_mail(mail_kind text, address text, mail_language text) returns void
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
begin
    if mail_kind in ('verification', 'password_reset', 'unlock') then
        perform queue_mail(mail_kind, address, null, null, mail_language);
    end if;
end
$$;
grant execute on function request_mail(text, text, text) to alcove_app;

-- For tick: takes up to `amount` e-mails that are due, the oldest first. One whose sender dies is due again: at first after
-- two minutes, and each time after twice as long.
create or replace function claim_mails(amount integer)
    returns table (id uuid, kind text, recipient text, language text, attempts integer)
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        update outgoing_mails m
           set attempts = m.attempts + 1, due_at = now() + interval '1 minute' * (2 ^ least(m.attempts + 1, 10))
         where m.id in (select o.id from outgoing_mails o where o.due_at <= now()
                         order by o.due_at limit amount for update skip locked)
        returning m.id, m.kind, m.recipient, m.language, m.attempts;
    end;
grant execute on function claim_mails(integer) to alcove_app;

-- For tick: when the next e-mail is due. Null without one.
create or replace function next_mail() returns timestamptz
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select min(m.due_at) from outgoing_mails m;
    end;
grant execute on function next_mail() to alcove_app;

-- Deletes an e-mail that was sent, that nobody is to get, or, with `abandoned`, that could not be sent, which the
-- operator sees without its address.
create or replace function finish_mail(mail uuid, abandoned boolean) returns void
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    deleted outgoing_mails;
begin
    delete from outgoing_mails m where m.id = mail returning m.* into deleted;
    if found and abandoned then
        insert into self_healing_events (event_type, severity, description, action_taken, entity_id)
        values ('mail_given_up', 'warning', format('An e-mail of the kind %s could not be sent.', deleted.kind),
                'It was deleted. The log has the reason.', deleted.user_id);
    end if;
end
$$;
grant execute on function finish_mail(uuid, boolean) to alcove_app;

-- How long a link is valid after it was sent; that of an invitation as long as the invitation.
create or replace function token_lifetime(purpose text) returns interval
    language sql immutable parallel safe
    return case when purpose in ('password_reset', 'unlock') then interval '30 minutes'
                when purpose in ('email_old', 'email_new') then interval '2 hours'
                else interval '1 day' end;

-- The account that an e-mail of this kind to this address is about: the one for which the address was verified, else
-- the one that claims it. Null where such an e-mail would be of no use.
create or replace function mail_account(mail_kind text, address text) returns users
    language plpgsql stable security definer set search_path = public, pg_temp
    as $$
declare
    account users;
begin
    select u.* into account from users u where u.email = address order by u.email_verified desc limit 1;
    if not found or not account.is_active
       or (mail_kind = 'verification' and (account.email_verified or not account.has_password))
       or (mail_kind = 'unlock' and not account.has_password)
       -- An account of a login provider's gets no second way in. One that an administrator prepared gets its first.
       or (mail_kind = 'password_reset' and not account.has_password
           and (not account.email_verified or account.github_id is not null or account.oidc_subject is not null)) then
        return null;
    end if;
    return account;
end
$$;

-- Makes the link of an e-mail that is about to be sent, whose hash is `new_hash`, and says what the e-mail tells. No row:
-- it is not to be sent. A second sending makes a second link, and both are valid until one is used.
create or replace function prepare_mail(mail uuid, new_hash bytea)
    returns table (deployment_name text, name text, inviter text, group_names text[], new_email text, expires_at timestamptz,
                   numbers jsonb)
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    sent outgoing_mails;
    invited invitations;
    account users;
    service constant text := (select s.deployment_name from static_config s);
    ends timestamptz;
begin
    select m.* into sent from outgoing_mails m where m.id = mail;
    if sent.kind = 'invitation' then
        select i.* into invited from invitations i where i.id = sent.invitation_id and invitation_is_open(i);
        if not found then
            return;
        end if;
        insert into account_tokens (token_hash, purpose, invitation_id, email, expires_at)
        values (new_hash, 'invitation', invited.id, sent.recipient, invited.expires_at);
        return query
            select service, null::text, u.display_name,
                   array(select g.name from invitation_groups ig join groups g on g.id = ig.group_id
                          where ig.invitation_id = invited.id order by g.name), null::text, invited.expires_at, '{}'::jsonb
              from users u where u.id = invited.created_by;
        return;
    end if;
    if sent.user_id is null then
        account := mail_account(sent.kind, sent.recipient);
    else
        select u.* into account from users u where u.id = sent.user_id;
    end if;
    if account.id is null then
        return;
    end if;
    if sent.kind in ('email_old', 'email_new') and not exists (
        select from email_changes c where c.user_id = account.id and c.expires_at > now()
           and sent.recipient = case sent.kind when 'email_old' then c.old_email else c.new_email end) then
        return;
    end if;
    if sent.kind in ('verification', 'password_reset', 'unlock', 'email_old', 'email_new') then
        ends := now() + token_lifetime(sent.kind);
        insert into account_tokens (token_hash, purpose, user_id, email, expires_at)
        values (new_hash, sent.kind, account.id, sent.recipient, ends);
    end if;
    return query select service, account.display_name, null::text, null::text[],
                        (select c.new_email from email_changes c where c.user_id = account.id), ends,
                        case when sent.kind = 'digest' then digest_of(account.id) else '{}' end;
end
$$;
grant execute on function prepare_mail(uuid, bytea) to alcove_app;

-- For tick: deletes links and changes of addresses that have expired, old invitations, and accounts whose address nobody
-- verified in time, which nobody could use; returns how many.
create or replace function forget_expired_links() returns bigint
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    forgotten bigint;
begin
    with links as (
        delete from account_tokens where expires_at < now() returning 1),
    changes as (
        delete from email_changes where expires_at < now() returning 1),
    old as (
        delete from invitations
         where least(expires_at, accepted_at, withdrawn_at) < now() - retention_period('invitations') returning 1),
    unverified as (
        delete from users where awaits_verification and created_at < now() - retention_period('unverified_accounts')
        returning 1)
    select (select count(*) from links) + (select count(*) from changes) + (select count(*) from old)
           + (select count(*) from unverified) into forgotten;
    return forgotten;
end
$$;
grant execute on function forget_expired_links() to alcove_app;
