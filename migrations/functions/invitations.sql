-- Invitations: made by people who may give what they give, and accepted once.

-- Whether a user may invite with these rights now: administrators everything, others into the groups that they administer.
create or replace function may_invite(inviter uuid, invites_admin boolean, invited_groups uuid[]) returns boolean
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select exists (
            select from users u
             where u.id = inviter and u.is_active
               and (u.is_admin or (not invites_admin and cardinality(invited_groups) > 0 and not exists (
                       select from unnest(invited_groups) as g (id)
                        where not exists (select from memberships m where m.group_id = g.id and m.user_id = inviter
                                             and role_may_administer(m.role))))));
    end;

-- Whether an invitation can be accepted: it waits, and its maker may still give what it gives.
create or replace function invitation_is_open(invitation invitations) returns boolean
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select invitation.accepted_at is null and invitation.withdrawn_at is null and invitation.expires_at > now()
               and (select coalesce(d.invitations_open, s.invitations_open) from static_config s, dynamic_config d)
               and may_invite(invitation.created_by, invitation.is_admin, array(
                       select ig.group_id from invitation_groups ig where ig.invitation_id = invitation.id));
    end;

-- Creates an invitation of the caller. With `mail_language` it is sent by e-mail; otherwise `link_hash` is the hash of its link.
-- `groups` is a list of {group_id, role}. Returns its id; null when the caller may not invite so; a group that the caller
-- cannot administer raises foreign_key_violation or insufficient_privilege.
create or replace function invite(
    invited text, invites_admin boolean, groups jsonb, lifetime interval, link_hash bytea, mail_language text) returns uuid
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    created uuid;
begin
    if (invites_admin and not app_is_admin())
       or not (app_is_admin() or jsonb_array_length(groups) > 0)
       or not (select coalesce(d.invitations_open, s.invitations_open) from static_config s, dynamic_config d)
       or exists (select from jsonb_array_elements(groups) g
                   where not app_is_admin() and not (g ->> 'group_id')::uuid = any (app_administered_groups())) then
        return null;
    end if;
    insert into invitations (created_by, email, is_admin, expires_at)
    values (app_user_id(), invited, invites_admin, now() + lifetime) returning id into created;
    insert into invitation_groups (invitation_id, group_id, role)
    select distinct on (g ->> 'group_id') created, (g ->> 'group_id')::uuid, g ->> 'role' from jsonb_array_elements(groups) g;
    if link_hash is not null then
        insert into account_tokens (token_hash, purpose, invitation_id, expires_at)
        values (link_hash, 'invitation', created, now() + lifetime);
    elsif not queue_mail('invitation', invited, null, created, mail_language) then
        raise exception 'too many e-mails to this address' using errcode = 'check_violation', constraint = 'mail_limit';
    end if;
    return created;
end
$$;
grant execute on function invite(text, boolean, jsonb, interval, bytea, text) to alcove_app;

-- Before identity exists, for who has the link: what the invitation gives. No row when it cannot be accepted.
create or replace function show_invitation(presented bytea)
    returns table (id uuid, email text, is_admin boolean, inviter text, group_names text[], expires_at timestamptz)
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select i.id, i.email, i.is_admin, u.display_name,
               array(select g.name from invitation_groups ig join groups g on g.id = ig.group_id
                      where ig.invitation_id = i.id order by g.name),
               i.expires_at
          from account_tokens t join invitations i on i.id = t.invitation_id join users u on u.id = i.created_by
         where t.token_hash = presented and t.purpose = 'invitation' and t.expires_at > now() and invitation_is_open(i);
    end;
grant execute on function show_invitation(bytea) to alcove_app;

-- Gives an account what an invitation gives, and ends the invitation with its links. A right that the account has stays.
-- Only the functions below call it, under the lock of the invitation's row.
create or replace function give_invitation(invitation invitations, account_id uuid, address inet, request text) returns void
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
begin
    update invitations set accepted_at = now(), accepted_by = account_id where id = invitation.id;
    delete from account_tokens t where t.invitation_id = invitation.id;
    delete from outgoing_mails m where m.invitation_id = invitation.id;
    with memberships_set as (
        insert into memberships (group_id, user_id, role)
        select ig.group_id, account_id, ig.role from invitation_groups ig where ig.invitation_id = invitation.id
        on conflict (group_id, user_id) do update set role = excluded.role, source = 'manual'
         where array_position(array['member', 'editor', 'admin'], memberships.role)
               < array_position(array['member', 'editor', 'admin'], excluded.role)
        returning group_id, role)
    insert into audit_logs (user_id, action, entity_type, entity_id, details, ip_address, request_id)
    select account_id, 'membership.set', 'user', account_id,
           jsonb_build_object('group_id', g.group_id, 'role', g.role, 'from', 'invitation'), address, request
      from memberships_set g;
    if invitation.is_admin then
        update users set is_admin = true where id = account_id;
    end if;
    insert into audit_logs (user_id, action, entity_type, entity_id, details, ip_address, request_id)
    values (account_id, 'invitation.accepted', 'invitation', invitation.id,
            jsonb_build_object('invited_by', invitation.created_by, 'is_admin', invitation.is_admin), address, request);
