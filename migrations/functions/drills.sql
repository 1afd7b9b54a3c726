-- Drills: whether a backup holds what the database held, and the record of that. The owner alone calls them.

-- Rows and a checksum of each part of each table, in the caller's snapshot. A row belongs to one of `parts` parts by its
-- hash; a part without rows has no line, and a table without rows one with the part null.
-- With `since`, a snapshot of this database or of the one that it is a copy of, a row's version counts (its xmin, which a
-- physical copy keeps), and only versions of transactions that were all over at `since`: so what was written later does
-- not matter. Of a transaction that ran then nothing counts, because a snapshot does not know the numbers of its savepoints.
create or replace function table_digests(parts integer, since pg_snapshot default null)
    returns table (table_name text, part integer, row_count bigint, checksum text)
    language plpgsql volatile
    set timezone = 'UTC' set datestyle = 'ISO' set intervalstyle = 'postgres' set extra_float_digits = 1
    set bytea_output = 'hex' set search_path = public, pg_temp
    as $$
declare
    -- Rows know their transactions by the lower 32 bits of their numbers. Those from `low` on may have ended after `since`.
    low bigint := coalesce(pg_snapshot_xmin(since)::text::bigint, 0);
    upper_end bigint := pg_snapshot_xmax(pg_current_snapshot())::text::bigint;
    counted text := '';
    version text := '';
    is_any boolean;
begin
    if since is not null then
        version := ' || '' '' || t.xmin::text';
        counted := format('where mod(t.xmin::text::bigint - mod(%1$s, 4294967296) + 4294967296, 4294967296) >= %2$s',
                          low, greatest(upper_end - low, 0));
    end if;
    for table_name in
        select c.relname from pg_class c
         where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
           and c.relpersistence = 'p'
         order by 1
    loop
        is_any := false;
        for part, row_count, checksum in execute format(
            'select (h & %s)::integer, count(*), sum(h::numeric)::text '
            'from (select hashtextextended(t::text%s, 0) as h from %I t %s) hashes group by 1 order by 1',
            parts - 1, version, table_name, counted)
        loop
            is_any := true;
            return next;
        end loop;
        if not is_any then
            part := null;
            row_count := 0;
            checksum := '0';
            return next;
        end if;
    end loop;
end
$$;

-- Records how a drill ended: in the list of backups, as a run, and when it failed as a critical event. `drill` has
-- backup_path, duration_ms, differences (sentences; none when the backup is good), notes, counts, and for a backup that
-- is not in the list yet created_at, backup_size_bytes and components.
create or replace function record_drill(drill jsonb) returns void
    language plpgsql volatile set search_path = public, pg_temp
    as $$
declare
    is_good boolean := jsonb_array_length(drill -> 'differences') = 0;
    summary text := (select string_agg(d, '; ') from jsonb_array_elements_text(drill -> 'differences') d);
begin
    update update_backups b
       set restoration_tested = is_good, restoration_tested_at = case when is_good then now() end,
           notes = left(coalesce(summary, drill ->> 'notes'), 2000)
     where b.backup_path = drill ->> 'backup_path';
    if not found and drill ? 'created_at' then
        insert into update_backups (backup_path, created_at, backup_size_bytes, components, restoration_tested,
                                    restoration_tested_at, notes)
        values (drill ->> 'backup_path', (drill ->> 'created_at')::timestamptz, (drill ->> 'backup_size_bytes')::bigint,
                drill -> 'components', is_good, case when is_good then now() end,
                left(coalesce(summary, drill ->> 'notes'), 2000));
    end if;
    insert into workflow_activity (workflow_name, status, duration_ms, counts, error)
    values ('drill', case when is_good then 'completed' else 'failed' end, (drill ->> 'duration_ms')::integer,
            coalesce(drill -> 'counts', '{}'), left(summary, 2000));
    if not is_good then
        insert into self_healing_events (event_type, severity, description, action_taken)
        values ('drill_failed', 'critical',
                left(format('The drill of the backup %s failed: %s', drill ->> 'backup_path', summary), 2000),
                'Only the scratch place was changed.');
    end if;
end
$$;
