-- Arasul with its migrations 001 to 015, as far as a move reads it. Every text names its column, so that a test finds it
-- again.
create table metrics_cpu ("timestamp" timestamptz primary key, value decimal(5, 2));
create table metrics_ram ("timestamp" timestamptz primary key, value decimal(5, 2));
create table metrics_gpu ("timestamp" timestamptz primary key, value decimal(5, 2));
create table metrics_temperature ("timestamp" timestamptz primary key, value decimal(5, 2));
create table metrics_disk ("timestamp" timestamptz primary key, used bigint, free bigint, percent decimal(5, 2));
create table admin_users (
    id serial primary key, username varchar(50), password_hash varchar(255), email varchar(255), created_at timestamptz,
    updated_at timestamptz, last_login timestamptz, login_attempts integer, locked_until timestamptz, is_active boolean);
create table token_blacklist (
    id serial primary key, token_jti varchar(255), user_id integer, blacklisted_at timestamptz, expires_at timestamptz);
create table login_attempts (
    id serial primary key, username varchar(50), ip_address inet, success boolean, attempted_at timestamptz,
    user_agent text);
create table active_sessions (
    id serial primary key, user_id integer, token_jti varchar(255), ip_address inet, user_agent text,
    created_at timestamptz, expires_at timestamptz, last_activity timestamptz);
create table password_history (
    id serial primary key, user_id integer, password_hash varchar(255), changed_at timestamptz, changed_by varchar(50),
    ip_address inet);
create table self_healing_events (
    id serial primary key, event_type varchar(50), severity varchar(20), description text, action_taken text,
    "timestamp" timestamptz);
create table workflow_activity (
    id serial primary key, workflow_name varchar(255), status varchar(50), "timestamp" timestamptz, duration_ms integer,
    error text);
create table update_events (
    id serial primary key, version_from varchar(20), version_to varchar(20), status varchar(20), source varchar(50),
    components_updated jsonb, error_message text, started_at timestamptz, completed_at timestamptz,
    duration_seconds integer, requires_reboot boolean, initiated_by varchar(50));
create table update_backups (
    id serial primary key, backup_path varchar(500), update_event_id integer, created_at timestamptz,
    backup_size_mb decimal(10, 2), components jsonb, restoration_tested boolean, notes text);
create table update_files (
    id serial primary key, filename varchar(255), file_path varchar(500), checksum_sha256 varchar(64),
    file_size_bytes bigint, source varchar(50), uploaded_at timestamptz, signature_verified boolean, manifest jsonb,
    validation_status varchar(20), applied boolean);
create table update_rollbacks (
    id serial primary key, original_update_event_id integer, backup_id integer, rollback_reason text,
    initiated_by varchar(50), started_at timestamptz, completed_at timestamptz, success boolean, error_message text);
create table component_updates (
    id serial primary key, update_event_id integer, component_name varchar(100), component_type varchar(50),
    version_from varchar(20), version_to varchar(20), status varchar(20), started_at timestamptz, completed_at timestamptz,
    error_message text);
create table chat_conversations (
    id uuid primary key, title varchar(255), created_at timestamptz, updated_at timestamptz, deleted_at timestamptz,
    message_count integer);
create table chat_messages (
    id uuid primary key, conversation_id uuid, role varchar(20), content text, thinking text, sources jsonb,
    created_at timestamptz);
create table llm_jobs (
    id uuid primary key, conversation_id uuid, status varchar(20), prompt text, response text, error text,
    created_at timestamptz, updated_at timestamptz);
create table llm_queue (
    id serial primary key, job_id uuid, priority integer, created_at timestamptz, started_at timestamptz);
create table documents (
    id uuid primary key, filename varchar(255), original_name varchar(255), mime_type varchar(100), size_bytes bigint,
    minio_path varchar(500), status varchar(20), chunk_count integer, error_message text, created_at timestamptz,
    updated_at timestamptz, indexed_at timestamptz);
create table document_chunks (id uuid primary key, document_id uuid, chunk_index integer, content text, embedding_id varchar(100),
    created_at timestamptz);
create table telegram_config (
    id integer primary key, bot_token_encrypted text, bot_token_iv text, bot_token_tag text, chat_id varchar(50),
    enabled boolean, alert_thresholds jsonb, created_at timestamptz, updated_at timestamptz);
