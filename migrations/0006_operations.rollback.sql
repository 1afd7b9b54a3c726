drop function forget_idempotency_keys();
drop function expire_uploads(uuid[]);
drop function note_restarted_documents(uuid[]);
drop function find_documents_to_verify(interval);
drop function wake_lost_jobs(interval);
drop table self_healing_events;
