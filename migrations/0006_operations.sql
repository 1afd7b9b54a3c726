-- Operations: repairs, retention periods, the comparison of the bucket with the database, and webhooks.

create table self_healing_events (
    id uuid primary key default uuidv7(),
    event_type text not null check (length(event_type) between 1 and 100),
    severity text not null check (severity in ('info', 'warning', 'critical')),
    description text not null check (length(description) <= 2000),
    action_taken text not null check (length(action_taken) <= 2000),
    entity_id uuid,
    created_at timestamptz not null default now()
);
create index self_healing_events_time on self_healing_events (created_at desc);
call protect('self_healing_events');
create policy read on self_healing_events for select to alcove_app using ((select app_is_admin()));
grant select on self_healing_events to alcove_app;

-- How long rows stay: after they were written, or after a deletion, the end of a session, or the retirement of an
-- embedding model. Partitioned tables drop whole months at once.
create table retention (
    name text primary key check (length(name) between 1 and 63),
    lifetime interval not null check (lifetime >= interval '1 day')
);
call protect('retention');
create policy read on retention for select to alcove_app using ((select app_is_admin()));
grant select on retention to alcove_app;
insert into retention (name, lifetime) values
    ('job_events', '60 days'), ('usage', '400 days'), ('audit_logs', '730 days'), ('login_attempts', '180 days'),
    ('conversations', '30 days'), ('documents', '30 days'), ('self_healing_events', '90 days'), ('sessions', '7 days'),
    ('known_devices', '180 days'), ('retired_embeddings', '7 days'), ('idempotency_keys', '1 day'),
    ('uploads', '2 days'), ('webhook_deliveries', '30 days');

-- Objects of the bucket whose rows are deleted. Each object is deleted at once, and again after every presigned upload
-- URL for it has expired.
create table object_deletions (
    object_key text primary key check (length(object_key) <= 1024),
    due_at timestamptz not null default now(),
    is_last boolean not null default false
);
create index object_deletions_due on object_deletions (due_at);
call protect('object_deletions');

-- How far the comparison of the bucket with the database has come: one row.
create table bucket_sweeps (
    id boolean primary key default true check (id),
    after_key text not null default '' check (length(after_key) <= 1024),
    finished_at timestamptz,
    -- The same for the objects under inbox/.
    inbox_after_key text not null default '' check (length(inbox_after_key) <= 1024),
    inbox_finished_at timestamptz
);
call protect('bucket_sweeps');
insert into bucket_sweeps default values;

-- Objects that an operator put under inbox/: the document that each became, or why it became none.
create table inbox_objects (
    object_key text primary key check (length(object_key) <= 1024),
    document_id uuid references documents on delete set null,
    object_etag text not null check (length(object_etag) <= 1024),
    refusal text check (refusal in ('no_space', 'no_writer', 'storage_full')),
    arrived_at timestamptz not null default now()
);
create index inbox_objects_document on inbox_objects (document_id);
call protect('inbox_objects');

-- Addresses that are told of events: a user's own, or the organisation's, which administrators manage (no user_id). Two
-- secrets can be sealed in one row: the present one, and the one before it until previous_secret_until.
create table webhooks (
    id uuid primary key default uuidv7(),
    user_id uuid references users on delete cascade,
    url text not null check (length(url) between 8 and 2048),
    description text not null default '' check (length(description) <= 200),
    events text[] not null check (
        cardinality(events) between 1 and 20
        and events <@ array['document.completed', 'document.failed', 'document.deleted', 'answer.completed',
                            'answer.failed', 'answer.cancelled', 'budget.nearing', 'budget.spent', 'alert.raised']),
    -- Administrators alone may have one that reaches private addresses.
    allow_private_addresses boolean not null default false,
    is_enabled boolean not null default true,
    -- Why the service itself disabled it: the receiver answered 410, or failed for long.
    disabled_reason text check (disabled_reason in ('gone', 'failing')),
    -- Since when no delivery has succeeded, and when the last one was tried.
    failing_since timestamptz,
    attempted_at timestamptz,
    ciphertext bytea not null check (length(ciphertext) between 30 and 1024),
    wrapped_key bytea not null check (length(wrapped_key) between 1 and 1024),
    master_key text not null check (length(master_key) between 1 and 2048),
    previous_secret_until timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    check (not is_enabled or disabled_reason is null)
);
create index webhooks_user on webhooks (user_id);
create trigger touch before update on webhooks for each row execute function touch_updated_at();
call protect('webhooks');
create policy own on webhooks for all to alcove_app
    using (user_id = (select app_user_id()) or (user_id is null and (select app_is_admin())))
    with check ((user_id = (select app_user_id()) or (user_id is null and (select app_is_admin())))
                and (not allow_private_addresses or (select app_is_admin())));
grant select, insert, update, delete on webhooks to alcove_app;

-- What a webhook is told: written in the transaction of the event (queue_webhook_event), sent by tick. `once` names what
-- is said once alone, such as that a month's budget is spent.
create table webhook_deliveries (
    id uuid primary key default uuidv7(),
    webhook_id uuid not null references webhooks on delete cascade,
    user_id uuid references users on delete cascade,
    event text not null check (length(event) between 1 and 100),
    payload jsonb not null check (jsonb_typeof(payload) = 'object'),
    once text check (length(once) <= 200),
    status text not null default 'pending' check (status in ('pending', 'delivered', 'failed')),
    attempts smallint not null default 0 check (attempts >= 0),
    -- When it is tried next; while a worker sends it, when that worker is given up.
    next_attempt_at timestamptz not null default now(),
    response_status smallint,
    error text check (length(error) <= 500),
    milliseconds integer check (milliseconds >= 0),
    delivered_at timestamptz,
    created_at timestamptz not null default now(),
    unique (webhook_id, once)
);
create index webhook_deliveries_log on webhook_deliveries (webhook_id, id desc);
create index webhook_deliveries_due on webhook_deliveries (webhook_id, next_attempt_at) where status = 'pending';
create index webhook_deliveries_time on webhook_deliveries (created_at);
call protect('webhook_deliveries');
create policy own on webhook_deliveries for all to alcove_app
    using (user_id = (select app_user_id()) or (user_id is null and (select app_is_admin())))
    with check ((user_id = (select app_user_id()) or (user_id is null and (select app_is_admin())))
                and webhook_id in (select w.id from webhooks w));
grant select, insert, update (status, attempts, next_attempt_at, response_status, error, milliseconds, delivered_at)
   on webhook_deliveries to alcove_app;

create trigger notify_webhooks after update on documents for each row
    when ((old.status <> new.status and new.status in ('completed', 'failed') and new.deleted_at is null)
          or (old.deleted_at is null and new.deleted_at is not null))
    execute function notify_webhooks_of_document();
create trigger notify_webhooks after update on llm_jobs for each row
    when (old.status <> new.status and new.status in ('completed', 'failed', 'cancelled'))
    execute function notify_webhooks_of_answer();
create trigger notify_webhooks after insert on usage for each row execute function notify_webhooks_of_spending();
create trigger notify_webhooks after insert on self_healing_events for each row
    when (new.severity in ('warning', 'critical'))
    execute function notify_webhooks_of_alert();
