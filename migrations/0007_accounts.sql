-- Accounts, whole: sessions to see and end, password history, API keys with scopes, managed groups, rate limits
-- that every function shares, erasing an account. Who may write where is decided here, once.

alter table static_config add column registration_open boolean not null default true;

alter table users add column preferences jsonb not null default '{}'
    check (jsonb_typeof(preferences) = 'object' and length(preferences::text) <= 10000);

-- A hash is read by definer functions only. A migration that adds a column for the application grants it by name.
revoke select, update on users from alcove_app;
grant select (id, email, username, display_name, auth_provider, is_admin, is_active, failed_logins, locked_until,
              login_count, last_login_at, preferences, created_at, updated_at),
      insert (email, username, display_name, password_hash, is_admin),
      update (display_name, username, preferences, is_admin, is_active, failed_logins, locked_until)
   on users to alcove_app;
create policy add on users for insert to alcove_app with check ((select app_is_admin()));

-- The service always has an administrator. The lock makes two who leave at once wait for each other.
create function require_other_administrator(leaving uuid) returns void
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

-- Row-level security lets a user update the own row; these columns of it are an administrator's all the same.
-- Definer functions (login, claims of a provider) run as the owner and answer for themselves.
create function guard_account() returns trigger
    language plpgsql set search_path = public, pg_temp
    as $$
begin
    if current_user <> 'alcove_app' then
        return new;
    end if;
    if not app_is_admin() then
        raise exception 'only an administrator changes this' using errcode = 'insufficient_privilege';
    end if;
    if old.is_admin and old.is_active and not (new.is_admin and new.is_active) then
        perform require_other_administrator(old.id);
    end if;
    return new;
end
$$;
create trigger guard_account before update on users for each row
    when ((old.is_admin, old.is_active, old.failed_logins, old.locked_until)
          is distinct from (new.is_admin, new.is_active, new.failed_logins, new.locked_until))
    execute function guard_account();

-- Whoever is let in again later logs in again.
create function end_sessions() returns trigger
    language plpgsql security definer set search_path = public, pg_temp
    as $$
begin
    update sessions set revoked_at = now() where user_id = new.id and revoked_at is null;
    return null;
end
$$;
create trigger end_sessions after update on users for each row
    when (old.is_active and not new.is_active) execute function end_sessions();

drop policy change on sessions;
create policy change on sessions for update to alcove_app
    using (user_id = (select app_user_id()))
    with check (user_id = (select app_user_id()) and revoked_at is not null);

-- Each row is a password that was replaced, by whom and from where. Only the hashes that a new password is compared
-- with are kept.
create table password_history (
    id uuid primary key default uuidv7(),
    user_id uuid not null references users on delete cascade,
    password_hash text check (length(password_hash) <= 512),
    changed_by uuid references users on delete set null,
    ip_address inet,
    created_at timestamptz not null default now()
);
create index password_history_user on password_history (user_id, id desc);
call protect('password_history');
create policy read on password_history for select to alcove_app using (user_id = (select app_user_id()));
grant select (id, user_id, changed_by, ip_address, created_at) on password_history to alcove_app;

create table api_keys (
    id uuid primary key default uuidv7(),
    user_id uuid not null default app_user_id() references users on delete cascade,
    name text not null check (length(name) between 1 and 100),
    key_hash bytea not null unique check (length(key_hash) = 32),
    prefix text not null check (length(prefix) between 4 and 16),
    scopes text[] not null check (cardinality(scopes) between 1 and 4
                                  and scopes <@ array['read', 'write', 'chat', 'admin']),
    expires_at timestamptz not null,
    last_used_at timestamptz,
    revoked_at timestamptz,
    created_at timestamptz not null default now()
);
create index api_keys_user on api_keys (user_id, id desc);
call protect('api_keys');
create policy read on api_keys for select to alcove_app using (user_id = (select app_user_id()));
create policy add on api_keys for insert to alcove_app
    with check (user_id = (select app_user_id()) and revoked_at is null
                and ((select app_is_admin()) or not 'admin' = any (scopes)));
create policy change on api_keys for update to alcove_app
    using (user_id = (select app_user_id()))
    with check (user_id = (select app_user_id()) and revoked_at is not null);
grant select (id, user_id, name, prefix, scopes, expires_at, last_used_at, revoked_at, created_at),
      insert (user_id, name, key_hash, prefix, scopes, expires_at),
      update (revoked_at)
   on api_keys to alcove_app;

