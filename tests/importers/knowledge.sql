-- The knowledge core, as far as a move reads it. Every text names its column, so that a test finds it again.
create table users (
    user_id uuid primary key, email varchar(255), username varchar(100), password_hash varchar(255),
    created_at timestamptz, updated_at timestamptz, last_login_at timestamptz, is_active boolean);
create table documents (
    document_id uuid primary key, owner_id uuid, title varchar(255), content text, content_type varchar(50),
    source_url text, created_at timestamptz, updated_at timestamptz, metadata jsonb, is_archived boolean);
create table document_embeddings (
    embedding_id uuid primary key, document_id uuid, embedding real[], chunk_index integer, chunk_text text,
    created_at timestamptz);
create table message_embeddings (
    embedding_id uuid primary key, message_id uuid, embedding real[], created_at timestamptz);
create table memory_embeddings (
    embedding_id uuid primary key, memory_id uuid, embedding real[], created_at timestamptz);
create table repositories (
    repo_id uuid primary key, owner_id uuid, name varchar(255), description text, repo_url text, source_type varchar(50),
    created_at timestamptz, updated_at timestamptz, metadata jsonb, is_archived boolean);
create table repo_documents (repo_id uuid, document_id uuid, file_path varchar(1024), added_at timestamptz);
create table chat_sessions (
    session_id uuid primary key, owner_id uuid, title varchar(255), created_at timestamptz, updated_at timestamptz,
    is_archived boolean, metadata jsonb);
create table messages (
    message_id uuid primary key, session_id uuid, role varchar(50), content text, created_at timestamptz,
    parent_message_id uuid, metadata jsonb);
create table memory_items (
    memory_id uuid primary key, owner_id uuid, content text, source_type varchar(50), source_id uuid, importance float,
    created_at timestamptz, last_accessed_at timestamptz, access_count integer, metadata jsonb);
create table tags (tag_id uuid primary key, name varchar(100), owner_id uuid, created_at timestamptz);
create table entity_tags (tag_id uuid, entity_type varchar(50), entity_id uuid, created_at timestamptz);
create table api_keys (
    key_id uuid primary key, user_id uuid, key_hash varchar(255), name varchar(255), created_at timestamptz,
    expires_at timestamptz, last_used_at timestamptz, is_active boolean);
create table audit_logs (
    log_id uuid primary key, user_id uuid, action varchar(255), entity_type varchar(50), entity_id uuid,
    "timestamp" timestamptz, ip_address varchar(45), details jsonb);
insert into users values
    ('00000000-0000-4000-8000-000000000001', 'Ada@Example.org', 'users.username', '{password}', now(), now(), now(), true),
    ('00000000-0000-4000-8000-000000000002', 'Grace@Example.org', 'grace', '{password}', now(), now(), now(), false);
insert into documents values
    ('d0000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000001', 'documents.title',
     'The coolant pump P-17 is inspected every ninety days.', 'markdown', 'https://example.org/documents.source_url',
     now() - interval '9 days', now(), '{"documents.metadata": {"deep": ["documents.deep"]}}', false),
    ('d0000000-0000-4000-8000-000000000002', '00000000-0000-4000-8000-000000000001', 'In chunks', null, 'text', null,
     now() - interval '8 days', now(), null, false),
    ('d0000000-0000-4000-8000-000000000003', '00000000-0000-4000-8000-000000000001', 'Archived',
     'An archived text.', 'code', null, now() - interval '7 days', now(), null, true);
insert into document_embeddings values
    (gen_random_uuid(), 'd0000000-0000-4000-8000-000000000002', '{1}', 1, 'Its seal is replaced when it leaks.', now()),
    (gen_random_uuid(), 'd0000000-0000-4000-8000-000000000002', '{1}', 0, 'The valve V-3 has a seal.', now());
