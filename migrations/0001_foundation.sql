-- What every other migration stands on: extensions, identifiers, identity, partitions by time.

create extension if not exists vector;
create extension if not exists pg_trgm;

-- The application's role. Its password is set by the migrate function, never by a file.
do $$
begin
    if not exists (select from pg_roles where rolname = 'alcove_app') then
        create role alcove_app nologin;
    end if;
end
$$;

revoke all on schema public from public;
grant usage on schema public to alcove_app;

-- Nothing is executable by the application unless a migration grants it.
alter default privileges revoke execute on functions from public;

-- PostgreSQL 18 has uuidv7(); the production floor is 17. A version 4 UUID keeps its variant and
-- 74 random bits; its first 48 bits become the Unix time in milliseconds (RFC 9562, section 5.7).
create function uuidv7_portable() returns uuid
    language sql volatile parallel safe
    return (
        lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0')
        || '7' || substr(replace(gen_random_uuid()::text, '-', ''), 14)
    )::uuid;

do $$
begin
    if to_regprocedure('pg_catalog.uuidv7()') is null then
        create function public.uuidv7() returns uuid
            language sql volatile parallel safe return uuidv7_portable();
        grant execute on function public.uuidv7() to alcove_app;
    end if;
end
$$;
grant execute on function uuidv7_portable() to alcove_app;

-- The smallest UUIDv7 of an instant: the bounds of partitions by time, and of retention.
create function uuid_floor(instant timestamptz) returns uuid
    language sql immutable strict parallel safe
    return (lpad(to_hex((extract(epoch from instant) * 1000)::bigint), 12, '0') || '70008000000000000000')::uuid;
grant execute on function uuid_floor(timestamptz) to alcove_app;

-- Identity, set once per transaction by begin_session() or assume_user(); empty means nobody.
create function app_user_id() returns uuid
    language sql stable parallel safe
    return nullif(current_setting('app.user_id', true), '')::uuid;

create function app_is_admin() returns boolean
    language sql stable parallel safe
    return coalesce(current_setting('app.is_admin', true), '') = 'true';

-- The spaces that the caller may read, and those that it may write. Null means none, and compares as none: a coalesce
-- would hide from the planner that app_spaces() reads no row, and keep `space_id = any (app_spaces())` from an index
-- wherever there is a policy.
create function app_spaces() returns integer[]
    language sql stable parallel safe
    return nullif(current_setting('app.spaces', true), '')::integer[];

create function app_writable_spaces() returns integer[]
    language sql stable parallel safe
    return coalesce(nullif(current_setting('app.writable_spaces', true), '')::integer[], '{}');

grant execute on function app_user_id(), app_is_admin(), app_spaces(), app_writable_spaces() to alcove_app;

create function touch_updated_at() returns trigger
    language plpgsql
    as $$
begin
    new.updated_at := now();
    return new;
end
$$;

-- Row-level security, enabled and forced. The owner's own policy is what lets the few named
-- SECURITY DEFINER functions, and migrations, see rows; the application's policies follow each table.
create procedure protect(target regclass)
    language plpgsql
    as $$
begin
    execute format('alter table %s enable row level security', target);
    execute format('alter table %s force row level security', target);
    if not exists (select from pg_policy where polrelid = target and polname = 'owner') then
        execute format('create policy owner on %s to alcove_owner using (true) with check (true)', target);
    end if;
end
$$;

create function uuid_month_bounds(month date) returns table (lower_bound uuid, upper_bound uuid)
    language sql immutable strict parallel safe
    begin atomic
        select uuid_floor(month::timestamp at time zone 'UTC'),
               uuid_floor((month + interval '1 month') at time zone 'UTC');
    end;

-- Creates the partitions of this month and the coming ones for every table partitioned by a
-- UUIDv7 key. Called by migrate and by tick; returns how many were made.
create function ensure_partitions(ahead integer default 2) returns integer
    language plpgsql security definer set search_path = public, pg_temp
    as $$
declare
    parent regclass;
    month date;
    bounds record;
    partition text;
    made integer := 0;
begin
    for parent in select partrelid::regclass from pg_partitioned_table t
                  join pg_class c on c.oid = t.partrelid and c.relnamespace = 'public'::regnamespace
    loop
        for month in select generate_series(date_trunc('month', now() at time zone 'UTC'),
                                            date_trunc('month', now() at time zone 'UTC')
                                                + make_interval(months => least(ahead, 24)),
                                            interval '1 month')::date
        loop
            partition := parent || to_char(month, '_YYYY_MM');
            if to_regclass(partition) is null then
                select * into bounds from uuid_month_bounds(month);
                execute format('create table %I partition of %s for values from (%L) to (%L)',
                               partition, parent, bounds.lower_bound, bounds.upper_bound);
                call protect(partition::regclass);
                made := made + 1;
            end if;
        end loop;
    end loop;
    return made;
end
$$;
grant execute on function ensure_partitions(integer) to alcove_app;
