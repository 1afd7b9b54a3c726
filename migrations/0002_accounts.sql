-- Accounts: users, groups and the spaces that they see; sessions, passwords, keys and logins; rate limits and the audit
-- log.

create table users (
    id uuid primary key default uuidv7(),
    email text check (email = lower(email) and length(email) between 3 and 254),
    -- Whether a login provider or an administrator vouches for the address. Who registers only claims it.
    email_verified boolean not null default false check (email is not null or not email_verified),
    username text check (username = lower(username) and length(username) between 2 and 64),
    display_name text not null check (length(display_name) between 1 and 200),
    auth_provider text not null default 'local' check (auth_provider in ('anonymous', 'local', 'github', 'oidc')),
    password_hash text check (length(password_hash) <= 512),
    has_password boolean not null generated always as (password_hash is not null) stored,
    anonymous_hash bytea check (length(anonymous_hash) = 32),
    github_id bigint check (github_id > 0),
    github_username text check (length(github_username) between 1 and 100),
    oidc_issuer text check (length(oidc_issuer) between 1 and 512),
    oidc_subject text check (length(oidc_subject) between 1 and 255),
    is_admin boolean not null default false,
    -- Whether is_admin came from a provider's claim: a claim can only withdraw what a claim granted.
    admin_from_claims boolean not null default false,
    is_active boolean not null default true,
    -- Nobody logs in to it before its address is verified.
    awaits_verification boolean not null default false,
    -- When tick erases it, unless an administrator restores it before.
    delete_after timestamptz check (delete_after is null or not is_active),
    queue_weight integer not null default 1 check (queue_weight between 1 and 10),
    preferences jsonb not null default '{}'
        check (jsonb_typeof(preferences) = 'object' and length(preferences::text) <= 20000),
    -- When tick last looked whether the user is to get a digest (queue_digests).
    notified_at timestamptz,
    failed_logins integer not null default 0,
    locked_until timestamptz,
    login_count integer not null default 0,
    last_login_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    check ((oidc_issuer is null) = (oidc_subject is null)),
    check (anonymous_hash is null or auth_provider = 'anonymous')
);
-- An address belongs to whom it was verified for; a claim of somebody else stays beside it and means nothing.
create unique index users_email_key on users (email) where email_verified;
create unique index users_claimed_email_key on users (email) where not email_verified;
create unique index users_username_key on users (username);
create unique index users_anonymous_key on users (anonymous_hash);
create unique index users_github_key on users (github_id);
create unique index users_oidc_key on users (oidc_issuer, oidc_subject);
call protect('users');
-- An administrator manages users, but does not see their content.
create policy read on users for select to alcove_app using (id = (select app_user_id()) or (select app_is_admin()));
create policy add on users for insert to alcove_app with check ((select app_is_admin()));
create policy change on users for update to alcove_app using (id = (select app_user_id()) or (select app_is_admin()));
-- Only definer functions read a hash. A migration that adds a column for the application must grant that column.
grant select (id, email, email_verified, awaits_verification, username, display_name, auth_provider, has_password, github_id, github_username, oidc_issuer,
              oidc_subject, is_admin, is_active, delete_after, queue_weight, preferences,
              failed_logins, locked_until, login_count, last_login_at, created_at, updated_at),
      insert (email, email_verified, username, display_name, password_hash, is_admin),
      update (display_name, username, preferences, is_admin, is_active, queue_weight, failed_logins, locked_until)
   on users to alcove_app;
create trigger touch before update on users for each row execute function touch_updated_at();
create trigger guard_account before update on users for each row
    when ((old.is_admin, old.is_active, old.failed_logins, old.locked_until, old.queue_weight)
          is distinct from (new.is_admin, new.is_active, new.failed_logins, new.locked_until, new.queue_weight))
    execute function guard_account();
create trigger own_space after insert on users for each row execute function create_space();
create trigger end_sessions after update on users for each row
    when (old.is_active and not new.is_active) execute function end_sessions();

