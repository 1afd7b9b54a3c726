-- Operations: repairs, retention periods, the comparison of the bucket with the database, and webhooks.

create table self_healing_events (
    id uuid primary key default uuidv7(),
    event_type text not null check (length(event_type) between 1 and 100),
    severity text not null check (severity in ('info', 'warning', 'critical')),
    description text not null check (length(description) <= 2000),
    action_taken text not null check (length(action_taken) <= 2000),
    entity_id uuid,
    -- Whether alerts have read it.
    is_alerted boolean not null default false,
    created_at timestamptz not null default now()
);
create index self_healing_events_alerts on self_healing_events (created_at) where not is_alerted;
create index self_healing_events_time on self_healing_events (created_at desc);
create index self_healing_events_entity on self_healing_events (entity_id, event_type, created_at desc);
create trigger escalate before insert on self_healing_events for each row execute function escalate_healing_event();
call protect('self_healing_events');
create policy read on self_healing_events for select to alcove_app using ((select app_is_admin()));
grant select on self_healing_events to alcove_app;

-- How long rows stay: after they were written, or after a deletion, the end of a session, or the retirement of an
-- embedding model. Partitioned tables drop whole months at once.
create table retention (
    name text primary key check (length(name) between 1 and 63),
    lifetime interval not null check (lifetime between interval '1 day' and interval '36500 days')
);
call protect('retention');
create policy read on retention for select to alcove_app using ((select app_is_admin()));
grant select on retention to alcove_app;
create policy change on retention for update to alcove_app
    using ((select app_is_admin())) with check ((select app_is_admin()));
grant update (lifetime) on retention to alcove_app;
insert into retention (name, lifetime) values
    ('job_events', '60 days'), ('usage', '400 days'), ('audit_logs', '730 days'), ('login_attempts', '180 days'),
    ('host_metrics', '7 days'), ('conversations', '30 days'), ('documents', '30 days'), ('self_healing_events', '7 days'),
    ('sessions', '7 days'), ('known_devices', '180 days'), ('retired_embeddings', '7 days'), ('idempotency_keys', '1 day'),
    ('uploads', '2 days'), ('webhook_deliveries', '30 days'), ('workflow_activity', '7 days'), ('hosts', '7 days'),
    ('alerts', '90 days'), ('dead_letters', '90 days'),
    ('invitations', '90 days'), ('unverified_accounts', '7 days'), ('leavers', '30 days'), ('sync_runs', '90 days'),
    ('ended_consents', '7 days');

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
                            'answer.failed', 'answer.cancelled', 'connector.failed', 'budget.nearing', 'budget.spent',
                            'alert.raised']),
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
-- Once when its trouble begins, and not at every attempt after that.
create trigger notify_webhooks after update on connectors for each row
    when (old.status <> 'error' and new.status = 'error' and new.failures <= 1)
    execute function notify_webhooks_of_connector();
create trigger notify_webhooks after insert on usage for each row execute function notify_webhooks_of_spending();
create trigger notify_webhooks after insert on self_healing_events for each row
    when (new.severity in ('warning', 'critical'))
    execute function notify_webhooks_of_alert();

-- Hosts whose agent sends measurements (embedder/metrics.py): when each was heard last. `left_at` is set when the agent
-- ended as it should; a host that neither left nor is heard in time is silent.
create table hosts (
    name text primary key check (length(name) between 1 and 100),
    interval_seconds integer not null check (interval_seconds between 5 and 3600),
    first_seen_at timestamptz not null default now(),
    last_seen_at timestamptz not null default now(),
    left_at timestamptz,
    silent_since timestamptz
);
call protect('hosts');
create policy read on hosts for select to alcove_app using ((select app_is_admin()));
grant select on hosts to alcove_app;

create table host_metrics (
    id uuid not null default uuidv7() primary key,
    host text not null check (length(host) between 1 and 100),
    measured_at timestamptz not null,
    -- Our agent sends all of these; what was moved in from another system can lack some.
    cpu_percent real check (cpu_percent between 0 and 100),
    ram_percent real check (ram_percent between 0 and 100),
    ram_used_bytes bigint check (ram_used_bytes >= 0),
    disk_percent real check (disk_percent between 0 and 100),
    disk_used_bytes bigint check (disk_used_bytes >= 0),
    disk_free_bytes bigint check (disk_free_bytes >= 0),
    temperature_celsius real check (temperature_celsius between -100 and 300),
    gpu_percent real check (gpu_percent between 0 and 100),
    gpu_memory_percent real check (gpu_memory_percent between 0 and 100),
    gpu_temperature_celsius real check (gpu_temperature_celsius between -100 and 300)
) partition by range (id);
comment on table host_metrics is 'partitioned by day';
create index host_metrics_host on host_metrics (host, measured_at desc);
call protect('host_metrics');
create policy read on host_metrics for select to alcove_app using ((select app_is_admin()));
grant select on host_metrics to alcove_app;

