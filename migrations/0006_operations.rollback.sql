drop function forget_idempotency_keys();
drop function expire_uploads(uuid[]);
drop function find_stuck_documents(interval);
drop function wake_lost_jobs(interval);
drop table self_healing_events;