-- Groups are made by an administrator, and run by one or by the group's own.
create function app_administered_groups() returns uuid[]
    language sql stable parallel safe
    return coalesce(nullif(current_setting('app.administered_groups', true), '')::uuid[], '{}');
grant execute on function app_administered_groups() to alcove_app;

create policy add on groups for insert to alcove_app with check ((select app_is_admin()));
create policy change on groups for update to alcove_app
    using ((select app_is_admin()) or id = any ((select app_administered_groups())::uuid[]));
grant insert (name), update (name) on groups to alcove_app;

drop policy read on memberships;
create policy read on memberships for select to alcove_app
    using (user_id = (select app_user_id()) or (select app_is_admin())
           or group_id = any ((select app_administered_groups())::uuid[]));
do $$
declare
    ours constant text := '((select app_is_admin()) or group_id = any ((select app_administered_groups())::uuid[]))';
begin
    execute 'create policy add on memberships for insert to alcove_app with check ' || ours;
    execute 'create policy change on memberships for update to alcove_app using ' || ours;
    execute 'create policy remove on memberships for delete to alcove_app using ' || ours;
end
$$;
grant insert (group_id, user_id, role), update (role), delete on memberships to alcove_app;

-- Members of a group see one another by name; row-level security shows them nothing else of each other.
create function group_members(wanted uuid, after uuid, amount integer)
    returns table (user_id uuid, display_name text, username text, role text, created_at timestamptz)
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select m.user_id, u.display_name, u.username, m.role, m.created_at
          from memberships m join users u on u.id = m.user_id
         where m.group_id = wanted and (after is null or m.user_id > after)
           and (app_is_admin() or exists (
                   select from memberships own where own.group_id = wanted and own.user_id = app_user_id()))
         order by m.user_id limit least(amount, 101);
    end;

-- Objects of the bucket whose rows are gone. Each is deleted at once, and once more when every upload URL that was
-- given out for it has run out.
create table object_deletions (
    object_key text primary key check (length(object_key) <= 1024),
    due_at timestamptz not null default now(),
    is_last boolean not null default false
);
create index object_deletions_due on object_deletions (due_at);
call protect('object_deletions');

create function claim_object_deletions(amount integer) returns setof text
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        with due as (
            select object_key from object_deletions where due_at <= now()
             order by due_at limit least(amount, 1000) for update skip locked)
        update object_deletions d set due_at = now() + interval '10 minutes'
          from due where d.object_key = due.object_key
        returning d.object_key;
    end;

create function finish_object_deletions(keys text[]) returns void
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        delete from object_deletions where object_key = any (keys) and is_last;
        update object_deletions set is_last = true, due_at = now() + interval '2 hours'
         where object_key = any (keys);
    end;

-- Deletes a group with its space and its deleted documents. Returns 'deleted', 'not_empty' while it has documents,
-- 'forbidden' to a mere member, and null to anybody else.
create function delete_group(wanted uuid) returns text
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    shared integer;
begin
    if not app_is_admin() and not wanted = any (app_administered_groups()) then
        return (select 'forbidden' from memberships m where m.group_id = wanted and m.user_id = app_user_id());
    end if;
    select s.id into shared from spaces s where s.group_id = wanted for update;
    if not found then
        return null;
    end if;
    if exists (select from documents d where d.space_id = shared and d.deleted_at is null) then
        return 'not_empty';
    end if;
    insert into object_deletions (object_key)
    select d.object_key from documents d where d.space_id = shared on conflict do nothing;
    delete from documents d where d.space_id = shared;
    delete from groups g where g.id = wanted;
    return 'deleted';
end
$$;

-- A token bucket for each caller and kind of request, kept as one instant: when the bucket will be full again (the
-- generic cell rate algorithm, ITU-T I.371). `burst` requests at once, then one more `every` so often.
create table rate_limits (
    name text primary key check (length(name) between 1 and 50),
    burst integer not null check (burst between 1 and 1000000),
    every interval not null check (every > interval '0')
);
call protect('rate_limits');
insert into rate_limits (name, burst, every) values
    ('login', 100, '2 seconds'), ('register', 60, '1 minute'), ('refresh', 600, '0.2 seconds'),
    ('password', 10, '6 minutes'), ('search', 600, '0.1 seconds'), ('document', 1000, '0.1 seconds'),
    ('ask', 120, '1 second');

-- Losing the buckets in a crash lets a few requests more through; writing them to the log would cost each request.
create unlogged table rate_limit_buckets (
    name text not null references rate_limits on delete cascade,
    subject text not null check (length(subject) between 1 and 100),
    full_at timestamptz not null,
    primary key (name, subject)
);
create index rate_limit_buckets_full on rate_limit_buckets (full_at);
call protect('rate_limit_buckets');

