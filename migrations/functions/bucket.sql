-- The bucket: objects to delete, and the comparison with the database.

-- Objects whose deletion is due. An object whose document exists, for example in a restored database, is not deleted.
create or replace function claim_object_deletions(amount integer) returns setof text
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        delete from object_deletions o
         where o.due_at <= now() and exists (select from documents d where d.object_key = o.object_key);
        with due as (
            select object_key from object_deletions where due_at <= now()
             order by due_at limit least(amount, 1000) for update skip locked)
        update object_deletions d set due_at = now() + interval '10 minutes'
          from due where d.object_key = due.object_key
        returning d.object_key;
    end;
grant execute on function claim_object_deletions(integer) to alcove_app;

-- For tick: when claim_object_deletions() has something to do next.
create or replace function next_object_deletion() returns timestamptz
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select min(due_at) from object_deletions;
    end;
grant execute on function next_object_deletion() to alcove_app;

create or replace function finish_object_deletions(keys text[]) returns void
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        delete from object_deletions where object_key = any (keys) and is_last;
        update object_deletions set is_last = true, due_at = now() + interval '2 hours'
         where object_key = any (keys);
    end;
grant execute on function finish_object_deletions(text[]) to alcove_app;

-- For tick: the key after which the comparison continues; null when the last one finished less than `pause` ago.
create or replace function next_sweep(pause interval) returns text
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select s.after_key from bucket_sweeps s
         where s.after_key <> '' or s.finished_at is null or s.finished_at < now() - pause;
    end;
grant execute on function next_sweep(interval) to alcove_app;

-- For tick: compares some of the bucket's objects with the documents; `versions` has the newest version of each object.
-- An object that belongs to no document and is older than `grace` is deleted after `delay`, and recorded as an event.
-- Returns the keys whose older versions can be deleted. The comparison continues after the key `reached`; '' ends it.
create or replace function sweep_objects(keys text[], versions text[], stored timestamptz[], grace interval, delay interval,
                              reached text) returns setof text
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
begin
    with found as (
        select * from unnest(keys, versions, stored) as f (object_key, version, stored_at)),
    recorded as (
        insert into object_deletions (object_key, due_at)
        select f.object_key, now() + delay from found f
         where f.stored_at < now() - grace
           and not exists (select from documents d where d.object_key = f.object_key)
        on conflict do nothing
        returning object_key)
    insert into self_healing_events (event_type, severity, description, action_taken)
    select 'object_orphaned', 'warning',
           left(format('%s objects of the bucket belong to no document, such as %s.', count(*), min(n.object_key)), 2000),
           format('They will be deleted at %s.', to_char((now() + delay) at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'))
      from recorded n having count(*) > 0;
    update bucket_sweeps set after_key = reached, finished_at = case when reached = '' then now() else finished_at end;
    return query
        select d.object_key
          from unnest(keys, versions) as f (object_key, version)
          join documents d on d.object_key = f.object_key and d.object_version = f.version and d.status = 'completed';
end
$$;
grant execute on function sweep_objects(text[], text[], timestamptz[], interval, interval, text) to alcove_app;

-- For tick: a completed document whose object is not in the bucket gets the error `object_missing` and an event, once.
-- The error is removed when the object is back. Returns how many events were written.
create or replace function record_missing_objects(missing uuid[], present uuid[]) returns bigint
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        update documents d set error_code = null, error_message = null
         where d.id = any (present) and d.error_code = 'object_missing';
        with vanished as (
            update documents d
               set error_code = 'object_missing',
                   error_message = 'The bucket no longer holds this document''s file. What was read from it still '
                                   'answers; upload it again to keep it.'
             where d.id = any (missing) and d.status = 'completed' and d.deleted_at is null
               and d.error_code is distinct from 'object_missing'
            returning d.id),
        events as (
            insert into self_healing_events (event_type, severity, description, action_taken, entity_id)
            select 'object_missing', 'critical', 'The bucket does not hold the object of a document.',
                   'The document shows this error; its chunks are still searched.', vanished.id
              from vanished returning 1)
        select count(*) from events;
    end;
grant execute on function record_missing_objects(uuid[], uuid[]) to alcove_app;