-- Runs of scheduled and background work. A repair that had nothing to do has no row of its own: it is counted in that
-- of its tick.
create table workflow_activity (
    id uuid primary key default uuidv7(),
    workflow_name text not null check (length(workflow_name) between 1 and 100),
    status text not null check (status in ('completed', 'failed')),
    duration_ms integer not null check (duration_ms >= 0),
    counts jsonb not null default '{}' check (jsonb_typeof(counts) = 'object' and length(counts::text) <= 8000),
    error text check (length(error) <= 2000),
    created_at timestamptz not null default now()
);
create index workflow_activity_name on workflow_activity (workflow_name, id desc);
create index workflow_activity_time on workflow_activity (created_at);
call protect('workflow_activity');
create policy read on workflow_activity for select to alcove_app using ((select app_is_admin()));
grant select on workflow_activity to alcove_app;

-- Messages of dead-letter queues that tick sent once more, with the reason why they were there. One that returns stays
-- in its dead-letter queue.
create table dead_letters (
    id uuid primary key default uuidv7(),
    queue text not null check (queue in ('ingest', 'answer')),
    fingerprint bytea not null check (length(fingerprint) = 32),
    object_key text check (length(object_key) <= 1024),
    reason text not null check (length(reason) <= 2000),
    redriven_at timestamptz not null default now(),
    returned_at timestamptz,
    unique (queue, fingerprint)
);
create index dead_letters_time on dead_letters (redriven_at);
call protect('dead_letters');
create policy read on dead_letters for select to alcove_app using ((select app_is_admin()));
grant select on dead_letters to alcove_app;

-- The channels of alerts, their thresholds and quiet hours: one row, as the table of the same name in Arasul, which knows
-- Telegram alone.
create table telegram_config (
    id integer primary key default 1 check (id = 1),
    ciphertext bytea check (length(ciphertext) between 30 and 1000),
    wrapped_key bytea check (length(wrapped_key) <= 6000),
    master_key text check (length(master_key) <= 2048),
    chat_id text check (length(chat_id) between 1 and 50),
    api_url text not null default 'https://api.telegram.org' check (length(api_url) between 8 and 500),
    enabled boolean not null default false,
    alert_thresholds jsonb not null default '{}' check (jsonb_typeof(alert_thresholds) = 'object'
                                                        and length(alert_thresholds::text) <= 4000),
    -- Between these times of day only critical alerts are sent, if at all; the others wait until the end.
    quiet_from time,
    quiet_until time,
    quiet_time_zone text not null default 'UTC' check (length(quiet_time_zone) between 1 and 100),
    critical_in_quiet_hours boolean not null default true,
    -- Who gets alerts by e-mail.
    email_enabled boolean not null default false,
    email_recipients text[] not null default '{}' check (cardinality(email_recipients) <= 10
                                                         and length(email_recipients::text) <= 4000),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    check (num_nulls(ciphertext, wrapped_key, master_key) in (0, 3)),
    check (num_nulls(quiet_from, quiet_until) in (0, 2)),
    check (not enabled or (ciphertext is not null and chat_id is not null)),
    check (not email_enabled or email_recipients <> '{}')
);
create trigger touch before update on telegram_config for each row execute function touch_updated_at();
call protect('telegram_config');
create policy read on telegram_config for select to alcove_app using ((select app_is_admin()));
create policy change on telegram_config for update to alcove_app
    using ((select app_is_admin())) with check ((select app_is_admin()));
grant select, update (ciphertext, wrapped_key, master_key, chat_id, api_url, enabled, alert_thresholds, quiet_from,
                      quiet_until, quiet_time_zone, critical_in_quiet_hours, email_enabled, email_recipients)
   on telegram_config to alcove_app;
insert into telegram_config default values;

-- What an alert was last about: one row a subject, such as `cpu of web-1`. `reported_at` and `reported_level` are of the
-- last alert; `pending` counts events that the cooldown keeps back.
create table alert_subjects (
    subject text primary key check (length(subject) between 1 and 200),
    level text not null check (level in ('ok', 'warning', 'critical')),
    reported_level text not null default 'ok' check (reported_level in ('ok', 'warning', 'critical')),
    reported_at timestamptz,
    pending integer not null default 0 check (pending >= 0),
    changed_at timestamptz not null default now()
);
call protect('alert_subjects');
create policy read on alert_subjects for select to alcove_app using ((select app_is_admin()));
grant select on alert_subjects to alcove_app;

