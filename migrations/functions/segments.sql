-- The inverted index over chunks, in segments of one space each (docs/retrieval.md).

-- Writes one segment of a space: the chunks `joining` that are in no segment, and the remaining chunks of the segments
-- `merged`, which it replaces. Without any chunks, no segment is written. Returns the number of added chunks. A custom
-- plan is forced: a generic plan, for any number of chunks, takes ten times as long.
create or replace function write_segment(segment_space integer, merged integer[], joining uuid[]) returns integer
    language plpgsql volatile security definer set search_path = public, pg_temp set work_mem = '64MB'
    set plan_cache_mode = force_custom_plan
    as $$
declare
    new_segment integer;
    old_numbers int4multirange;
    new_numbers int4range;
    present integer;
    joined integer;
    written integer;
    size bigint;
begin
    select coalesce(range_agg(r), '{}') into old_numbers
      from lexical_segments s, unnest(s.numbers) as r where s.id = any (merged);
    delete from lexical_segments s where s.id = any (merged);
    insert into lexical_segments (space_id, numbers, chunks) values (segment_space, '{}', 0) returning id into new_segment;
    -- Chunks are locked when the segment is written, without waiting. A chunk that another transaction is changing is
    -- left out, although its postings are written: it counts in `chunks`, so that check_segment() finds the difference.
    with retained as materialized (
        select t.number, t.weights
          from unnest(old_numbers) as r
          join chunk_terms t on t.number >= lower(r) and t.number < upper(r)
         where t.space_id = segment_space),
    added as materialized (
        select t.chunk_id, t.version, t.weights, nextval('chunk_numbers')::integer as number
          from (select c.chunk_id, c.xmin as version, c.weights
                  from unnest(joining) as j (chunk_id)
                  join chunk_terms c using (chunk_id)
                 where c.live and c.number is null and c.space_id = segment_space) t),
    stored as (
        insert into lexical_postings (segment_id, lexeme, space_id, chunks, peak, numbers, weights)
        select new_segment, p.lexeme, segment_space, count(*), max(p.weight), array_agg(p.number), array_agg(p.weight)
          from (select m.number, split_part(entry, ':', 1)::integer as lexeme, split_part(entry, ':', 2)::real as weight
                  from (select number, weights from retained union all select number, weights from added) m,
                       string_to_table(btrim(split_part(m.weights::text, '/', 1), '{}'), ',') as entry
                 where entry <> '') p
         group by p.lexeme
        returning lexical_postings.chunks),
    locked as materialized (
        select t.chunk_id, a.number
          from (select count(*) from stored) as written cross join added a
          join chunk_terms t on t.chunk_id = a.chunk_id and t.xmin = a.version
           for update of t skip locked),
    numbered as (
        update chunk_terms t set number = l.number from locked l where t.chunk_id = l.chunk_id returning 1)
    select (select count(*) from retained), (select count(*) from added), (select count(*) from numbered),
           (select sum(chunks) from stored),
           (select int4range(min(number), max(number), '[]') from added having count(*) > 0)
      into present, written, joined, size, new_numbers;
    if present + joined = 0 then
        delete from lexical_segments s where s.id = new_segment;
        return 0;
    end if;
    update lexical_segments s
       set numbers = old_numbers + coalesce(int4multirange(new_numbers), '{}'), chunks = present + written,
           postings = coalesce(size, 0)
     where s.id = new_segment;
    return joined;
end
$$;

-- Writes the chunks without a segment of the space that has the most of them, if it has `fewest` or more, and merges
-- smaller segments of that space into the new one. A segment has at most `most` chunks and, except for its last chunk,
-- `most_postings` postings (one for each lexeme of a chunk): a space that would fill n segments has about n + log(n).
-- Returns the number of added chunks; 0 when no space has enough, or when another transaction is writing segments.
create or replace function extend_segments(fewest integer, most integer, most_postings bigint default 2000000) returns integer
    language plpgsql volatile security definer set search_path = public, pg_temp set plan_cache_mode = force_custom_plan
    as $$
declare
    target_space integer;
    joining uuid[];
    size bigint;
    total bigint;
    smaller record;
    merged integer[] := '{}';
begin
    if not pg_try_advisory_xact_lock(hashtextextended('alcove.lexical_segments', 0)) then
        return 0;
    end if;
    select t.space_id into target_space
      from chunk_terms t where t.live and t.number is null
     group by t.space_id having count(*) >= fewest order by count(*) desc limit 1;
    if not found then
        return 0;
    end if;
    -- sparsevec_send() returns 12 bytes, and 8 more for each lexeme.
    select array_agg(t.chunk_id), count(*), sum(t.lexemes) into joining, size, total
      from (select c.chunk_id, c.lexemes, sum(c.lexemes) over (rows unbounded preceding) - c.lexemes as before
              from (select chunk_id, (octet_length(sparsevec_send(weights)) - 12) / 8 as lexemes
                      from chunk_terms where live and number is null and space_id = target_space limit most) c) t
     where t.before < most_postings;
    for smaller in select s.id, s.chunks, s.postings from lexical_segments s
                    where s.space_id = target_space order by s.postings, s.id loop
        exit when smaller.postings > total or total + smaller.postings > most_postings or size + smaller.chunks > most;
        merged := merged || smaller.id;
        size := size + smaller.chunks;
        total := total + smaller.postings;
    end loop;
    return write_segment(target_space, merged, joining);
end
$$;
grant execute on function extend_segments(integer, integer, bigint) to alcove_app;

-- Checks the segment whose last check is the oldest, if that is longer ago than `age`. A segment that lost chunks is
-- written again without them, so that nothing of them stays. Where there is no time for that, `anew` is false, and the
-- segment is dissolved: its chunks are in no segment then. Returns how many segments it checked: 1, or 0. Raises
-- lock_not_available when a chunk of the segment to dissolve is being changed.
create or replace function check_segment(age interval, anew boolean default true) returns integer
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    due lexical_segments;
    present bigint;
begin
    if not pg_try_advisory_xact_lock(hashtextextended('alcove.lexical_segments', 0)) then
        return 0;
    end if;
    select s.* into due from lexical_segments s where s.checked_at < now() - age order by s.checked_at limit 1 for update;
    if not found then
        return 0;
    end if;
    select count(*) into present
      from unnest(due.numbers) as r
      join chunk_terms t on t.number >= lower(r) and t.number < upper(r)
     where t.space_id = due.space_id;
    if present = due.chunks then
        update lexical_segments s set checked_at = now() where s.id = due.id;
    elsif anew then
        perform write_segment(due.space_id, array[due.id], '{}');
    else
        -- Without waiting, so that a deletion and this cannot wait for each other.
        perform from unnest(due.numbers) as r
                join chunk_terms t on t.number >= lower(r) and t.number < upper(r)
          where t.space_id = due.space_id for update of t nowait;
        update chunk_terms t set number = null
          from unnest(due.numbers) as r
         where t.number >= lower(r) and t.number < upper(r) and t.space_id = due.space_id;
        delete from lexical_segments s where s.id = due.id;
    end if;
    return 1;
end
$$;
grant execute on function check_segment(interval, boolean) to alcove_app;