-- Takes one request from the bucket of the caller: a user by session or API key, else an address (an IPv6 client has
-- a /64 to itself). Returns null, or after how many seconds to come again.
create function charge(limit_name text, session uuid, presented bytea, address inet) returns integer
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    moment constant timestamptz := clock_timestamp();
    rule rate_limits;
    charged text;
begin
    select l.* into strict rule from rate_limits l where l.name = limit_name;
    if session is null and presented is null then
        charged := case when family(address) = 6 then network(set_masklen(address, 64))::text
                        else coalesce(host(address), 'unknown') end;
    else
        charged := coalesce((select s.user_id from sessions s
                              where s.id = session and s.revoked_at is null and s.expires_at > moment),
                            (select k.user_id from api_keys k
                              where k.key_hash = presented and k.revoked_at is null and k.expires_at > moment))::text;
        if charged is null then
            return null;
        end if;
    end if;
    insert into rate_limit_buckets as b (name, subject, full_at) values (limit_name, charged, moment + rule.every)
    on conflict (name, subject) do update set full_at = greatest(b.full_at, moment) + rule.every
       where greatest(b.full_at, moment) + rule.every <= moment + rule.every * rule.burst;
    if found then
        return null;
    end if;
    return (select greatest(1, ceil(extract(epoch from b.full_at + rule.every - rule.every * rule.burst - moment)))
              from rate_limit_buckets b where b.name = limit_name and b.subject = charged)::integer;
end
$$;

-- What tick forgets: buckets that are full again, sessions that ended a week ago. Returns how many rows.
create function forget_old_accounts_data() returns bigint
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        with full_buckets as (
            delete from rate_limit_buckets where full_at < now() returning 1),
        ended as (
            select id from sessions where least(revoked_at, expires_at) < now() - interval '7 days' limit 10000),
        gone as (
            delete from sessions s using ended where s.id = ended.id returning 1)
        select (select count(*) from full_buckets) + (select count(*) from gone);
    end;

-- Identity. Only begin_session(), begin_api_key() and assume_user() call this.
create or replace function set_identity(caller uuid, caller_is_admin boolean) returns void
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    readable integer[];
    writable integer[];
    administered uuid[];
begin
    select array_agg(s.id order by s.id),
           array_agg(s.id order by s.id) filter (
               where s.kind = 'user' or (s.kind = 'group' and m.role in ('editor', 'admin'))
                  or (s.kind = 'org' and caller_is_admin)),
           array_agg(m.group_id) filter (where m.role = 'admin')
      into readable, writable, administered
      from spaces s
      left join memberships m on m.group_id = s.group_id and m.user_id = caller
     where s.user_id = caller or m.user_id is not null or s.kind = 'org';
    perform set_config('app.user_id', caller::text, true),
            set_config('app.is_admin', caller_is_admin::text, true),
            set_config('app.spaces', readable::text, true),
            set_config('app.writable_spaces', coalesce(writable, '{}')::text, true),
            set_config('app.administered_groups', coalesce(administered, '{}')::text, true),
            -- pgvector: keep scanning the index until the list is full, whatever row-level security filters.
            set_config('hnsw.iterative_scan', 'relaxed_order', true),
            set_config('hnsw.ef_search', '200', true);
end
$$;

-- Before identity exists: turns a live session into the identity of this transaction. No row for an unknown, expired
-- or revoked session or an inactive user; `refusal` when the route needs more than the caller may do.
drop function begin_session(uuid);
create function begin_session(wanted uuid, needed text) returns table (user_id uuid, refusal text)
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    account record;
begin
    select u.id, u.is_admin, s.last_activity_at into account
      from sessions s join users u on u.id = s.user_id and u.is_active
     where s.id = wanted and s.revoked_at is null and s.expires_at > now();
    if not found then
        return;
    end if;
    if needed = 'admin' and not account.is_admin then
        return query select account.id, 'forbidden';
        return;
    end if;
    -- One write a minute is enough to say when a session was last active.
    if account.last_activity_at < now() - interval '1 minute' then
        update sessions s set last_activity_at = now() where s.id = wanted;
    end if;
    perform set_identity(account.id, account.is_admin);
    return query select account.id, null::text;
end
$$;