insert into repositories values
    ('a0000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000001', 'repositories.name',
     'repositories.description', 'https://example.org/repositories.repo_url', 'github', now(), now(),
     '{"repositories.metadata": 1}', false),
    ('a0000000-0000-4000-8000-000000000002', '00000000-0000-4000-8000-000000000001', 'An archived repository',
     null, null, 'local', now(), now(), null, true);
insert into repo_documents values
    ('a0000000-0000-4000-8000-000000000001', 'd0000000-0000-4000-8000-000000000001', 'repo_documents/file_path.md', now());
insert into chat_sessions values
    ('c0000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000001', 'chat_sessions.title',
     now() - interval '3 days', now(), false, '{"chat_sessions.metadata": true}'),
    ('c0000000-0000-4000-8000-000000000002', '00000000-0000-4000-8000-000000000001', 'An archived conversation',
     now() - interval '4 days', now(), true, null);
insert into messages values
    ('ffffffff-0000-4000-8000-000000000000', 'c0000000-0000-4000-8000-000000000001', 'system', 'messages.system',
     now() - interval '50 hours', null, null),
    ('ffffffff-0000-4000-8000-000000000001', 'c0000000-0000-4000-8000-000000000001', 'user', 'messages.content',
     now() - interval '2 days', null, '{"messages.metadata": "x"}'),
    ('00000000-0000-4000-8000-000000000002', 'c0000000-0000-4000-8000-000000000001', 'assistant', 'messages.answer',
     now() - interval '47 hours', 'ffffffff-0000-4000-8000-000000000001',
     '{"model": "messages.model", "prompt_tokens": 1234, "completion_tokens": 567}'),
    -- A cycle, and an answer to a message of nobody's: the source allows both.
    ('00000000-0000-4000-8000-000000000003', 'c0000000-0000-4000-8000-000000000001', 'tool', 'messages.tool',
     now() - interval '46 hours', '00000000-0000-4000-8000-000000000003', null);
insert into memory_items values
    ('e0000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000001', 'memory_items.content', 'document',
     'd0000000-0000-4000-8000-000000000001', 0.75, now(), now(), 444, '{"memory_items.metadata": "x"}'),
    ('e0000000-0000-4000-8000-000000000002', '00000000-0000-4000-8000-000000000001', 'memory_items.learned', 'chat',
     'ffffffff-0000-4000-8000-000000000001', 7, now(), null, 0, null);
insert into tags values
    ('b0000000-0000-4000-8000-000000000001', 'tags.name', '00000000-0000-4000-8000-000000000001', now()),
    ('b0000000-0000-4000-8000-000000000002', 'TAGS.name', '00000000-0000-4000-8000-000000000001', now());
insert into entity_tags values
    ('b0000000-0000-4000-8000-000000000001', 'document', 'd0000000-0000-4000-8000-000000000001', now()),
    ('b0000000-0000-4000-8000-000000000002', 'chat_session', 'c0000000-0000-4000-8000-000000000001', now()),
    ('b0000000-0000-4000-8000-000000000002', 'planet', 'c0000000-0000-4000-8000-000000000001', now());
insert into api_keys values
    ('90000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000001', encode(sha256('old-key'), 'hex'),
     'api_keys.name', now(), now() + interval '30 days', now(), true),
    ('90000000-0000-4000-8000-000000000002', '00000000-0000-4000-8000-000000000001', encode(sha256('a lost key'), 'hex'),
     'A lost key', now(), null, null, false);
insert into message_embeddings values
    (gen_random_uuid(), 'ffffffff-0000-4000-8000-000000000001', '{1}', now());
insert into memory_embeddings values
    (gen_random_uuid(), 'e0000000-0000-4000-8000-000000000001', '{1}', now());
insert into audit_logs values
    (gen_random_uuid(), '00000000-0000-4000-8000-000000000001', 'audit_logs.action', 'document',
     'd0000000-0000-4000-8000-000000000001', now() - interval '40 days', '10.0.0.7', '{"audit_logs.details": 1}');
