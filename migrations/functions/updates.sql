-- Updates of the service.

-- For tick: updates that go on for longer than `longest` were interrupted: they become failed, with a critical event.
-- Returns how many.
create or replace function fail_interrupted_updates(longest interval) returns bigint
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        with interrupted as (
            update update_events u
               set status = 'failed', completed_at = now(), error_message = 'The update was interrupted.'
             where u.status in ('pending', 'in_progress') and u.started_at < now() - longest
            returning u.id, u.version_to),
        events as (
            insert into self_healing_events (event_type, severity, description, action_taken, entity_id)
            select 'update_interrupted', 'critical', format('The update to version %s was interrupted.', i.version_to),
                   'It is recorded as failed. The stack serves the former version or the new one.', i.id
              from interrupted i returning 1)
        select count(*) from events;
    end;
grant execute on function fail_interrupted_updates(interval) to alcove_app;