-- The same for an API key. What its scopes do not allow, the transaction cannot do: without `write` no space is
-- writable, without `admin` nobody is an administrator, and with `read` alone Postgres refuses every change.
create function begin_api_key(presented bytea, needed text) returns table (user_id uuid, refusal text)
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    key record;
begin
    select k.id, k.scopes, k.last_used_at, u.id as owner, u.is_admin and 'admin' = any (k.scopes) as is_admin into key
      from api_keys k join users u on u.id = k.user_id and u.is_active
     where k.key_hash = presented and k.revoked_at is null and k.expires_at > now();
    if not found then
        return;
    end if;
    if not needed = any (key.scopes) then
        return query select key.owner, 'insufficient_scope';
        return;
    end if;
    if needed = 'admin' and not key.is_admin then
        return query select key.owner, 'forbidden';
        return;
    end if;
    if coalesce(key.last_used_at < now() - interval '1 minute', true) then
        update api_keys k set last_used_at = now() where k.id = key.id;
    end if;
    perform set_identity(key.owner, key.is_admin);
    if not 'write' = any (key.scopes) then
        perform set_config('app.writable_spaces', '{}', true), set_config('app.administered_groups', '{}', true);
    end if;
    if key.scopes <@ array['read'] then
        perform set_config('transaction_read_only', 'on', true);
    end if;
    return query select key.owner, null::text;
end
$$;

-- Registration. No row when the deployment has closed it.
drop function register_user(text, text, text, text, inet, text);
create function register_user(
    new_email text, new_username text, new_display_name text, new_password_hash text, address inet, request text)
    returns table (id uuid, email text, username text, display_name text, auth_provider text, is_admin boolean,
                   created_at timestamptz, last_login_at timestamptz)
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    made users;
begin
    if not (select c.registration_open from static_config c) then
        return;
    end if;
    insert into users (email, username, display_name, password_hash)
    values (new_email, new_username, new_display_name, new_password_hash) returning * into made;
    insert into audit_logs (user_id, action, entity_type, entity_id, ip_address, request_id)
    values (made.id, 'user.registered', 'user', made.id, address, request);
    return query select made.id, made.email, made.username, made.display_name, made.auth_provider, made.is_admin,
                        made.created_at, made.last_login_at;
end
$$;

-- Login, after the password was judged: counts, locks and, on success, opens a session. The row lock makes
-- parallel guesses count one by one. Returns the session, or nothing when the account is locked or closed.
create or replace function finish_login(
    wanted uuid, given_identifier text, password_matches boolean, rehashed text, refresh_hash bytea,
    session_lifetime interval, address inet, agent text, request text) returns uuid
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    account users;
    opened uuid;
    allowed boolean := false;
    locked boolean;
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
             where id = wanted returning locked_until is not null into locked;
            if locked then
                insert into audit_logs (user_id, action, entity_type, entity_id, ip_address, request_id)
                values (wanted, 'user.locked', 'user', wanted, address, request);
            end if;
        end if;
    end if;
    insert into login_attempts (identifier, user_id, success, ip_address, user_agent)
    values (given_identifier, account.id, allowed, address, agent);
    return opened;
end
$$;