-- Every alert, which is its history too. `hold_until`: the end of the quiet hours in which it arose.
create table alerts (
    id uuid primary key default uuidv7(),
    subject text not null check (length(subject) between 1 and 200),
    kind text not null check (kind in ('metric', 'service', 'healing', 'test')),
    level text not null check (level in ('ok', 'warning', 'critical')),
    message text not null check (length(message) between 1 and 1000),
    hold_until timestamptz,
    created_at timestamptz not null default now()
);
create index alerts_time on alerts (created_at);
create trigger notify_webhooks after insert on alerts for each row
    when (new.kind in ('metric', 'service'))
    execute function notify_webhooks_of_condition();
call protect('alerts');
create policy read on alerts for select to alcove_app using ((select app_is_admin()));
grant select on alerts to alcove_app;

-- An alert on its way through one channel. It is tried until it arrives or retention ends it.
create table alert_deliveries (
    alert_id uuid not null references alerts on delete cascade,
    channel text not null check (channel in ('telegram', 'email', 'webhook')),
    attempts integer not null default 0 check (attempts >= 0),
    due_at timestamptz not null default now(),
    sent_at timestamptz,
    error text check (length(error) <= 500),
    primary key (alert_id, channel)
);
create index alert_deliveries_due on alert_deliveries (channel, due_at) where sent_at is null;
call protect('alert_deliveries');
create policy read on alert_deliveries for select to alcove_app using ((select app_is_admin()));
grant select on alert_deliveries to alcove_app;

-- Updates of the service, and backups: the five tables of Arasul. The owner's role writes them, when it deploys, updates,
-- backs up and restores.
create table update_events (
    id uuid primary key default uuidv7(),
    version_from text check (length(version_from) <= 50),
    version_to text not null check (length(version_to) between 1 and 50),
    status text not null default 'pending'
        check (status in ('pending', 'in_progress', 'completed', 'failed', 'rolled_back')),
    -- The last three are ways of Arasul's.
    source text not null check (source in ('deploy', 'upload', 'rollback', 'dashboard', 'usb', 'auto')),
    components_updated jsonb not null default '[]' check (jsonb_typeof(components_updated) = 'array'
                                                          and length(components_updated::text) <= 8000),
    error_message text check (length(error_message) <= 2000),
    started_at timestamptz not null default now(),
    completed_at timestamptz,
    requires_reboot boolean not null default false,
    initiated_by text not null check (length(initiated_by) between 1 and 100)
);
call protect('update_events');
create policy read on update_events for select to alcove_app using ((select app_is_admin()));
grant select on update_events to alcove_app;

create table component_updates (
    id uuid primary key default uuidv7(),
    update_event_id uuid not null references update_events on delete cascade,
    component_name text not null check (length(component_name) between 1 and 100),
    -- 'code', 'libraries', 'template' or 'migrations'; an update of another system has its own types.
    component_type text not null check (length(component_type) between 1 and 50),
    version_from text check (length(version_from) <= 100),
    version_to text not null check (length(version_to) between 1 and 100),
    status text not null check (status in ('pending', 'completed', 'failed', 'rolled_back')),
    started_at timestamptz not null default now(),
    completed_at timestamptz,
    error_message text check (length(error_message) <= 2000)
);
create index component_updates_event on component_updates (update_event_id);
call protect('component_updates');
create policy read on component_updates for select to alcove_app using ((select app_is_admin()));
grant select on component_updates to alcove_app;

create table update_backups (
    id uuid primary key default uuidv7(),
    backup_path text not null check (length(backup_path) between 1 and 1024),
    update_event_id uuid references update_events on delete set null,
    created_at timestamptz not null default now(),
    backup_size_bytes bigint not null check (backup_size_bytes >= 0),
    components jsonb not null default '[]' check (jsonb_typeof(components) = 'array' and length(components::text) <= 8000),
    restoration_tested boolean not null default false,
    restoration_tested_at timestamptz,
    notes text check (length(notes) <= 2000)
);
create index update_backups_event on update_backups (update_event_id);
call protect('update_backups');
create policy read on update_backups for select to alcove_app using ((select app_is_admin()));
grant select on update_backups to alcove_app;

