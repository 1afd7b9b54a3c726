-- Erasure of an account with all its data.

-- Whether the caller may erase the own account: null, or 'stale_session' when the session has no recent proof. Raises
-- users_last_administrator.
create or replace function refuse_erasure(session uuid) returns text
    language plpgsql volatile set search_path = public, pg_temp
    as $$
declare
    account users;
begin
    select u.* into account from users u where u.id = app_user_id() for update;
    if not session_is_proven(session) then
        return 'stale_session';
    end if;
    if account.is_admin then
        perform require_other_administrator(account.id);
    end if;
    return null;
end
$$;

-- Erases documents of a user's own space, the oldest first, until about `amount` chunks are deleted, and records their
-- objects for deletion. Returns how many documents. Only the functions below call it.
create or replace function erase_documents_of(account_id uuid, amount bigint) returns bigint
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    chosen uuid[];
begin
    select coalesce(array_agg(d.id), '{}') into chosen
      from (select o.id, sum(1 + o.chunk_count) over (order by o.id) - o.chunk_count as before
              from documents o join spaces s on s.id = o.space_id where s.user_id = account_id) d
     where d.before <= amount;
    insert into object_deletions (object_key)
    select d.object_key from documents d where d.id = any (chosen) or d.duplicate_of = any (chosen)
    on conflict do nothing;
    insert into lexeme_counts (lexeme, chunks)
    select split_part(entry, ':', 1)::integer, -count(*)
      from documents d join chunk_terms t on t.document_id = d.id,
           unnest(string_to_array(trim('{' from split_part(t.weights::text, '}', 1)), ',')) as entry
     where d.id = any (chosen) and t.live and entry <> ''
     group by 1
    union all
    select 0, -count(*) from documents d join chunk_terms t on t.document_id = d.id
     where d.id = any (chosen) and t.live having count(*) > 0;
    delete from documents d where d.id = any (chosen);
    return cardinality(chosen);
end
$$;

-- The same for the caller. Null when refuse_erasure() refuses.
create or replace function erase_documents(session uuid, amount bigint) returns bigint
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
begin
    if refuse_erasure(session) is not null then
        return null;
    end if;
    return erase_documents_of(app_user_id(), amount);
end
$$;
grant execute on function erase_documents(uuid, bigint) to alcove_app;

-- Erases an account: every row of it, and every object in the bucket, which it records for deletion. Documents
-- in a group's or the organisation's space stay: another user who may write there becomes their owner. The audit log
-- keeps what was done and when, without the user. Returns 'erased', or 'too_much' when documents must be erased first, so
-- that no statement takes too long. Only the functions below call it.
create or replace function erase_account_of(account_id uuid) returns text
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    account users;
    most constant bigint := 20000;
begin
    if (select sum(1 + d.chunk_count) from documents d join spaces s on s.id = d.space_id
         where s.user_id = account_id) > most then
        return 'too_much';
    end if;
    perform erase_documents_of(account_id, most);
    select u.* into account from users u where u.id = account_id;
    update documents d set owner_id = heir.id
      from spaces s, lateral (
               select u.id from users u left join memberships m on m.user_id = u.id and m.group_id = s.group_id
                where u.id <> account.id and u.is_active and (role_may_write(m.role) or u.is_admin)
                order by role_may_write(m.role) desc nulls last, u.id limit 1) heir
     where d.owner_id = account.id and s.id = d.space_id;
    delete from llm_jobs j where j.user_id = account.id;
    delete from config_audit a where a.user_id = account.id and a.config_type = 'user_pref';
    delete from login_attempts a where a.identifier in (account.email, account.username);
    update audit_logs a
       set user_id = nullif(a.user_id, account.id), entity_id = nullif(a.entity_id, account.id), ip_address = null,
           request_id = null, details = '{}'
     where a.user_id = account.id or a.entity_id = account.id;
    delete from outgoing_mails m where m.recipient = account.email;
    update telegram_config c
       set email_recipients = array_remove(c.email_recipients, account.email),
           email_enabled = c.email_enabled and c.email_recipients <> array[account.email]
     where account.email = any (c.email_recipients);
    update invitations i set email = null where i.accepted_by = account.id or i.email = account.email;
    delete from users u where u.id = account.id;
    insert into audit_logs (user_id, action, entity_type) values (null, 'user.erased', 'user');
    return 'erased';
end
$$;

-- Erases the caller's account. Returns as erase_account_of(), or 'stale_session'. Raises users_last_administrator.
create or replace function erase_account(session uuid) returns text
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
begin
    return coalesce(refuse_erasure(session), erase_account_of(app_user_id()));
end
$$;
grant execute on function erase_account(uuid) to alcove_app;