create table groups (
    id uuid primary key default uuidv7(),
    name text not null unique check (length(name) between 1 and 200),
    -- What members call it. Claims find groups by name, which administrators of the service alone change.
    title text check (length(title) between 1 and 200),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create trigger touch before update on groups for each row execute function touch_updated_at();
create trigger own_space after insert on groups for each row execute function create_space();
call protect('groups');

create table memberships (
    group_id uuid not null references groups on delete cascade,
    user_id uuid not null references users on delete cascade,
    role text not null default 'member' check (role in ('member', 'editor', 'admin')),
    -- Claims update only the memberships that claims created; memberships that an administrator created stay.
    source text not null default 'manual' check (source in ('manual', 'claims')),
    created_at timestamptz not null default now(),
    primary key (group_id, user_id)
);
create index memberships_user on memberships (user_id);
create trigger adopt_membership before update on memberships for each row
    when (old.role is distinct from new.role) execute function adopt_membership();
call protect('memberships');
create policy read on memberships for select to alcove_app
    using (user_id = (select app_user_id()) or (select app_is_admin())
           or group_id = any ((select app_administered_groups())::uuid[]));
create policy add on memberships for insert to alcove_app
    with check ((select app_is_admin()) or group_id = any ((select app_administered_groups())::uuid[]));
create policy change on memberships for update to alcove_app
    using ((select app_is_admin()) or group_id = any ((select app_administered_groups())::uuid[]));
-- A member may leave a group. An API key without `write` has no writable space and may not.
create policy remove on memberships for delete to alcove_app
    using ((select app_is_admin()) or group_id = any ((select app_administered_groups())::uuid[])
           or (user_id = (select app_user_id()) and cardinality((select app_writable_spaces())::integer[]) > 0));
grant select, insert (group_id, user_id, role), update (role), delete on memberships to alcove_app;

create policy read on groups for select to alcove_app using (
    (select app_is_admin()) or exists (select from memberships m where m.group_id = id and m.user_id = (select app_user_id())));
create policy add on groups for insert to alcove_app with check ((select app_is_admin()));
-- Claims add people to groups by name, so only service administrators may rename a group.
create policy change on groups for update to alcove_app using ((select app_is_admin()));
grant select, insert (name), update (name) on groups to alcove_app;

-- A space carries visibility. Every user, every group, the organisation, and every set of readers that a connector's
-- source names, is one small integer, which documents, chunks, vectors and lexical weights repeat.
create table spaces (
    id integer generated always as identity primary key,
    kind text not null check (kind in ('user', 'group', 'org', 'readers')),
    user_id uuid unique references users on delete cascade,
    group_id uuid unique references groups on delete cascade,
    -- Of a set of readers: the connector whose source names it, null after that is deleted; and the set's hash.
    connector_id uuid,
    readers_hash bytea check (length(readers_hash) = 32),
    -- The bytes of the space's documents until they are purged, deleted ones included; kept by triggers of documents.
    used_bytes bigint not null default 0 check (used_bytes >= 0),
    -- The MB that it may hold in place of the settings' limit; 0: any number.
    storage_mb integer check (storage_mb between 0 and 1000000000),
    created_at timestamptz not null default now(),
    check ((kind = 'user') = (user_id is not null) and (kind = 'group') = (group_id is not null)
           and (kind = 'readers') = (readers_hash is not null) and (kind = 'readers' or connector_id is null)),
    unique (connector_id, readers_hash)
);
create unique index spaces_one_organisation on spaces (kind) where kind = 'org';
create index spaces_readers on spaces (created_at) where kind = 'readers';
call protect('spaces');
create policy read on spaces for select to alcove_app using (id = any ((select app_spaces())::integer[]));
grant select on spaces to alcove_app;
-- The organisation's space is the first: statements and indexes rely on its id 1.
insert into spaces (kind) values ('org');

create table sessions (
    id uuid primary key default uuidv7(),
    user_id uuid not null references users on delete cascade,
    ip_address inet,
    user_agent text check (length(user_agent) <= 512),
    created_at timestamptz not null default now(),
    last_activity_at timestamptz not null default now(),
    -- When the user last proved who they are in this session, after the login. A refresh is no proof.
    proven_at timestamptz,
    expires_at timestamptz not null,
    revoked_at timestamptz,
    -- What a client keeps with the session.
    data jsonb not null default '{}' check (jsonb_typeof(data) = 'object' and length(data::text) <= 100000),
    unique (id, user_id)
);
create index sessions_user on sessions (user_id, created_at desc);
call protect('sessions');
create policy read on sessions for select to alcove_app using (user_id = (select app_user_id()));
create policy change on sessions for update to alcove_app
    using (user_id = (select app_user_id()))
    with check (user_id = (select app_user_id()) and revoked_at is not null);
grant select, update (revoked_at) on sessions to alcove_app;

-- The refresh tokens of a session are one family: each is used once, and a second use ends the session.
create table refresh_tokens (
    token_hash bytea primary key check (length(token_hash) = 32),
    session_id uuid not null,
    user_id uuid not null,
    created_at timestamptz not null default now(),
    used_at timestamptz,
    -- absorb_user() changes the user of these rows: every foreign key that contains the user cascades the update.
    foreign key (session_id, user_id) references sessions (id, user_id) on delete cascade on update cascade
);
create index refresh_tokens_session on refresh_tokens (session_id);
call protect('refresh_tokens');

-- Where logins to an account come from, and how many of them failed: a device that logged in before (the hash of its
-- token), or an address. Each counts for itself: who guesses locks out himself, and no known device (apply_login()).
create table login_sources (
    user_id uuid not null references users on delete cascade,
    source text not null check (length(source) between 1 and 100),
    is_device boolean not null,
    failed_logins integer not null default 0 check (failed_logins >= 0),
    locked_until timestamptz,
    last_used_at timestamptz not null default now(),
    primary key (user_id, source)
);
create index login_sources_age on login_sources (is_device, last_used_at);
call protect('login_sources');

-- One row for each replaced password: who replaced it, and from which address. Only the hashes that a new password is
-- compared with are kept.
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

-- The second factor of logins by password: the key of time-based one-time passwords (RFC 6238). It counts once a code of it
-- was shown. A time step is accepted once.
create table second_factors (
    user_id uuid primary key references users on delete cascade,
    ciphertext bytea not null check (length(ciphertext) between 30 and 1024),
    wrapped_key bytea not null check (length(wrapped_key) between 1 and 1024),
    master_key text not null check (length(master_key) between 1 and 2048),
    last_step bigint not null default 0,
    confirmed_at timestamptz,
    created_at timestamptz not null default now()
);
call protect('second_factors');
create policy read on second_factors for select to alcove_app
    using (user_id = (select app_user_id()) or (select app_is_admin()));
grant select (user_id, confirmed_at, created_at) on second_factors to alcove_app;

-- Codes that each replace the second factor once.
create table recovery_codes (
    id uuid primary key default uuidv7(),
    user_id uuid not null references users on delete cascade,
    code_hash bytea not null check (length(code_hash) = 32),
    created_at timestamptz not null default now(),
    unique (user_id, code_hash)
);
call protect('recovery_codes');
create policy read on recovery_codes for select to alcove_app using (user_id = (select app_user_id()));
grant select (id, user_id, created_at) on recovery_codes to alcove_app;

create table api_keys (
    id uuid primary key default uuidv7(),
    user_id uuid not null default app_user_id() references users on delete cascade,
    name text not null check (length(name) between 1 and 100),
    key_hash bytea not null unique check (length(key_hash) = 32),
    prefix text not null check (length(prefix) between 4 and 16),
    scopes text[] not null check (cardinality(scopes) between 1 and 5
                                  and scopes <@ array['read', 'write', 'chat', 'admin', 'metrics']),
    -- Null: it does not expire, which the settings must allow when it is made.
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz,
    created_at timestamptz not null default now()
);
create index api_keys_user on api_keys (user_id, id desc);
call protect('api_keys');
create policy read on api_keys for select to alcove_app using (user_id = (select app_user_id()));
create policy add on api_keys for insert to alcove_app
    with check (user_id = (select app_user_id()) and revoked_at is null
                and ((select app_is_admin()) or not scopes && array['admin', 'metrics']));
create policy change on api_keys for update to alcove_app
    using (user_id = (select app_user_id()))
    with check (user_id = (select app_user_id()) and revoked_at is not null);
grant select (id, user_id, name, prefix, scopes, expires_at, last_used_at, revoked_at, created_at),
      insert (user_id, name, key_hash, prefix, scopes, expires_at),
      update (revoked_at)
   on api_keys to alcove_app;

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
create policy read on login_attempts for select to alcove_app using (user_id = (select app_user_id()));
grant select on login_attempts to alcove_app;

-- A login that waits for the provider's redirect: usable once, within ten minutes, by the browser that started it. The
-- table stores only hashes of the state and of the browser's secret. user_id and session_id are the user who was signed
-- in at the start, and the session: when it ends, the login ends. front_end is the page
-- that gets the session, and front_end_state what that page gets back unchanged.
create table provider_logins (
    state_hash bytea primary key check (length(state_hash) = 32),
    browser_hash bytea not null check (length(browser_hash) = 32),
    provider text not null check (provider in ('github', 'oidc')),
    redirect_uri text not null check (length(redirect_uri) between 1 and 2048),
    front_end text check (length(front_end) between 1 and 2048),
    front_end_state text check (length(front_end_state) <= 200),
    user_id uuid references users on delete cascade,
    session_id uuid references sessions on delete cascade,
    created_at timestamptz not null default now(),
    check ((user_id is null) = (session_id is null))
);
create index provider_logins_time on provider_logins (created_at);
call protect('provider_logins');

-- Who is invited, by a person who may invite. The link is a row of account_tokens: several, when an e-mail was sent twice.
create table invitations (
    id uuid primary key default uuidv7(),
    -- An invitation is worth what its maker may do when it is accepted, and ends with its maker's account.
    created_by uuid not null default app_user_id() references users on delete cascade,
    -- Null: the link is for whoever has it.
    email text check (email = lower(email) and length(email) between 3 and 254),
    is_admin boolean not null default false,
    expires_at timestamptz not null,
    accepted_at timestamptz,
    accepted_by uuid references users on delete set null,
    withdrawn_at timestamptz,
    created_at timestamptz not null default now()
);
create index invitations_maker on invitations (created_by, id desc);
create index invitations_accepted_by on invitations (accepted_by);
call protect('invitations');

create table invitation_groups (
    invitation_id uuid not null references invitations on delete cascade,
    group_id uuid not null references groups on delete cascade,
    role text not null default 'member' check (role in ('member', 'editor', 'admin')),
    primary key (invitation_id, group_id)
);
create index invitation_groups_group on invitation_groups (group_id);
call protect('invitation_groups');
create policy read on invitations for select to alcove_app
    using (created_by = (select app_user_id()) or (select app_is_admin()));
-- It can only be withdrawn: the other columns are not granted.
create policy change on invitations for update to alcove_app
    using (created_by = (select app_user_id()) or (select app_is_admin()));
grant select, update (withdrawn_at) on invitations to alcove_app;
create policy read on invitation_groups for select to alcove_app
    using (exists (select from invitations i where i.id = invitation_id));
grant select on invitation_groups to alcove_app;

-- E-mails that wait to be sent: the transaction of a request adds one, tick sends it at least once and deletes it. No
-- secret is stored: the link of an e-mail is made when the e-mail is sent, and account_tokens keeps its hash.
create table outgoing_mails (
    id uuid primary key default uuidv7(),
    kind text not null check (length(kind) between 1 and 50),
    recipient text not null check (recipient = lower(recipient) and length(recipient) between 3 and 254),
    user_id uuid references users on delete cascade,
    invitation_id uuid references invitations on delete cascade,
    language text check (language in ('en', 'de')),
    attempts integer not null default 0 check (attempts >= 0),
    due_at timestamptz not null default now(),
    created_at timestamptz not null default now()
);
create index outgoing_mails_due on outgoing_mails (due_at);
create index outgoing_mails_user on outgoing_mails (user_id);
create index outgoing_mails_invitation on outgoing_mails (invitation_id);
call protect('outgoing_mails');

-- Links that prove something once: who reads an address, or who was invited. Only the hash of each is stored.
create table account_tokens (
    token_hash bytea primary key check (length(token_hash) = 32),
    purpose text not null check (purpose in ('verification', 'password_reset', 'unlock', 'email_old', 'email_new',
                                             'invitation')),
    user_id uuid references users on delete cascade,
    invitation_id uuid references invitations on delete cascade,
    -- The address that the link was sent to; null for a link that was handed over.
    email text check (email = lower(email) and length(email) between 3 and 254),
    -- Wrong passwords that came with the link.
    failures integer not null default 0 check (failures >= 0),
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    check ((user_id is null) <> (invitation_id is null))
);
create index account_tokens_user on account_tokens (user_id);
create index account_tokens_invitation on account_tokens (invitation_id);
create index account_tokens_expiry on account_tokens (expires_at);
call protect('account_tokens');

-- An address that an account is to get, when the new and the former address have confirmed it.
create table email_changes (
    user_id uuid primary key references users on delete cascade,
    new_email text not null check (new_email = lower(new_email) and length(new_email) between 3 and 254),
    new_confirmed_at timestamptz,
    -- Null: the former address was not verified, and is not asked.
    old_email text check (old_email = lower(old_email) and length(old_email) between 3 and 254),
    old_confirmed_at timestamptz,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null
);
create index email_changes_expiry on email_changes (expires_at);
call protect('email_changes');
create policy read on email_changes for select to alcove_app using (user_id = (select app_user_id()));
grant select on email_changes to alcove_app;

-- An Idempotency-Key that a caller used, and the resource that the request created: the same key creates nothing again.
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
create policy own on idempotency_keys for all to alcove_app
    using (user_id = (select app_user_id())) with check (user_id = (select app_user_id()));
grant select, insert, update on idempotency_keys to alcove_app;

-- A token bucket for each caller and kind of request, stored as one instant: when the bucket is full again (the generic
-- cell rate algorithm, ITU-T I.371). A caller may send `burst` requests at once, and then one for each `every`.
create table rate_limits (
    name text primary key check (length(name) between 1 and 50),
    burst integer not null check (burst between 1 and 1000000),
    every interval not null check (every > interval '0')
);
call protect('rate_limits');
insert into rate_limits (name, burst, every) values
    -- Of every route that names no limit of its own (core/http.py), and of credentials that are not valid.
    ('read', 1200, '0.05 seconds'), ('write', 600, '0.1 seconds'), ('public', 300, '0.2 seconds'),
    ('invalid', 1000, '0.1 seconds'), ('events', 1200, '0.02 seconds'),
    ('login', 100, '2 seconds'), ('register', 60, '1 minute'), ('refresh', 600, '0.2 seconds'),
    ('password', 10, '6 minutes'), ('anonymous', 60, '1 minute'), ('provider_login', 200, '1 second'),
    ('provider_key', 20, '30 seconds'), ('search', 600, '0.1 seconds'), ('document', 1000, '0.1 seconds'),
    ('ask', 120, '1 second'), ('memory', 600, '0.2 seconds'), ('webhook', 30, '10 seconds'),
    ('recovery', 30, '20 seconds'), ('invitation', 60, '1 minute'), ('cloud_metrics', 30, '1 minute'),
    -- Counted by kind and address of e-mails: of each kind, an address gets no more (queue_mail).
    ('mail', 5, '10 minutes');

-- A crash that loses the buckets only admits a few requests more; a logged table would slow down every request.
create unlogged table rate_limit_buckets (
    name text not null references rate_limits on delete cascade,
    subject text not null check (length(subject) between 1 and 100),
    full_at timestamptz not null,
    primary key (name, subject)
);
create index rate_limit_buckets_full on rate_limit_buckets (full_at);
call protect('rate_limit_buckets');

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
create policy append on audit_logs for insert to alcove_app
    with check (user_id is not distinct from (select app_user_id()));
create policy read on audit_logs for select to alcove_app
    using (user_id = (select app_user_id()) or (select app_is_admin()));
grant select, insert on audit_logs to alcove_app;

select ensure_partitions();
