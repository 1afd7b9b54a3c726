-- Runs of scheduled and background work.

-- Stores runs: an array of rows of workflow_activity.
create or replace function record_activity(runs jsonb) returns void
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        insert into workflow_activity (workflow_name, status, duration_ms, counts, error)
        select r.workflow_name, r.status, r.duration_ms, coalesce(r.counts, '{}'), r.error
          from jsonb_populate_recordset(null::workflow_activity, runs) r;
    end;
grant execute on function record_activity(jsonb) to alcove_app;
