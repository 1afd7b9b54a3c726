-- EchoMind, as far as a move reads it. Every text names its column, so that a test finds it again.
create table users (
    id serial primary key, external_id varchar(255), email varchar(255), name varchar(255), groups text[], roles text[],
    preferences jsonb, created_at timestamp, updated_at timestamp);
create table llms (
    id serial primary key, name varchar(255), provider varchar(50), model_id varchar(255), endpoint varchar(512),
    api_key_encrypted bytea, max_tokens integer, temperature float, is_default boolean, created_at timestamp,
    updated_at timestamp);
create table assistants (
    id serial primary key, name varchar(255), description text, llm_id integer, system_prompt text, task_prompt text,
    starter_messages text[], is_default boolean, is_visible boolean, created_by integer, created_at timestamp,
    updated_at timestamp);
create table connectors (
    id serial primary key, name varchar(255), type varchar(50), status varchar(50), scope varchar(50),
    scope_id varchar(255), config jsonb, state jsonb, refresh_freq_minutes integer, last_sync_at timestamp,
    docs_analyzed integer, created_by integer, created_at timestamp, updated_at timestamp);
create table documents (
    id serial primary key, connector_id integer, parent_id integer, source_id varchar(255), url varchar(2048),
    original_url varchar(2048), title varchar(512), content_type varchar(100), status varchar(50), chunk_count integer,
    chunking_session varchar(36), error_message text, created_at timestamp, updated_at timestamp);
create table embedding_models (
    id serial primary key, name varchar(255), model_id varchar(255), dimension integer, is_active boolean,
    created_at timestamp);
create table chat_sessions (
    id serial primary key, user_id integer, assistant_id integer, title varchar(255), mode varchar(50),
    message_count integer, created_at timestamp, updated_at timestamp);
create table chat_messages (
    id serial primary key, session_id integer, role varchar(20), content text, rephrased_query text, token_count integer,
    sources jsonb, feedback varchar(20), created_at timestamp);
create table apscheduler_jobs (id varchar(191), next_run_time float, job_state bytea);
create table scheduler_runs (
    id uuid primary key, job_name varchar(100), connector_id integer, started_at timestamp, completed_at timestamp,
    status varchar(20), error_message text, documents_triggered integer);
insert into users values
    (1, 'users.external_id', 'Ada@Example.org', 'users.name', '{users.groups}', '{admin,users.roles}',
     '{"default_assistant": 1, "users.preferences": 1}', now() - interval '9 days', now()),
    (2, 'other', 'Grace@Example.org', 'Grace', '{}', '{}', null, now() - interval '9 days', now());
insert into llms values
    (1, 'llms.name', 'vllm', 'llms.model_id', 'http://127.0.0.1:1/llms.endpoint', 'x', 2048, 0.4, true, now(), now());
insert into assistants values
    (1, 'assistants.name', 'assistants.description', 1, 'assistants.system_prompt', '{context} {query} assistants.task_prompt',
     '{assistants.starter_messages}', true, true, 1, now(), now()),
    (2, 'assistants.name', null, null, 'x', '{context} {query}', null, false, false, 1, now(), now());
insert into connectors values
    (1, 'connectors.name', 'web', 'active', 'group', 'users.groups', '{"start": "connectors.config", "token": "no"}',
     '{"cursor": "connectors.state"}', 1441, now(), 2345, 1, now(), now());
insert into documents values
    (1, 1, 2, 'documents.source_id', 'minio:documents:a/pump.md', 'https://example.org/documents.original_url',
     'documents.title', 'text/markdown', 'completed', 123, '11111111-1111-4111-8111-111111111111', 'documents.error_message',
     now() - interval '8 days', now()),
    (2, 1, null, 'parent', 'minio:documents:a/none.md', null, 'The parent', 'text/markdown', 'completed', 1, null, null,
     now() - interval '8 days', now());
insert into embedding_models values (1, 'a model', 'sentence-transformers/x', 768, true, now());
insert into chat_sessions values
    (1, 1, 1, 'chat_sessions.title', 'search', 3, now() - interval '3 days', now());
insert into chat_messages values
    (1, 1, 'system', 'chat_messages.system', null, null, null, null, now() - interval '50 hours'),
    (2, 1, 'user', 'chat_messages.content', 'chat_messages.rephrased_query', 9, null, null, now() - interval '49 hours'),
    (3, 1, 'assistant', 'chat_messages.answer', null, 567, '[{"document_id": 1, "chunk_id": "chat_messages.sources"}]',
     'negative', now() - interval '49 hours');
insert into scheduler_runs values
    ('12345678-0000-4000-8000-000000000001', 'x', 1, now() - interval '1 hour', now(), 'failed',
     'scheduler_runs.error_message', 765),
    ('12345678-0000-4000-8000-000000000002', 'scheduler_runs.job_name', null, now() - interval '1 hour', now(), 'completed',
     null, 3);
insert into apscheduler_jobs values ('a job', 1.5, 'x');
