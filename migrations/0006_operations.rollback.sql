drop trigger notify_webhooks on documents;
drop trigger notify_webhooks on llm_jobs;
drop trigger notify_webhooks on usage;
drop table webhook_deliveries, webhooks, bucket_sweeps, inbox_objects, object_deletions, retention, self_healing_events cascade;