insert into metrics_cpu values (now() - interval '1 hour', 12.51);
insert into metrics_ram values (now() - interval '1 hour', 23.52);
insert into metrics_gpu values (now() - interval '1 hour', 34.53);
insert into metrics_temperature values (now() - interval '1 hour', 45.54);
insert into metrics_disk values (now() - interval '1 hour', 123456, 654321, 15.87);
insert into admin_users values
    (1, 'admin_users.username', '{password}', 'Ada@Example.org', now() - interval '9 days', now(), now(), 2, null, true),
    (2, 'grace', '{password}', 'grace@example.org', now() - interval '9 days', now(), now(), 543, now() + interval '1 hour',
     false);
insert into token_blacklist values (1, 'token_blacklist.token_jti', 1, now(), now());
insert into login_attempts values
    (1, 'admin_users.username', '10.0.0.71', false, now() - interval '1 hour', 'login_attempts.user_agent'),
    (2, 'admin_users.username', '10.0.0.71', true, now() - interval '1 hour', 'agent');
insert into active_sessions values
    (1, 1, 'active_sessions.token_jti', '10.0.0.72', 'active_sessions.user_agent', now() - interval '1 day', now() + interval '1 day', now());
insert into password_history values
    (1, 1, '{password}', now() - interval '8 days', 'admin_users.username', '10.0.0.73');
insert into self_healing_events values
    (1, 'self_healing_events.event_type', 'CRITICAL', 'self_healing_events.description', 'self_healing_events.action_taken',
     now() - interval '1 hour');
insert into workflow_activity values
    (1, 'workflow_activity.workflow_name', 'error', now() - interval '1 hour', 1212, 'workflow_activity.error');
insert into update_events values
    (1, '1.0-events', '2.0-events', 'failed', 'usb', '["update_events.components_updated"]', 'update_events.error_message',
     now() - interval '400 days', now(), 34560012, true,
     'update_events.initiated_by');
insert into update_backups values
    (1, '/update_backups.backup_path', 1, now(), 1.54, '["update_backups.components"]', true, 'update_backups.notes');
insert into update_files values
    (1, 'update_files.filename', '/update_files.file_path', repeat('ab', 32), 1213, 'usb', now(), true,
     '{"update_files.manifest": 1}', 'valid', true);
insert into update_rollbacks values
    (1, 1, 1, 'update_rollbacks.rollback_reason', 'update_rollbacks.initiated_by', now(), now(), true,
     'update_rollbacks.error_message');
insert into component_updates values
    (1, 1, 'component_updates.component_name', 'component_updates.component_type', '1.0-component', '2.0-component', 'failed',
     now(), now(), 'component_updates.error_message');
insert into chat_conversations values
    ('c0000000-0000-4000-8000-000000000001', 'chat_conversations.title', now() - interval '3 days', now(), null, 2),
    ('c0000000-0000-4000-8000-000000000002', 'A deleted conversation', now() - interval '3 days', now(), now(), 0);
insert into chat_messages values
    ('ffffffff-0000-4000-8000-000000000001', 'c0000000-0000-4000-8000-000000000001', 'user', 'chat_messages.content', null,
     null, now() - interval '2 days'),
    ('00000000-0000-4000-8000-000000000002', 'c0000000-0000-4000-8000-000000000001', 'assistant', 'chat_messages.answer',
     'chat_messages.thinking', '[{"id": "chat_messages.sources"}]', now() - interval '2 days');
insert into llm_jobs values
    ('80000000-0000-4000-8000-000000000001', 'c0000000-0000-4000-8000-000000000001', 'completed', 'chat_messages.content',
     'chat_messages.answer', null, now() - interval '2 days', now() - interval '47 hours'),
    ('80000000-0000-4000-8000-000000000003', 'c0000000-0000-4000-8000-000000000001', 'failed', 'chat_messages.content', null,
     'llm_jobs.error', now() - interval '46 hours', now() - interval '45 hours'),
    ('80000000-0000-4000-8000-000000000002', 'c0000000-0000-4000-8000-000000000001', 'pending', 'llm_jobs.prompt', null, null,
     now() - interval '1 day', now() - interval '1 day');
insert into llm_queue values
    (1, '80000000-0000-4000-8000-000000000001', 7, now() - interval '2 days', now() - interval '2 days');
insert into documents values
    ('d0000000-0000-4000-8000-000000000001', 'documents.filename', 'pump.md', 'text/markdown', 36, 'docs/documents.minio_path',
     'indexed', 123, 'documents.error_message', now() - interval '8 days', now(), now());
insert into document_chunks values
    ('e0000000-0000-4000-8000-000000000001', 'd0000000-0000-4000-8000-000000000001', 0, 'The text of document_chunks.content.',
     'document_chunks.embedding_id', now());
insert into telegram_config values (1, '{token}', '{nonce}', '{tag}', '-100471147', true, '{"cpu_warning": 71.25}', now(), now());
