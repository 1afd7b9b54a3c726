-- Arasul, migrations 001 to 015: a table that a version lacks is left out.

-- name: users
select to_jsonb(t) as row, t.id from admin_users t

-- name: token_blacklist
select jsonb_build_object('id', t.id) as row, t.id from token_blacklist t

-- name: login_attempts
select to_jsonb(t) || jsonb_build_object('account', (select min(u.id) from admin_users u where u.username = t.username)) as row, t.id
  from login_attempts t

-- name: sessions
select to_jsonb(t) as row, t.id from active_sessions t

-- name: password_history
select to_jsonb(t) || jsonb_build_object('changer', (select min(u.id) from admin_users u where u.username = t.changed_by)) as row, t.id
  from password_history t

-- name: self_healing_events
select to_jsonb(t) as row, t.id from self_healing_events t

-- name: workflow_activity
select to_jsonb(t) as row, t.id from workflow_activity t

-- name: update_events
select to_jsonb(t) as row, t.id from update_events t

-- name: update_backups
select to_jsonb(t) as row, t.id from update_backups t

-- name: update_files
select to_jsonb(t) as row, t.id from update_files t

-- name: update_rollbacks
select to_jsonb(t) as row, t.id from update_rollbacks t

-- name: component_updates
select to_jsonb(t) as row, t.id from component_updates t

-- name: conversations
select to_jsonb(t) as row, t.id from chat_conversations t

-- name: messages
select to_jsonb(t) as row, t.id from chat_messages t

-- name: follows
select jsonb_build_object(
           'id', t.id, 'self', t.id,
           'previous', lag(t.id) over (partition by t.conversation_id, t.role = 'system'
                                       order by t.created_at, (t.role = 'assistant')::integer, t.id)) as row, t.id
  from chat_messages t

-- name: jobs
-- A job names no message: its question is the message with its prompt that is nearest in time, and so is its answer.
select to_jsonb(t) || jsonb_build_object(
           'priority', (select q.priority from llm_queue q where q.job_id = t.id order by q.id desc limit 1),
           'enqueued_at', (select q.created_at from llm_queue q where q.job_id = t.id order by q.id desc limit 1),
           'started_at', (select q.started_at from llm_queue q where q.job_id = t.id order by q.id desc limit 1),
           'question', (select m.id from chat_messages m
                         where m.conversation_id = t.conversation_id and m.role = 'user' and m.content = t.prompt
                         order by abs(extract(epoch from m.created_at - t.created_at)), m.id limit 1),
           'answer', (select m.id from chat_messages m
                       where m.conversation_id = t.conversation_id and m.role = 'assistant' and m.content = t.response
                       order by abs(extract(epoch from m.created_at - t.updated_at)), m.id limit 1)) as row, t.id
  from llm_jobs t

-- name: jobs_without_queue
select to_jsonb(t) || jsonb_build_object(
           'question', (select m.id from chat_messages m
                         where m.conversation_id = t.conversation_id and m.role = 'user' and m.content = t.prompt
                         order by abs(extract(epoch from m.created_at - t.created_at)), m.id limit 1),
           'answer', (select m.id from chat_messages m
                       where m.conversation_id = t.conversation_id and m.role = 'assistant' and m.content = t.response
                       order by abs(extract(epoch from m.created_at - t.updated_at)), m.id limit 1)) as row, t.id
  from llm_jobs t

-- name: queue
select to_jsonb(t) as row, t.id from llm_queue t

-- name: documents
select to_jsonb(t) as row, t.id from documents t

-- name: texts
select to_jsonb(t) || jsonb_build_object(
           'self', t.id,
           'chunks', (select jsonb_agg(jsonb_build_object('text', c.content) order by c.chunk_index)
                        from document_chunks c where c.document_id = t.id)) as row, t.id
  from documents t

-- name: chunks
select jsonb_build_object('id', t.id) as row, t.id from document_chunks t

-- name: telegram_config
select to_jsonb(t) as row, t.id from telegram_config t

-- name: metrics
-- What was measured at one instant is one measurement here.
select jsonb_build_object('timestamp', "timestamp", 'cpu', c.value, 'ram', r.value, 'gpu', g.value, 'temperature', h.value,
                          'used', d.used, 'free', d.free, 'percent', d.percent) as row, "timestamp"
  from metrics_cpu c
  full join metrics_ram r using ("timestamp")
  full join metrics_gpu g using ("timestamp")
  full join metrics_temperature h using ("timestamp")
  full join metrics_disk d using ("timestamp")
