-- Operations: repairs, retention periods, and the comparison of the bucket with the database.

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
    ('uploads', '2 days');

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
    finished_at timestamptz
);
call protect('bucket_sweeps');
insert into bucket_sweeps default values;
