-- Who is asking: users, groups, the spaces they see, sessions and their refresh tokens, the audit log.

create table users (
    id uuid primary key default uuidv7(),
    email text check (email = lower(email) and length(email) between 3 and 254),
    username text check (username = lower(username) and length(username) between 2 and 64),
    display_name text not null check (length(display_name) between 1 and 200),
    auth_provider text not null default 'local' check (auth_provider in ('anonymous', 'local', 'github', 'oidc')),
    password_hash text check (length(password_hash) <= 512),
    is_admin boolean not null default false,
    is_active boolean not null default true,
    failed_logins integer not null default 0,
    locked_until timestamptz,
    login_count integer not null default 0,
    last_login_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create unique index users_email_key on users (email);
create unique index users_username_key on users (username);
create trigger touch before update on users for each row execute function touch_updated_at();
call protect('users');

create table groups (
    id uuid primary key default uuidv7(),
    name text not null unique check (length(name) between 1 and 200),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create trigger touch before update on groups for each row execute function touch_updated_at();
call protect('groups');

create table memberships (
    group_id uuid not null references groups on delete cascade,
    user_id uuid not null references users on delete cascade,
    role text not null default 'member' check (role in ('member', 'editor', 'admin')),
    created_at timestamptz not null default now(),
    primary key (group_id, user_id)
);
create index memberships_user on memberships (user_id);
call protect('memberships');

-- A space carries visibility: every user, every group and the organisation is one small integer,
-- which documents, chunks, vectors and lexical weights repeat.
create table spaces (
    id integer generated always as identity primary key,
    kind text not null check (kind in ('user', 'group', 'org')),
    user_id uuid unique references users on delete cascade,
    group_id uuid unique references groups on delete cascade,
    created_at timestamptz not null default now(),
    check ((kind = 'user') = (user_id is not null) and (kind = 'group') = (group_id is not null))
);
create unique index spaces_one_organisation on spaces (kind) where kind = 'org';
call protect('spaces');
insert into spaces (kind) values ('org');

create function create_space() returns trigger
    language plpgsql security definer set search_path = public, pg_temp
    as $$
begin
    if tg_table_name = 'users' then
        insert into spaces (kind, user_id) values ('user', new.id);
    else
        insert into spaces (kind, group_id) values ('group', new.id);
    end if;
    return null;
end
$$;
create trigger own_space after insert on users for each row execute function create_space();
create trigger own_space after insert on groups for each row execute function create_space();

create table sessions (
    id uuid primary key default uuidv7(),
    user_id uuid not null references users on delete cascade,
    ip_address inet,
    user_agent text check (length(user_agent) <= 512),
    created_at timestamptz not null default now(),
    last_activity_at timestamptz not null default now(),
    expires_at timestamptz not null,
    revoked_at timestamptz,
    unique (id, user_id)
);
create index sessions_user on sessions (user_id, created_at desc);
call protect('sessions');

-- A session's refresh tokens are one family: each is used once, and using one twice ends the session.
create table refresh_tokens (
    token_hash bytea primary key check (length(token_hash) = 32),
    session_id uuid not null,
    user_id uuid not null,
    created_at timestamptz not null default now(),
    used_at timestamptz,
    foreign key (session_id, user_id) references sessions (id, user_id) on delete cascade
);
create index refresh_tokens_session on refresh_tokens (session_id);
call protect('refresh_tokens');

create table login_attempts (
    id uuid not null default uuidv7() primary key,
    identifier text not null check (length(identifier) <= 254),
    user_id uuid references users on delete cascade,
    success boolean not null,
    ip_address inet,
    user_agent text check (length(user_agent) <= 512),
    created_at timestamptz not null default now()
) partition by range (id);
create index login_attempts_user on login_attempts (user_id, created_at desc);
call protect('login_attempts');

create table audit_logs (
    id uuid not null default uuidv7() primary key,
    user_id uuid default app_user_id(),
    action text not null check (length(action) between 1 and 100),
    entity_type text check (length(entity_type) <= 100),
    entity_id uuid,
    details jsonb not null default '{}',
    ip_address inet,
    request_id text check (length(request_id) <= 100),
    created_at timestamptz not null default now()
) partition by range (id);
create index audit_logs_user on audit_logs (user_id, id desc);
create index audit_logs_entity on audit_logs (entity_type, entity_id, id desc);
call protect('audit_logs');

-- An Idempotency-Key that a caller used, and what it made: using it again makes nothing more.
create table idempotency_keys (
    user_id uuid not null default app_user_id() references users on delete cascade,
    key text not null check (length(key) between 1 and 200),
    fingerprint bytea not null check (length(fingerprint) = 32),
    resource_id uuid,
    created_at timestamptz not null default now(),
    primary key (user_id, key)
);
create index idempotency_keys_time on idempotency_keys (created_at);
call protect('idempotency_keys');

-- What each caller may do to these tables. An administrator manages users, never their content.
create policy read on users for select to alcove_app using (id = (select app_user_id()) or (select app_is_admin()));
create policy change on users for update to alcove_app using (id = (select app_user_id()) or (select app_is_admin()));
create policy read on groups for select to alcove_app using (
    (select app_is_admin()) or exists (select from memberships m where m.group_id = id and m.user_id = (select app_user_id())));
create policy read on memberships for select to alcove_app using (user_id = (select app_user_id()) or (select app_is_admin()));
create policy read on spaces for select to alcove_app using (id = any ((select app_spaces())::integer[]));
create policy read on sessions for select to alcove_app using (user_id = (select app_user_id()));
create policy change on sessions for update to alcove_app using (user_id = (select app_user_id()));
create policy read on login_attempts for select to alcove_app using (user_id = (select app_user_id()));
create policy own on idempotency_keys for all to alcove_app
    using (user_id = (select app_user_id())) with check (user_id = (select app_user_id()));
create policy append on audit_logs for insert to alcove_app with check (user_id is not distinct from (select app_user_id()));
create policy read on audit_logs for select to alcove_app using (user_id = (select app_user_id()) or (select app_is_admin()));

grant select on users, groups, memberships, spaces, sessions, login_attempts, audit_logs to alcove_app;
grant update (display_name, username, password_hash) on users to alcove_app;
grant update (revoked_at) on sessions to alcove_app;
grant insert on audit_logs to alcove_app;
grant select, insert, update on idempotency_keys to alcove_app;

-- Sets the identity of this transaction. Only begin_session() and assume_user() call it.
create function set_identity(caller uuid, caller_is_admin boolean) returns void
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

-- Before identity exists: turns a live session into the identity of this transaction.
-- Returns nothing for an unknown, expired or revoked session or an inactive user.
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

-- A worker continues a user's own work (answering, ingesting) under that user's identity.
create function assume_user(wanted uuid) returns boolean
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    administrator boolean;
begin
    select u.is_admin into administrator from users u where u.id = wanted and u.is_active;
    if not found then
        return false;
    end if;
    perform set_identity(wanted, administrator);
    return true;
end
$$;

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

-- Login, before anybody is known: the hash to verify against, for an e-mail or a username.
create function find_login(wanted text) returns table (user_id uuid, password_hash text)
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select u.id, u.password_hash from users u where u.email = wanted or u.username = wanted limit 1;
    end;

-- Login, after the password was judged: counts, locks and, on success, opens a session. The row lock makes
-- parallel guesses count one by one. Returns the session, or nothing when the account is locked or closed.
create function finish_login(
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

-- Rotation: a refresh token works once. One that was used already ends its whole session.
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

grant execute on function
    begin_session(uuid), assume_user(uuid), register_user(text, text, text, text, inet, text), find_login(text),
    finish_login(uuid, text, boolean, text, bytea, interval, inet, text, text), rotate_refresh_token(bytea, bytea)
    to alcove_app;

select ensure_partitions();
