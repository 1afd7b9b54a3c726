drop function claim_job(uuid, interval);
drop function queue_position(uuid);
drop view queue_order;
drop function queue_load();
drop table job_events, llm_queue, llm_jobs, messages, conversations;
drop function count_message();
