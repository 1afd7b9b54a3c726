drop table moved_rows, migration_state;
drop table announcements;
drop trigger notify_webhooks on documents;
drop trigger notify_webhooks on connectors;
drop trigger notify_webhooks on llm_jobs;
drop trigger notify_webhooks on usage;
drop table webhook_deliveries, webhooks, bucket_sweeps, inbox_objects, object_deletions, retention, self_healing_events,
           hosts, host_metrics, workflow_activity,
           dead_letters, telegram_config, alert_subjects, alert_deliveries, alerts, update_rollbacks, update_files,
           update_backups, component_updates, update_events cascade;