-- Rotation: a refresh token works once. One that was used already ends its whole session.
drop function rotate_refresh_token(bytea, bytea);
create function rotate_refresh_token(
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

-- The caller's own password hashes that a new password may not match: the present one first, then the four before it.
create function recent_passwords() returns text[]
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select array[u.password_hash] || array(
                   select h.password_hash from password_history h
                    where h.user_id = u.id and h.password_hash is not null order by h.id desc limit 4)
          from users u where u.id = app_user_id();
    end;

-- Replaces a password and ends the account's other sessions. One's own only while the present hash is still the one
-- that the new password was judged against, so that of two changes at once one is refused; an administrator
-- replaces others'. Returns whether it did.
create function set_password(wanted uuid, expected text, replacement text, kept_session uuid, address inet)
    returns boolean
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    present text;
begin
    if wanted is distinct from app_user_id() and not app_is_admin() then
        return false;
    end if;
    select u.password_hash into present from users u where u.id = wanted for update;
    if not found or (wanted = app_user_id() and present is distinct from expected) then
        return false;
    end if;
    insert into password_history (user_id, password_hash, changed_by, ip_address)
    values (wanted, present, app_user_id(), address);
    update password_history set password_hash = null
     where id in (select h.id from password_history h where h.user_id = wanted and h.password_hash is not null
                   order by h.id desc offset 4);
    update users set password_hash = replacement, failed_logins = 0, locked_until = null where id = wanted;
    update sessions s set revoked_at = now()
     where s.user_id = wanted and s.revoked_at is null and s.id is distinct from kept_session;
    return true;
end
$$;

-- Whether the caller may erase the own account: null, or 'stale_session' when the session is too old to prove who
-- asks. Raises users_last_administrator.
create function refuse_erasure(session uuid) returns text
    language plpgsql volatile set search_path = public, pg_temp
    as $$
declare
    account users;
begin
    select u.* into account from users u where u.id = app_user_id() for update;
    perform from sessions s
      where s.id = session and s.user_id = account.id and s.created_at > now() - interval '15 minutes';
    if not found then
        return 'stale_session';
    end if;
    if account.is_admin then
        perform require_other_administrator(account.id);
    end if;
    return null;
end
$$;

-- Erases some documents of the caller's own space, the oldest first, until about `amount` passages are gone, and notes
-- their objects. Returns how many documents, or null when refuse_erasure() has something against it.
create function erase_documents(session uuid, amount bigint) returns bigint
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    chosen uuid[];
begin
    if refuse_erasure(session) is not null then
        return null;
    end if;
    select coalesce(array_agg(d.id), '{}') into chosen
      from (select o.id, sum(1 + o.chunk_count) over (order by o.id) - o.chunk_count as before
              from documents o join spaces s on s.id = o.space_id where s.user_id = app_user_id()) d
     where d.before <= amount;
    insert into object_deletions (object_key)
    select d.object_key from documents d where d.id = any (chosen) or d.duplicate_of = any (chosen)
    on conflict do nothing;
    insert into lexeme_counts (lexeme, chunks)
    select split_part(entry, ':', 1)::integer, -count(*)
      from documents d join chunk_terms t on t.document_id = d.id,
           unnest(string_to_array(trim('{' from split_part(t.weights::text, '}', 1)), ',')) as entry
     where d.id = any (chosen) and d.deleted_at is null and entry <> ''
     group by 1
    union all
    select 0, -count(*) from documents d join chunk_terms t on t.document_id = d.id
     where d.id = any (chosen) and d.deleted_at is null having count(*) > 0;
    delete from documents d where d.id = any (chosen);
    return cardinality(chosen);
end
$$;

-- Erases the caller's account: every row that is theirs, and a note of every object in the bucket. What they put into
-- a group's or the organisation's space is not theirs to take away: it goes to somebody who may change it. The audit
-- log keeps what was done and when, not by or to whom. Returns 'erased', 'stale_session', or 'too_much' when documents
-- must be erased before, so that no statement takes too long. Raises users_last_administrator.
create function erase_account(session uuid) returns text
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    account users;
    refusal constant text := refuse_erasure(session);
    most constant bigint := 20000;
begin
    if refusal is not null then
        return refusal;
    end if;
    if (select sum(1 + d.chunk_count) from documents d join spaces s on s.id = d.space_id
         where s.user_id = app_user_id()) > most then
        return 'too_much';
    end if;
    perform erase_documents(session, most);
    select u.* into account from users u where u.id = app_user_id();
    update documents d set owner_id = heir.id
      from spaces s, lateral (
               select u.id from users u left join memberships m on m.user_id = u.id and m.group_id = s.group_id
                where u.id <> account.id and u.is_active and (m.role in ('editor', 'admin') or u.is_admin)
                order by m.role in ('editor', 'admin') desc nulls last, u.id limit 1) heir
     where d.owner_id = account.id and s.id = d.space_id;
    delete from llm_jobs j where j.user_id = account.id;
    delete from login_attempts a where a.identifier in (account.email, account.username);
    update audit_logs a
       set user_id = nullif(a.user_id, account.id), entity_id = nullif(a.entity_id, account.id), ip_address = null,
           request_id = null, details = '{}'
     where a.user_id = account.id or a.entity_id = account.id;
    delete from users u where u.id = account.id;
    insert into audit_logs (user_id, action, entity_type) values (null, 'user.erased', 'user');
    return 'erased';
end
$$;

grant execute on function
    group_members(uuid, uuid, integer), delete_group(uuid), claim_object_deletions(integer),
    finish_object_deletions(text[]), charge(text, uuid, bytea, inet), forget_old_accounts_data(),
    begin_session(uuid, text), begin_api_key(bytea, text), register_user(text, text, text, text, inet, text),
    rotate_refresh_token(bytea, bytea, inet, text), recent_passwords(),
    set_password(uuid, text, text, uuid, inet), erase_account(uuid), erase_documents(uuid, bigint),
    require_other_administrator(uuid)
    to alcove_app;
