drop table bucket_sweeps, object_deletions, retention, self_healing_events cascade;
