-- Archi 2.0, as far as a move reads it. Every text names its column, so that a test finds it again. The function stands
-- for pgcrypto's, which the tests' server does not have.
create function pgp_sym_decrypt(content bytea, key text) returns text language sql
    return case when key = 'the-key' then convert_from(content, 'UTF8') end;
create table static_config (
    id integer, deployment_name varchar(100), config_version varchar(20), data_path text, prompts_path text,
    embedding_model varchar(200), embedding_dimensions integer, chunk_size integer, chunk_overlap integer,
    distance_metric varchar(20), available_pipelines text[], available_models text[], available_providers text[],
    auth_enabled boolean, session_lifetime_days integer, created_at timestamp);
create table dynamic_config (
    id integer, active_pipeline varchar(100), active_model varchar(200), temperature numeric(3, 2), max_tokens integer,
    system_prompt text, top_p numeric(3, 2), top_k integer, repetition_penalty numeric(4, 2),
    active_condense_prompt varchar(100), active_chat_prompt varchar(100), active_system_prompt varchar(100),
    num_documents_to_retrieve integer, use_hybrid_search boolean, bm25_weight numeric(3, 2),
    semantic_weight numeric(3, 2), ingestion_schedule varchar(100), verbosity integer, updated_at timestamp,
    updated_by varchar(200));
create table config_audit (
    id serial, user_id varchar(200), changed_at timestamp, config_type varchar(20), field_name varchar(100), old_value text,
    new_value text);
create table users (
    id varchar(200) primary key, display_name text, email text, auth_provider varchar(50), password_hash varchar(256),
    github_id varchar(100), github_username varchar(100), is_admin boolean, theme varchar(20),
    preferred_model varchar(200), preferred_temperature numeric(3, 2), preferred_max_tokens integer,
    preferred_num_documents integer, preferred_condense_prompt varchar(100), preferred_chat_prompt varchar(100),
    preferred_system_prompt varchar(100), preferred_top_p numeric(3, 2), preferred_top_k integer,
    api_key_openrouter bytea, api_key_openai bytea, api_key_anthropic bytea, last_login_at timestamp, login_count integer,
    created_at timestamp, updated_at timestamp);
create table sessions (id varchar(64), user_id varchar(200), data jsonb, created_at timestamp, expires_at timestamp);
create table documents (
    id serial primary key, resource_hash varchar(64), file_path text, display_name text, source_type varchar(50), url text,
    ticket_id varchar(100), git_repo varchar(200), git_commit varchar(64), suffix varchar(20), size_bytes bigint,
    mime_type varchar(100), original_path text, base_path text, relative_path text, extra_json jsonb, extra_text text,
    file_modified_at timestamp, ingested_at timestamp, indexed_at timestamp, created_at timestamp, is_deleted boolean,
    deleted_at timestamp);
create table document_chunks (
    id serial, document_id integer, chunk_index integer, chunk_text text, start_char integer, end_char integer,
    embedding real[], metadata jsonb, created_at timestamp);
create table user_document_defaults (user_id varchar(200), document_id integer, enabled boolean, updated_at timestamp);
create table conversation_metadata (
    conversation_id serial primary key, user_id varchar(200), client_id text, title text, created_at timestamp,
    last_message_at timestamp, archi_version varchar(50));
create table conversation_document_overrides (
    conversation_id integer, document_id integer, enabled boolean, updated_at timestamp);
create table conversations (
    message_id serial primary key, conversation_id integer, archi_service text, sender text, content text,
    model_used varchar(200), pipeline_used varchar(100), link text, context text, ts timestamp, conf_id integer);
create table feedback (
    mid integer, feedback_ts timestamp, feedback text, feedback_msg text, incorrect boolean, unhelpful boolean,
    inappropriate boolean);
create table timing (
    mid integer primary key, client_sent_msg_ts timestamp, server_received_msg_ts timestamp,
    lock_acquisition_ts timestamp, vectorstore_update_ts timestamp, query_convo_history_ts timestamp,
    chain_finished_ts timestamp, archi_message_ts timestamp, insert_convo_ts timestamp, finish_call_ts timestamp,
    server_response_msg_ts timestamp, msg_duration interval);
create table agent_traces (
    trace_id uuid, conversation_id integer, message_id integer, user_message_id integer, config_id varchar(100),
    pipeline_name varchar(100), events jsonb, started_at timestamp, completed_at timestamp, status varchar(20),
    total_tool_calls integer, total_tokens_used integer, total_duration_ms integer, cancelled_by varchar(100),
    cancellation_reason text, created_at timestamp);
create table agent_tool_calls (
    id serial, conversation_id integer, message_id integer, step_number integer, tool_name varchar(100), tool_args jsonb,
    tool_result text, ts timestamp);
create table ab_comparisons (
    comparison_id serial, conversation_id integer, user_prompt_mid integer, response_a_mid integer,
    response_b_mid integer, config_a_id integer, config_b_id integer, model_a varchar(200), model_b varchar(200), pipeline_a varchar(100), pipeline_b varchar(100),
    is_config_a_first boolean, preference varchar(10), preference_ts timestamp, created_at timestamp);
insert into static_config values
    (1, 'static_config.deployment_name', '2.0.0-of-archi', 'static_config.data_path', 'static_config.prompts_path', 'static_config.embedding_model',
     385, 1357, 151, 'static_config.dist',
     '{static_config.available_pipelines}', '{static_config.available_models}', '{static_config.available_providers}', false, 123, '2026-01-02 03:04:05');