end
$$;

-- Takes an invitation that can be accepted, by its link, and locks it: of several that accept at once, one finds it.
create or replace function take_invitation(presented bytea) returns invitations
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    taken invitations;
begin
    select i.* into taken from invitations i
     where i.id = (select t.invitation_id from account_tokens t
                    where t.token_hash = presented and t.purpose = 'invitation' and t.expires_at > now()) for update;
    if not found or not invitation_is_open(taken) then
        return null;
    end if;
    return taken;
end
$$;

-- Accepts an invitation with a new account. Its address is the invited one; for a link to whoever has it, `claimed`. It is
-- verified when the link came to it by e-mail, or when an administrator names it. Returns no row when the
-- invitation cannot be accepted.
create or replace function accept_invitation(
    presented bytea, claimed text, new_username text, new_display_name text, new_password_hash text, mail_language text,
    address inet, request text)
    returns table (id uuid, email text, email_verified boolean, username text, display_name text, auth_provider text,
                   is_admin boolean, awaits_verification boolean, created_at timestamptz, last_login_at timestamptz)
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    invitation invitations;
    created users;
    sent_to constant text := (select t.email from account_tokens t where t.token_hash = presented);
    is_verified boolean;
begin
    invitation := take_invitation(presented);
    if invitation.id is null or coalesce(invitation.email, claimed) is null then
        return;
    end if;
    is_verified := invitation.email is not null and (sent_to is not null or exists (
        select from users u where u.id = invitation.created_by and u.is_admin));
    if not is_verified then
        perform refuse_verified_email(coalesce(invitation.email, claimed));
    end if;
    insert into users (email, email_verified, username, display_name, password_hash)
    values (coalesce(invitation.email, claimed), is_verified, new_username, new_display_name, new_password_hash)
    returning * into created;
    insert into audit_logs (user_id, action, entity_type, entity_id, details, ip_address, request_id)
    values (created.id, 'user.registered', 'user', created.id, '{"from": "invitation"}', address, request);
    perform give_invitation(invitation, created.id, address, request);
    if not is_verified and mail_language is not null then
        perform queue_mail('verification', created.email, null, null, mail_language);
    end if;
    return query select u.id, u.email, u.email_verified, u.username, u.display_name, u.auth_provider, u.is_admin,
                        u.awaits_verification, u.created_at, u.last_login_at
                   from users u where u.id = created.id;
end
$$;
grant execute on function accept_invitation(bytea, text, text, text, text, text, inet, text) to alcove_app;

-- Accepts an invitation with the caller's account; one that was made for an address only with the account for which this
-- address is verified, or which an e-mail has reached there. Returns the invitation's id, or null when it cannot be accepted.
create or replace function join_invitation(presented bytea, address inet, request text) returns uuid
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    invitation invitations;
begin
    invitation := take_invitation(presented);
    if invitation.id is null or not exists (
        select from users u
         where u.id = app_user_id() and u.auth_provider <> 'anonymous'
           and (invitation.email is null or (u.email = invitation.email and u.email_verified))) then
        return null;
    end if;
    perform give_invitation(invitation, app_user_id(), address, request);
    return invitation.id;
end
$$;
grant execute on function join_invitation(bytea, inet, text) to alcove_app;

-- Accepts the open invitations of an address that a login provider has verified, for the account of its person; returns how
-- many.
create or replace function accept_invitations_of(invited text, account_id uuid, address inet, request text) returns integer
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    one invitations;
    accepted integer := 0;
begin
    for one in select i.* from invitations i where i.email = invited and invitation_is_open(i) order by i.id for update loop
        perform give_invitation(one, account_id, address, request);
        accepted := accepted + 1;
    end loop;
    return accepted;
end
$$;

-- For a person whom a login provider confirms and who has no account: whether an invitation waits for the address.
create or replace function is_invited(invited text) returns boolean
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select exists (select from invitations i where i.email = invited and invitation_is_open(i));
    end;