create table update_files (
    id uuid primary key default uuidv7(),
    filename text not null check (length(filename) between 1 and 255),
    file_path text not null check (length(file_path) between 1 and 1024),
    checksum_sha256 bytea check (length(checksum_sha256) = 32),
    file_size_bytes bigint check (file_size_bytes >= 0),
    source text not null check (source in ('upload', 'deploy', 'dashboard', 'usb', 'auto')),
    uploaded_at timestamptz not null default now(),
    signature_verified boolean not null default false,
    manifest jsonb check (jsonb_typeof(manifest) = 'object' and length(manifest::text) <= 20000),
    validation_status text not null default 'pending' check (validation_status in ('pending', 'valid', 'invalid')),
    validation_error text check (length(validation_error) <= 2000),
    applied boolean not null default false
);
call protect('update_files');
create policy read on update_files for select to alcove_app using ((select app_is_admin()));
grant select on update_files to alcove_app;

create table update_rollbacks (
    id uuid primary key default uuidv7(),
    original_update_event_id uuid not null references update_events on delete cascade,
    backup_id uuid references update_backups on delete set null,
    rollback_reason text not null check (length(rollback_reason) <= 2000),
    initiated_by text not null check (length(initiated_by) between 1 and 100),
    started_at timestamptz not null default now(),
    completed_at timestamptz,
    success boolean,
    error_message text check (length(error_message) <= 2000)
);
create index update_rollbacks_event on update_rollbacks (original_update_event_id);
create index update_rollbacks_backup on update_rollbacks (backup_id);
call protect('update_rollbacks');
create policy read on update_rollbacks for select to alcove_app using ((select app_is_admin()));
grant select on update_rollbacks to alcove_app;

-- Moving in from another system (importers/): how far each step of a move has come. `source` names the system.
create table migration_state (
    source text not null check (length(source) between 1 and 100),
    step text not null check (length(step) between 1 and 100),
    -- The position of the last row that this pass has moved; null before the first one and after the last.
    position text check (length(position) <= 2000),
    passes integer not null default 0 check (passes >= 0),
    moved bigint not null default 0 check (moved >= 0),
    merged bigint not null default 0 check (merged >= 0),
    skipped bigint not null default 0 check (skipped >= 0),
    started_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (source, step)
);
create trigger touch before update on migration_state for each row execute function touch_updated_at();
call protect('migration_state');
create policy read on migration_state for select to alcove_app using ((select app_is_admin()));
grant select on migration_state to alcove_app;

-- What became of each row that was moved in. The old key is a hash: nothing of a person stays here once the account is
-- erased, and a later pass does not bring it back.
create table moved_rows (
    source text not null check (length(source) between 1 and 100),
    kind text not null check (length(kind) between 1 and 100),
    key_hash bytea not null check (length(key_hash) = 32),
    -- Where the row went, and under which id, if the table has ids. Null: it was skipped.
    target text check (length(target) between 1 and 63),
    new_id uuid,
    outcome text not null check (outcome in ('moved', 'merged', 'skipped')),
    -- What was left out of the row, or why it was skipped; never its content.
    reason text check (length(reason) <= 1000),
    moved_at timestamptz not null default now(),
    primary key (source, kind, key_hash),
    check ((outcome = 'skipped') = (target is null)),
    check (target is not null or new_id is null)
);
create index moved_rows_target on moved_rows (target, new_id) where new_id is not null;
create index moved_rows_document on moved_rows (key_hash) where target = 'documents';
create index moved_rows_reason on moved_rows (source, kind, reason) where reason is not null;
call protect('moved_rows');
-- A document is found by its old id by those who see it.
create policy read on moved_rows for select to alcove_app
    using (target = 'documents' and exists (select from documents d where d.id = new_id));
grant select (source, key_hash, target, new_id) on moved_rows to alcove_app;

-- What administrators tell everybody.
create table announcements (
    id uuid primary key default uuidv7(),
    message text not null check (length(message) between 1 and 2000),
    severity text not null default 'info' check (severity in ('info', 'warning')),
    starts_at timestamptz not null default now(),
    ends_at timestamptz not null,
    created_by uuid references users on delete set null default app_user_id(),
    created_at timestamptz not null default now(),
    check (ends_at > starts_at)
);
create index announcements_end on announcements (ends_at);
call protect('announcements');
create policy read on announcements for select to alcove_app using (true);
create policy add on announcements for insert to alcove_app with check ((select app_is_admin()));
create policy remove on announcements for delete to alcove_app using ((select app_is_admin()));
grant select, insert (message, severity, starts_at, ends_at), delete on announcements to alcove_app;

select ensure_partitions();
