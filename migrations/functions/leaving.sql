-- People who leave: what they leave, in numbers; who gets their documents; and when their account is erased.

-- For an administrator: what an account holds, in numbers alone. No row for another caller, and without such an account.
create or replace function account_holdings(account_id uuid)
    returns table (private_documents bigint, private_bytes bigint, shared_documents bigint, repositories bigint,
                   connectors bigint, conversations bigint, memories bigint, api_keys bigint, invitations bigint,
                   groups_without_other_administrator bigint)
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select (select count(*) from documents d where d.space_id = s.id and d.deleted_at is null),
               s.used_bytes,
               (select count(*) from documents d where d.owner_id = u.id and d.space_id <> s.id and d.deleted_at is null),
               (select count(*) from repositories r where r.space_id = s.id),
               (select count(*) from connectors n where n.owner_id = u.id),
               (select count(*) from conversations c where c.user_id = u.id and c.deleted_at is null),
               (select count(*) from memory_items m where m.user_id = u.id),
               (select count(*) from api_keys k where k.user_id = u.id and k.revoked_at is null and (k.expires_at is null or k.expires_at > now())),
               (select count(*) from invitations i
                 where i.created_by = u.id and i.accepted_at is null and i.withdrawn_at is null and i.expires_at > now()),
               (select count(*) from memberships m
                 where m.user_id = u.id and role_may_administer(m.role) and not exists (
                     select from memberships o join users p on p.id = o.user_id and p.is_active
                      where o.group_id = m.group_id and o.user_id <> u.id and role_may_administer(o.role)))
          from users u join spaces s on s.user_id = u.id
         where u.id = account_id and app_is_admin();
    end;
grant execute on function account_holdings(uuid) to alcove_app;

-- For an administrator: deactivates an account, and has tick erase it after the retention period `leavers`. Returns
-- 'scheduled', 'own' for the caller's own account, or null without such an account. An account that is scheduled stays so.
create or replace function schedule_deletion(account_id uuid) returns text
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    account users;
begin
    if not app_is_admin() then
        return null;
    end if;
    if account_id = app_user_id() then
        return 'own';
    end if;
    update users set is_active = false, delete_after = coalesce(delete_after, now() + retention_period('leavers'))
     where id = account_id returning * into account;
    if not found then
        return null;
    end if;
    if account.email is not null and account.email_verified then
        perform queue_mail('deletion_scheduled', account.email, account.id, null, null);
    end if;
    return 'scheduled';
end
$$;
grant execute on function schedule_deletion(uuid) to alcove_app;

-- For an administrator: an account that was to be erased is active again. Returns whether it was to be erased.
create or replace function cancel_deletion(account_id uuid) returns boolean
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
begin
    update users set is_active = true where id = account_id and delete_after is not null and app_is_admin();
    return found;
end
$$;
grant execute on function cancel_deletion(uuid) to alcove_app;

-- For tick: erases one account whose time has come, or about `amount` chunks of its documents. Returns 'erased',
-- 'too_much' when there is more to do, or null.
create or replace function erase_leaver(amount bigint) returns text
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    leaver uuid;
    outcome text;
begin
    select u.id into leaver from users u where u.delete_after <= now()
     order by u.delete_after, u.id limit 1 for update skip locked;
    if not found then
        return null;
    end if;
    outcome := erase_account_of(leaver);
    if outcome = 'too_much' then
        perform erase_documents_of(leaver, amount);
    end if;
    return outcome;
end
$$;
grant execute on function erase_leaver(bigint) to alcove_app;

-- For tick: when the wait of the next account is over. Null without one.
create or replace function next_leaver() returns timestamptz
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select min(u.delete_after) from users u where u.delete_after is not null;
    end;
grant execute on function next_leaver() to alcove_app;

-- For an administrator: moves documents of a deactivated account's own space into another user's, the oldest first, until
-- about `amount` chunks have moved, and at last its repositories and connectors; also those of shared spaces that the
-- other user may write. The leaver's consents do not go with them. The administrator sees none of them. Returns
-- 'more', 'done', 'active' while the account is in use, 'own' when the administrator would get them, or null when there
-- are not two such accounts. Raises AL507 when the other user's space is full.
create or replace function hand_over_documents(leaver uuid, heir uuid, amount bigint) returns text
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    source constant integer := (select s.id from spaces s where s.user_id = leaver);
    target constant integer := (select s.id from spaces s join users u on u.id = s.user_id
                                 where u.id = heir and u.is_active and u.auth_provider <> 'anonymous');
    chosen uuid[];
begin
    if not app_is_admin() or source is null or target is null or leaver = heir then
        return null;
    end if;
    if heir = app_user_id() then
        return 'own';
    end if;
    perform from users u where u.id = leaver and not u.is_active for update;
    if not found then
        return 'active';
    end if;
    select coalesce(array_agg(d.id), '{}') into chosen
      from (select o.id, sum(1 + o.chunk_count) over (order by o.id) - o.chunk_count as before
              from documents o where o.space_id = source) d
     where d.before <= amount;
    if cardinality(chosen) > 0 then
        update documents d set space_id = target, owner_id = heir where d.id = any (chosen) and d.space_id = source;
        return 'more';
    end if;
    -- Of two repositories with the same name, both stay, because their contents differ.
    update repositories r
       set space_id = target, owner_id = heir,
           name = case when exists (select from repositories o where o.space_id = target and lower(o.name) = lower(r.name))
                       then left(r.name, 246) || ' ' || right(r.id::text, 8) else r.name end
     where r.space_id = source;
    update connector_items i set space_id = target from connectors c where c.id = i.connector_id and c.space_id = source;
    update connectors c
       set owner_id = heir, space_id = case when c.space_id = source then target else c.space_id end,
           ends_consent = c.ciphertext is not null, state = '{}', failures = 0, error_code = null, error_message = null,
           status = case when c.status = 'disabled' then c.status else 'pending' end, next_run_at = null
     where c.space_id = source or (c.owner_id = leaver and may_write(heir, c.space_id));
    perform queue_mail('documents_received', u.email, u.id, null, null) from users u where u.id = heir and u.email_verified;
    return 'done';
end
$$;
grant execute on function hand_over_documents(uuid, uuid, bigint) to alcove_app;
