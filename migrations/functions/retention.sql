-- Retention: how long rows stay, and their deletion by tick.

-- How long rows of this kind are kept. Every caller may read this; the table itself is for administrators.
create or replace function retention_period(kind text) returns interval
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select r.lifetime from retention r where r.name = kind;
    end;
grant execute on function retention_period(text) to alcove_app;

-- Drops partitions whose last row has expired; returns how many. The wait for a lock ends after two seconds; tick tries
-- again a minute later. The time zone is UTC, because a day has 24 hours only without summer time.
create or replace function drop_expired_partitions() returns integer
    language plpgsql volatile security definer
    set search_path = public, pg_temp set lock_timeout = '2s' set timezone = 'UTC'
    as $$
declare
    expired record;
    dropped integer := 0;
begin
    for expired in
        select c.relname as partition
          from retention r
          join pg_inherits i on i.inhparent = to_regclass(r.name)
          join pg_class c on c.oid = i.inhrelid
         where case when c.relname ~ '_\d{4}_\d{2}_\d{2}$' then to_date(right(c.relname, 10), 'YYYY_MM_DD') + interval '1 day'
                    when c.relname ~ '_\d{4}_\d{2}$' then to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month'
               end < (now() - r.lifetime) at time zone 'UTC'
         order by 1
    loop
        execute format('drop table %I', expired.partition);
        dropped := dropped + 1;
    end loop;
    return dropped;
end
$$;
grant execute on function drop_expired_partitions() to alcove_app;

-- Deletes conversations that can no longer be restored, with their contents, up to 500 at a time; and old events of
-- self-healing, runs, hosts, dead letters and alerts. Returns the number of rows.
create or replace function purge_expired() returns bigint
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        with deleted_conversations as (
            delete from conversations c using retention r
             where r.name = 'conversations' and c.deleted_at < now() - r.lifetime
               and c.id in (select d.id from conversations d where d.deleted_at is not null order by d.deleted_at limit 500)
            returning 1),
        deleted_events as (
            delete from self_healing_events e using retention r
             where r.name = 'self_healing_events' and e.created_at < now() - r.lifetime
            returning 1),
        deleted_activity as (
            delete from workflow_activity w using retention r
             where r.name = 'workflow_activity' and w.created_at < now() - r.lifetime
            returning 1),
        deleted_hosts as (
            delete from hosts h using retention r
             where r.name = 'hosts' and h.last_seen_at < now() - r.lifetime
            returning 1),
        deleted_letters as (
            delete from dead_letters l using retention r
             where r.name = 'dead_letters' and l.redriven_at < now() - r.lifetime
            returning 1),
        deleted_alerts as (
            delete from alerts a using retention r
             where r.name = 'alerts' and a.created_at < now() - r.lifetime
            returning 1),
        deleted_subjects as (
            delete from alert_subjects s using retention r
             where r.name = 'alerts' and s.changed_at < now() - r.lifetime
            returning 1)
        select (select count(*) from deleted_conversations) + (select count(*) from deleted_events)
               + (select count(*) from deleted_activity) + (select count(*) from deleted_hosts)
               + (select count(*) from deleted_letters) + (select count(*) from deleted_alerts)
               + (select count(*) from deleted_subjects);
    end;
grant execute on function purge_expired() to alcove_app;

-- For tick: deletes documents that were deleted more than `age` ago, the oldest first, until about `amount` chunks are
-- deleted, and records their objects for deletion. Returns the number of rows. A document that is restored at the same
-- moment stays.
create or replace function purge_documents(age interval, amount bigint) returns bigint
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    chosen uuid[];
    purged bigint;
begin
    select coalesce(array_agg(d.id), '{}') into chosen
      from (select o.id, sum(1 + o.chunk_count) over (order by o.deleted_at, o.id) - o.chunk_count as before
              from (select id, deleted_at, chunk_count from documents
                     where deleted_at < now() - age order by deleted_at, id limit 500) o) d
     where d.before <= amount;
    -- A document that became a copy while its original was being deleted stays: it is ingested again on its own.
    update documents d set duplicate_of = null, content_sha256 = null, status = 'pending', object_version = null
     where d.duplicate_of = any (chosen) and d.deleted_at is null;
    with deleted as (
        delete from documents d
         where (d.id = any (chosen) or d.duplicate_of = any (chosen)) and d.deleted_at < now() - age
        returning d.object_key),
    recorded as (
        insert into object_deletions (object_key) select object_key from deleted on conflict do nothing)
    select count(*) into purged from deleted;
    return purged;
end
$$;
grant execute on function purge_documents(interval, bigint) to alcove_app;

-- Deletes full rate limit buckets, old ended sessions, devices that were not used for long, and yesterday's counts of
-- failed logins by address; returns the number of rows.
create or replace function forget_old_accounts_data() returns bigint
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        with full_buckets as (
            delete from rate_limit_buckets where full_at < now() returning 1),
        ended as (
            select id from sessions
             where least(revoked_at, expires_at) < now() - (select retention_period('sessions')) limit 10000),
        deleted as (
            delete from sessions s using ended where s.id = ended.id returning 1),
        sources as (
            delete from login_sources
             where last_used_at < now() - case when is_device then (select retention_period('known_devices'))
                                               else interval '1 day' end
            returning 1)
        select (select count(*) from full_buckets) + (select count(*) from deleted) + (select count(*) from sources);
    end;
grant execute on function forget_old_accounts_data() to alcove_app;

-- Deletes old idempotency keys; returns the number of rows.
create or replace function forget_idempotency_keys() returns bigint
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        with deleted as (
            delete from idempotency_keys
             where created_at < now() - (select retention_period('idempotency_keys')) returning 1)
        select count(*) from deleted;
    end;
grant execute on function forget_idempotency_keys() to alcove_app;
