-- The knowledge core.

-- name: users
select to_jsonb(t) as row, t.user_id from users t

-- name: documents
select to_jsonb(t) - 'content' as row, t.document_id from documents t

-- name: texts
select to_jsonb(t) || jsonb_build_object(
           'self', t.document_id,
           'chunks', (select jsonb_agg(jsonb_build_object('text', c.chunk_text) order by c.chunk_index)
                        from document_embeddings c where c.document_id = t.document_id and t.content is null)) as row,
       t.document_id
  from documents t

-- name: repositories
select to_jsonb(t) as row, t.repo_id from repositories t

-- name: repo_documents
select to_jsonb(t) || jsonb_build_object('title', d.title) as row, t.repo_id, t.document_id
  from repo_documents t join documents d on d.document_id = t.document_id

-- name: conversations
select to_jsonb(t) as row, t.session_id from chat_sessions t

-- name: messages
select to_jsonb(t) as row, t.message_id from messages t

-- name: follows
select jsonb_build_object('message_id', t.message_id, 'self', t.message_id, 'previous', coalesce(
           t.parent_message_id,
           -- A conversation in which no message names its parent is a plain sequence.
           case when not exists (select from messages p where p.session_id = t.session_id and p.parent_message_id is not null)
                then lag(t.message_id) over (partition by t.session_id
                                             order by t.created_at, (t.role <> 'user')::integer, t.message_id) end)) as row,
       t.message_id
  from messages t

-- name: memories
select to_jsonb(t) as row, t.memory_id from memory_items t

-- name: tags
select to_jsonb(t) as row, t.tag_id from tags t

-- name: entity_tags
select to_jsonb(t) as row, t.tag_id, t.entity_type, t.entity_id from entity_tags t

-- name: api_keys
select to_jsonb(t) as row, t.key_id from api_keys t

-- name: audit_logs
select to_jsonb(t) as row, t.log_id from audit_logs t

-- name: document_embeddings
select jsonb_build_object('embedding_id', t.embedding_id) as row, t.embedding_id from document_embeddings t

-- name: message_embeddings
select jsonb_build_object('embedding_id', t.embedding_id) as row, t.embedding_id from message_embeddings t

-- name: memory_embeddings
select jsonb_build_object('embedding_id', t.embedding_id) as row, t.embedding_id from memory_embeddings t