insert into dynamic_config values
    (1, 'dynamic_config.active_pipeline', 'dynamic_config.active_model', 0.73, 4096, 'dynamic_config.system_prompt', 0.91, 512, 1.05, 'prompt_one', 'prompt_two',
     'prompt_three', 11, false, 0.31, 0.69, '0 3 * * *', 4, '2026-01-03 03:04:05', 'ada');
insert into users values
    ('ada', 'users.display_name', 'Ada@Example.org', 'local', '{password}', null, null, true, 'dark',
     'users.preferred_model', 0.25, 321,
     17, 'condense-of-ada', 'chat-of-ada', 'system-of-ada', 0.85, 411, 'sk-of-ada-0001', 'sk-of-ada-0002',
     'sk-of-ada-0003', now(), 765, now() - interval '9 days', now()),
    ('grace', 'Grace', 'grace@example.org', 'github', null, '42424242', 'users.github_username', false, 'light', null, null,
     null, null, null, null, null, null, null, null, null, null, now(), 766, now() - interval '9 days', now());
insert into config_audit values
    (1, 'ada', now(), 'dynamic', 'config_audit.field_name', 'config_audit.old_value', 'config_audit.new_value'),
    (2, 'ada', now(), 'user_pref', 'theme', null, 'dark');
insert into sessions values ('s', 'ada', '{"a": "sessions.data"}', now() - interval '1 day', now() + interval '1 day');
insert into documents values
    (1, repeat('a', 64), '/root/data/git/pump.md', 'documents.display_name', 'git', 'https://example.org/documents.url',
     'documents.ticket_id', 'documents.git_repo', 'documents.git_commit', '.md', null, 'text/markdown',
     'documents.original_path', 'documents.base_path', 'documents.relative_path', '{"documents.extra_json": [1]}',
     'documents.extra_text', now(), now(), now(), now() - interval '8 days', false, null),
    (2, repeat('b', 64), '/root/data/valve.txt', 'In chunks', 'local_files', null, null, null, null, null, 35, null, null,
     null, null, null, null, null, null, null, now() - interval '8 days', false, null),
    (3, repeat('c', 64), '/root/data/deleted.txt', 'Deleted', 'web', null, null, null, null, '.txt-of-old', null, null, null,
     null, null, null, null, null, null, null, now() - interval '8 days', true, now() - interval '1 hour');
insert into document_chunks values
    (1, 2, 1, 'V-3 has a seal. It leaks.', 10, 35, '{1}', '{"page": 1}', now()),
    (2, 2, 0, 'The valve V-3 has a seal.', 0, 25, '{1}', '{"page": 1}', now());
insert into conversation_metadata values
    (1, 'ada', 'conversation_metadata.client_id', 'conversation_metadata.title', now() - interval '3 days', now(), 'conversation_metadata.archi_version'),
    (2, null, 'a-client', 'Of a client', now() - interval '3 days', now(), null),
    (3, null, null, 'Of a deleted user', now() - interval '3 days', now(), null);
insert into user_document_defaults values ('ada', 2, false, now());
insert into conversation_document_overrides values (1, 2, true, now());
insert into conversations values
    (1, 1, 'conversations.archi_service', 'User', 'conversations.content', null, null, '', '', now() - interval '50 hours', 444),
    (2, 1, 'chat', 'archi', 'conversations.answer', 'conversations.model_used', 'conversations.pipeline_used',
     'conversations.link', 'conversations.context', now() - interval '49 hours', 445),
    (3, 1, 'chat', 'archi', 'conversations.other_answer', 'another model', 'QAPipeline', '', '',
     now() - interval '48 hours', null),
    (4, 2, 'chat', 'User', 'Nobody reads this.', null, null, '', '', now() - interval '48 hours', null);
insert into feedback values
    (2, now() - interval '2 hours', 'like', null, null, null, null),
    (2, now() - interval '1 hour', 'dislike', 'feedback.feedback_msg', true, true, true),
    (2, now(), 'comment', 'feedback.comment', null, null, null);
insert into timing
select 2, t, t + '1 s', t + '2 s', t + '3 s', t + '4 s', t + '5 s', t + '6 s', t + '7 s', t + '8 s', t + '9 s', '8.765 s'
  from (select now()::timestamp - interval '49 hours' as t) t;
insert into agent_traces values
    ('12345678-0000-4000-8000-000000000001', 1, 2, 1, 'agent_traces.config_id', 'agent_traces.pipeline_name',
     '[{"event": "agent_traces.events"}]', now() - interval '49 hours', now() - interval '48 hours', 'cancelled', 234, 345, 678,
     'agent_traces.cancelled_by', 'agent_traces.cancellation_reason', now());
insert into agent_tool_calls values
    (1, 1, 2, 432, 'agent_tool_calls.tool_name', '{"q": "agent_tool_calls.tool_args"}', 'agent_tool_calls.tool_result', now());
insert into ab_comparisons values
    (1, 1, 1, 2, 3, 5, 6, 'ab_comparisons.model_a', 'ab_comparisons.model_b', 'QAPipeline', 'QAPipeline', false, 'b', now(),
     now() - interval '47 hours');
