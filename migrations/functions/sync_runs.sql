-- Runs of connectors: queued by people and by tick, claimed by workers, ended with what happens to the connector.

-- Queues a run of a connector that the caller may write, unless one is open: then this one. Null for a connector that is
-- not the caller's to run. `allow_all` lets the run remove any number of documents.
create or replace function queue_sync(target uuid, allow_all boolean) returns uuid
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    run uuid;
begin
    perform from connectors c
      where c.id = target and c.status <> 'disabled' and c.space_id = any (app_writable_spaces()) for no key update;
    if not found then
        return null;
    end if;
    update sync_runs r set allow_removals = r.allow_removals or allow_all
     where r.connector_id = target and r.status in ('pending', 'running')
    returning r.id into run;
    if run is null then
        insert into sync_runs (connector_id, started_by, user_id, allow_removals)
        values (target, 'user', app_user_id(), allow_all) returning id into run;
        update connectors c set status = 'syncing' where c.id = target;
    end if;
    return run;
end
$$;
grant execute on function queue_sync(uuid, boolean) to alcove_app;

-- For tick: queues the runs that are due, and returns the runs that no worker works on and whose wake-up is due: new
-- ones, those whose worker died, those that waited for their source, and those whose wake-up was lost.
create or replace function wake_due_syncs(amount integer, grace interval) returns setof uuid
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
begin
    with due as (
        select c.id from connectors c
         where c.next_run_at <= now() and c.status <> 'disabled'
           and not exists (select from sync_runs r where r.connector_id = c.id and r.status in ('pending', 'running'))
         order by c.next_run_at limit amount for no key update skip locked),
    started as (
        update connectors c set status = 'syncing' from due where c.id = due.id returning c.id)
    insert into sync_runs (connector_id, started_by, woken_at) select s.id, 'schedule', 'epoch' from started s
    on conflict do nothing;
    return query
    with waiting as (
        select r.id, r.leased_until is not null as lapsed from sync_runs r
         where r.status in ('pending', 'running') and r.available_at <= now()
           and (r.leased_until is null or r.leased_until <= now()) and r.woken_at < now() - grace
         order by r.available_at limit amount for no key update skip locked),
    events as (
        insert into self_healing_events (event_type, severity, description, action_taken, entity_id)
        select 'sync_lapsed', 'warning', 'A sync run''s worker stopped without finishing a page.',
               'The run continues from its last page.', w.id
          from waiting w where w.lapsed)
        update sync_runs r set woken_at = now(), leased_until = null, lease_token = null
          from waiting w where r.id = w.id returning r.id;
end
$$;
grant execute on function wake_due_syncs(integer, interval) to alcove_app;

-- For tick: when the next run is due, or the next one that waits or whose worker died is to be woken; null for none.
create or replace function next_sync_due(grace interval) returns timestamptz
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select least(
            (select min(c.next_run_at) from connectors c
              where c.status <> 'disabled'
                and not exists (select from sync_runs r
                                 where r.connector_id = c.id and r.status in ('pending', 'running'))),
            (select min(greatest(r.available_at, r.leased_until, r.woken_at + grace)) from sync_runs r
              where r.status in ('pending', 'running')));
    end;
grant execute on function next_sync_due(interval) to alcove_app;

-- Before identity exists: gives a waiting run to a worker. No row when another worker has it, when it has ended, or when
-- its time has not come. A run whose connector's owner can no longer write to the space, and one whose workers ended
-- five times without finishing a page, ends here.
create or replace function claim_sync(requested uuid, token uuid, lease interval)
    returns table (run_id uuid, connector_id uuid, owner_id uuid)
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    run sync_runs;
    owner uuid;
    space integer;
begin
    select r.* into run from sync_runs r
     where r.id = requested and r.status in ('pending', 'running') and r.available_at <= now()
       and (r.leased_until is null or r.leased_until <= now())
       for no key update;
    if not found then
        return;
    end if;
    update sync_runs r set lease_token = token, leased_until = now() + lease, attempts = r.attempts + 1,
                           status = 'running', started_at = coalesce(r.started_at, now())
     where r.id = run.id;
    select c.owner_id, c.space_id into owner, space from connectors c where c.id = run.connector_id;
    if owner is null or not may_write(owner, space) then
        perform end_sync(run.id, token, 'failed', 'connector_owner_left',
                         'The user who connected this source is gone or can no longer write to its space. A person who '
                         'can takes the connector over.', null, null);
        return;
    end if;
    if run.attempts >= 5 then
        perform end_sync(run.id, token, 'failed', 'sync_gave_up',
                         'Five workers in succession ended without finishing a page of this source.', null, null);
        return;
    end if;
    return query select run.id, run.connector_id, owner;
end
$$;
grant execute on function claim_sync(uuid, uuid, interval) to alcove_app;

