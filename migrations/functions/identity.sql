-- Identity of a transaction: from a session, an API key or a worker.

-- Sets the identity of this transaction, with every space that the caller may read or write. Only set_identity() calls
-- this.
create or replace function set_full_identity(caller uuid, caller_is_admin boolean) returns void
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    readable integer[];
    writable integer[];
    administered uuid[];
begin
    select array_agg(r.space_id order by r.space_id),
           array_agg(r.space_id order by r.space_id) filter (where r.may_write),
           array_agg(r.administered) filter (where r.administered is not null)
      into readable, writable, administered
      from (select s.id as space_id, true as may_write, null::uuid as administered from spaces s where s.user_id = caller
            union all
            select s.id, role_may_write(m.role), case when role_may_administer(m.role) then m.group_id end
              from memberships m join spaces s on s.group_id = m.group_id where m.user_id = caller
            union all
            select s.id, caller_is_admin, null from spaces s where s.kind = 'org'
            union all
            select n.space_id, false, null from spaces_by_source(caller) n) r;
    perform set_config('app.user_id', caller::text, true),
            set_config('app.is_admin', caller_is_admin::text, true),
            set_config('app.spaces', readable::text, true),
            set_config('app.writable_spaces', coalesce(writable, '{}')::text, true),
            set_config('app.administered_groups', coalesce(administered, '{}')::text, true),
            -- pgvector continues to scan the index until the list is full, however many rows row-level security filters
            -- out.
            set_config('hnsw.iterative_scan', 'relaxed_order', true),
            set_config('hnsw.ef_search', '200', true),
            -- A search's estimated cost is above PostgreSQL's bound for compiling, which would take longer than it.
            set_config('jit', 'off', true);
end
$$;

-- Only begin_session(), begin_api_key() and assume_user() call this. An anonymous user sees the organisation's documents
-- only if the deployment allows it.
create or replace function set_identity(caller uuid, caller_is_admin boolean) returns void
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
begin
    perform set_full_identity(caller, caller_is_admin);
    if exists (select from users u where u.id = caller and u.auth_provider = 'anonymous')
       and not (select anonymous_reads_organisation from static_config) then
        perform set_config('app.spaces', array_remove(app_spaces(), s.id)::text, true) from spaces s where s.kind = 'org';
    end if;
end
$$;

-- Whether an administrator has a second factor where the settings require one, or logs in through a provider alone, which
-- is what asks for one then. Otherwise the account has no rights of an administrator.
create or replace function administrator_may_act(account_id uuid) returns boolean
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select not coalesce(d.administrators_need_second_factor, s.administrators_need_second_factor)
               or exists (select from second_factors f where f.user_id = account_id and f.confirmed_at is not null)
               or exists (select from users u where u.id = account_id and not u.has_password)
          from static_config s, dynamic_config d;
    end;

-- Before identity exists: turns an active session into the identity of this transaction. No row for an unknown, expired
-- or revoked session or an inactive user; `refusal` when the route requires a right that the caller does not have, or
-- `proof`, a recent proof of who the caller is, and the session has none.
create or replace function begin_session(requested_session uuid, needed text, proof boolean default false)
    returns table (user_id uuid, refusal text)
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    account record;
begin
    select u.id, u.is_admin, s.last_activity_at, coalesce(s.proven_at, s.created_at) as proven_at,
           u.is_admin and administrator_may_act(u.id) as may_administer into account
      from sessions s join users u on u.id = s.user_id and u.is_active
     where s.id = requested_session and s.revoked_at is null and s.expires_at > now();
    if not found then
        return;
    end if;
    if needed in ('admin', 'metrics') and not account.is_admin then
        return query select account.id, 'forbidden';
        return;
    end if;
    if needed in ('admin', 'metrics') and not account.may_administer then
        return query select account.id, 'second_factor_required';
        return;
    end if;
    if proof and account.proven_at <= now() - proof_lifetime() then
        return query select account.id, 'recent_login_required';
        return;
    end if;
    -- One write a minute is enough for the time of the last activity.
    if account.last_activity_at < now() - interval '1 minute' then
        update sessions s set last_activity_at = now() where s.id = requested_session;
    end if;
    perform set_identity(account.id, account.may_administer);
    perform set_config('app.measures', case needed when 'metrics' then 'on' else 'off' end, true);
    return query select account.id, null::text;
end
$$;
grant execute on function begin_session(uuid, text, boolean) to alcove_app;

-- The same for an API key. Its scopes limit the transaction: without `write` no space is writable, without `admin` the
-- caller is not an administrator, and with `read` alone Postgres refuses every change.
create or replace function begin_api_key(presented bytea, needed text) returns table (user_id uuid, refusal text)
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    key record;
begin
    select k.id, k.scopes, k.last_used_at, u.id as owner,
           u.is_admin and 'admin' = any (k.scopes) and administrator_may_act(u.id) as is_admin,
           u.is_admin and administrator_may_act(u.id) as owner_is_admin into key
      from api_keys k join users u on u.id = k.user_id and u.is_active
     where k.key_hash = presented and k.revoked_at is null and (k.expires_at is null or k.expires_at > now());
    if not found then
        return;
    end if;
    if not needed = any (key.scopes) then
        return query select key.owner, 'insufficient_scope';
        return;
    end if;
    if needed = 'admin' and not key.is_admin or needed = 'metrics' and not key.owner_is_admin then
        return query select key.owner, 'forbidden';
        return;
    end if;
    if coalesce(key.last_used_at < now() - interval '1 minute', true) then
        update api_keys k set last_used_at = now() where k.id = key.id;
    end if;
    perform set_identity(key.owner, key.is_admin);
    perform set_config('app.measures', case needed when 'metrics' then 'on' else 'off' end, true);
    if not 'write' = any (key.scopes) then
        perform set_config('app.writable_spaces', '{}', true), set_config('app.administered_groups', '{}', true);
    end if;
    if key.scopes <@ array['read'] then
        perform set_config('transaction_read_only', 'on', true);
    end if;
    return query select key.owner, null::text;
end
$$;
grant execute on function begin_api_key(bytea, text) to alcove_app;

-- A worker continues a user's own work (answering, ingesting) under that user's identity.
create or replace function assume_user(account_id uuid) returns boolean
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    administrator boolean;
begin
    select u.is_admin and administrator_may_act(u.id) into administrator from users u where u.id = account_id and u.is_active;
    if not found then
        return false;
    end if;
    perform set_identity(account_id, administrator);
    return true;
end
$$;
grant execute on function assume_user(uuid) to alcove_app;

-- The same for work on documents: the spaces of the sources that the user connected are readable and writable too,
-- whoever their readers are. Requests and answers never have this identity.
create or replace function assume_owner(account_id uuid) returns boolean
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    connected integer[];
begin
    if not assume_user(account_id) then
        return false;
    end if;
    select array_agg(s.id) into connected
      from connectors c join spaces s on s.connector_id = c.id
     where c.owner_id = account_id and c.space_id = any (app_writable_spaces());
    if connected is not null then
        perform set_config('app.spaces', (app_spaces() || connected)::text, true),
                set_config('app.writable_spaces', (app_writable_spaces() || connected)::text, true);
    end if;
    return true;
end
$$;
grant execute on function assume_owner(uuid) to alcove_app;
