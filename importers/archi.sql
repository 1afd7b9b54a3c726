-- Archi 2.0, and 1.x where its tables and columns are there: a column that a version lacks is missing in the JSON.

-- name: users
select to_jsonb(t) as row, t.id from users t

-- name: users_with_keys
-- With the encryption key of the source, its pgcrypto opens the users' own keys.
select to_jsonb(t) || jsonb_build_object(
           'opened_openrouter', pgp_sym_decrypt(t.api_key_openrouter, current_setting('moving.key')),
           'opened_openai', pgp_sym_decrypt(t.api_key_openai, current_setting('moving.key')),
           'opened_anthropic', pgp_sym_decrypt(t.api_key_anthropic, current_setting('moving.key'))) as row, t.id
  from users t

-- name: clients
-- Who wrote without an account: one for each client, and one for the conversations of deleted users.
select jsonb_build_object('client_id', coalesce(t.client_id, ''), 'created_at', min(t.created_at)) as row,
       coalesce(t.client_id, '') as client_id
  from conversation_metadata t where t.user_id is null group by coalesce(t.client_id, '')

-- name: sessions
select to_jsonb(t) as row, t.id from sessions t

-- name: documents
select to_jsonb(t) as row, t.id from documents t

-- name: texts
select to_jsonb(t) || jsonb_build_object(
           'chunks', (select jsonb_agg(jsonb_build_object('text', c.chunk_text, 'start', c.start_char) order by c.chunk_index)
                        from document_chunks c where c.document_id = t.id)) as row, t.id
  from documents t

-- name: selection
select to_jsonb(t) as row, t.user_id, t.document_id from user_document_defaults t

-- name: conversations
select to_jsonb(t) as row, t.conversation_id from conversation_metadata t

-- name: overrides
select to_jsonb(t) as row, t.conversation_id, t.document_id from conversation_document_overrides t

-- name: messages
select to_jsonb(t) as row, t.message_id from conversations t

-- name: follows
-- The two answers of a comparison both follow its question; every other message follows the one before it.
select jsonb_build_object(
           'message_id', t.message_id, 'self', t.message_id,
           'previous', coalesce((select a.user_prompt_mid from ab_comparisons a
                                  where t.message_id in (a.response_a_mid, a.response_b_mid) limit 1),
                                lag(t.message_id) over (partition by t.conversation_id order by t.ts, t.message_id))) as row,
       t.conversation_id, t.ts, t.message_id
  from conversations t

-- name: follows_before_comparisons
select jsonb_build_object(
           'message_id', t.message_id, 'self', t.message_id,
           'previous', lag(t.message_id) over (partition by t.conversation_id order by t.ts, t.message_id)) as row,
       t.conversation_id, t.ts, t.message_id
  from conversations t

-- name: feedback
-- The newest like or dislike of an answer counts, as it did there.
select to_jsonb(t) || jsonb_build_object(
           'is_older', t.feedback <> 'comment'
                       and exists (select from feedback n where n.mid = t.mid and n.feedback <> 'comment'
                                                            and n.feedback_ts > t.feedback_ts)) as row, t.mid, t.feedback_ts
  from feedback t

-- name: timing
select to_jsonb(t) || jsonb_build_object('question_key', coalesce(
           (select q.message_id from conversations a join conversations q on q.conversation_id = a.conversation_id
             where a.message_id = t.mid and lower(q.sender) = 'user' and (q.ts, q.message_id) < (a.ts, a.message_id)
             order by q.ts desc, q.message_id desc limit 1), t.mid)) as row, t.mid
  from timing t

-- name: traces
select to_jsonb(t) || jsonb_build_object('question_key', coalesce(t.user_message_id,
           (select q.message_id from conversations a join conversations q on q.conversation_id = a.conversation_id
             where a.message_id = t.message_id and lower(q.sender) = 'user' and (q.ts, q.message_id) < (a.ts, a.message_id)
             order by q.ts desc, q.message_id desc limit 1))) as row, t.trace_id
  from agent_traces t

-- name: tool_calls
select to_jsonb(t) || jsonb_build_object(
           'trace_id', (select r.trace_id from agent_traces r where r.message_id = t.message_id order by r.started_at desc limit 1),
           'is_again', exists (select from agent_tool_calls e where e.message_id = t.message_id
                                                              and e.step_number = t.step_number and e.id < t.id)) as row, t.id
  from agent_tool_calls t

-- name: comparisons
select to_jsonb(t) as row, t.comparison_id from ab_comparisons t

-- name: static_config
select to_jsonb(t) as row, t.id from static_config t

-- name: dynamic_config
select to_jsonb(t) as row, t.id from dynamic_config t

-- name: config_audit
select to_jsonb(t) as row, t.id from config_audit t

-- name: migration_state
select jsonb_build_object('place', t.ctid::text) as row, t.ctid::text as place from migration_state t

-- name: configs
select to_jsonb(t) as row, t.config_id from configs t

-- name: chunks
select jsonb_build_object('id', t.id) as row, t.id from document_chunks t
