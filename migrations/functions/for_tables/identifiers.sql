-- Identifiers: UUID version 7 (RFC 9562), ordered by the time of their creation.

-- PostgreSQL 18 has uuidv7(); production starts at version 17. A version 4 UUID keeps its variant and 62 random bits.
-- The first 48 bits become the Unix time in milliseconds, and the 12 bits after the version the fraction of the
-- millisecond (RFC 9562, sections 5.7 and 6.2, method 3), as in PostgreSQL 18. Each call waits for the clock's next
-- microsecond, so that ids of one backend are distinct and in order. The wait is bounded, for a clock that stands still
-- in a test.
create or replace function uuidv7_portable() returns uuid
    language plpgsql volatile parallel safe
    as $$
declare
    called_at constant timestamptz := clock_timestamp();
    instant timestamptz;
    microseconds bigint;
begin
    for attempt in 1..10000 loop
        instant := clock_timestamp();
        exit when instant > called_at;
    end loop;
    microseconds := (extract(epoch from instant) * 1000000)::bigint;
    return (lpad(to_hex(microseconds / 1000), 12, '0')
            || '7' || lpad(to_hex(microseconds % 1000 * 4096 / 1000), 3, '0')
            || substr(replace(gen_random_uuid()::text, '-', ''), 17))::uuid;
end
$$;
grant execute on function uuidv7_portable() to alcove_app;

do $$
begin
    if to_regprocedure('pg_catalog.uuidv7()') is null then
        create or replace function public.uuidv7() returns uuid
            language sql volatile parallel safe return uuidv7_portable();
        grant execute on function public.uuidv7() to alcove_app;
    end if;
end
$$;

-- The smallest UUIDv7 of an instant, for the bounds of time partitions and for retention.
create or replace function uuid_floor(instant timestamptz) returns uuid
    language sql immutable strict parallel safe
    return (lpad(to_hex(floor(extract(epoch from instant) * 1000)::bigint), 12, '0') || '70008000000000000000')::uuid;
grant execute on function uuid_floor(timestamptz) to alcove_app;