-- Ends a run that this worker holds, and sets when the connector runs next. After a failure it waits longer each time, a
-- day at most, and at least for `pause`; after `stopped` it waits for a person. A run that did not complete leaves an
-- event, which goes out with alerts: only the organisation's own connectors are named there, with the source's sentence.
-- `new_state` is where the next run begins; null leaves it as it is. Returns whether the worker held the run.
create or replace function end_sync(run uuid, token uuid, outcome text, code text, message text, pause interval,
                                    new_state jsonb) returns boolean
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    target uuid;
begin
    update sync_runs r
       set status = outcome, error_code = code, error_message = left(message, 2000), finished_at = now(),
           lease_token = null, leased_until = null, cursor = null
     where r.id = run and r.lease_token = token
    returning r.connector_id into target;
    if target is null then
        return false;
    end if;
    update connectors c
       set status = case when c.status = 'disabled' then c.status when outcome = 'completed' then 'active'
                         when outcome = 'cancelled' then 'active' else 'error' end,
           error_code = code, error_message = left(message, 2000),
           failures = case when outcome = 'failed' then c.failures + 1 else 0 end,
           state = coalesce(new_state, c.state),
           last_sync_at = case when outcome = 'completed' then now() else c.last_sync_at end,
           next_run_at = case when c.refresh_minutes is null or outcome = 'stopped' then null
                              when outcome = 'failed' then now() + greatest(pause, least(interval '1 day', greatest(
                                   make_interval(mins => c.refresh_minutes),
                                   interval '5 minutes' * 2 ^ least(c.failures, 10))))
                              else now() + make_interval(mins => c.refresh_minutes) end
     where c.id = target;
    if outcome in ('failed', 'stopped') then
        insert into self_healing_events (event_type, severity, description, action_taken, entity_id)
        select 'connector_error', 'critical',
               case when s.kind = 'org' then left(format('The connector %s (%s) cannot sync: %s', c.name, c.type, message), 2000)
                    else format('A connector of type %s cannot sync: %s.', c.type, code) end,
               case when c.next_run_at is null then 'Its documents stay. It waits for a person.'
                    else format('Its documents stay. It tries again at %s.',
                                to_char(c.next_run_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"')) end, c.id
          from connectors c join spaces s on s.id = c.space_id where c.id = target and c.failures <= 1;
    end if;
    return true;
end
$$;
grant execute on function end_sync(uuid, uuid, text, text, text, interval, jsonb) to alcove_app;

-- For tick: deletes ended runs that are older than retention says; returns how many.
create or replace function forget_sync_runs() returns bigint
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        with deleted as (
            delete from sync_runs where finished_at < now() - (select retention_period('sync_runs')) returning 1)
        select count(*) from deleted;
    end;
grant execute on function forget_sync_runs() to alcove_app;

-- Cancels the open run of a connector that the caller may write; its worker finds that it no longer holds the run.
create or replace function cancel_syncs(target uuid) returns void
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        update sync_runs r set status = 'cancelled', finished_at = now(), lease_token = null, leased_until = null
          from connectors c
         where r.connector_id = target and c.id = target and c.space_id = any (app_writable_spaces())
           and r.status in ('pending', 'running');
    end;
grant execute on function cancel_syncs(uuid) to alcove_app;

-- For tick: consents to give back and to forget: of connectors that were deleted, and of those that hold the consent of
-- somebody who no longer owns them, or whose account is to be erased.
create or replace function left_consents(amount integer)
    returns table (connector_id uuid, type text, settings jsonb, mirrors_readers boolean, allow_private_addresses boolean,
                   ciphertext bytea, wrapped_key bytea, master_key text)
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        delete from ended_consents e where e.ended_at < now() - (select retention_period('ended_consents'));
        select l.* from (
            select e.connector_id, e.type, e.settings, e.mirrors_readers, e.allow_private_addresses, e.ciphertext,
                   e.wrapped_key, e.master_key
              from ended_consents e
            union all
            select c.id, c.type, c.settings, c.mirrors_readers, c.allow_private_addresses, c.ciphertext, c.wrapped_key,
                   c.master_key
              from connectors c left join users u on u.id = c.owner_id
             where c.ciphertext is not null and (c.ends_consent or u.id is null or u.delete_after is not null)) l
         order by random() limit amount; -- one whose provider does not answer keeps no other waiting
    end;
grant execute on function left_consents(integer) to alcove_app;

-- For tick: forgets such credentials, unless others took their place meanwhile. Returns whether it did.
create or replace function forget_consent(target uuid, former bytea) returns boolean
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
begin
    delete from ended_consents e where e.connector_id = target and e.ciphertext = former;
    if found then
        return true;
    end if;
    update connectors c set ciphertext = null, wrapped_key = null, master_key = null, ends_consent = false
      where c.id = target and c.ciphertext = former
        and (c.ends_consent or not exists (select from users u where u.id = c.owner_id and u.delete_after is null));
    return found;
end
$$;
grant execute on function forget_consent(uuid, bytea) to alcove_app;
