drop function check_segment(interval, boolean);
drop function extend_segments(integer, integer, bigint);
drop function write_segment(integer, integer[], uuid[]);
alter table lexical_segments drop column postings;

-- One segment of one space, out of at most `most` passages that are in none and of all that are still there of the
-- segments `merged`, which it replaces; without any there is no segment. Returns how many passages it added.
-- A plan that was kept for any `most` takes ten times as long.
create function write_segment(wanted integer, merged integer[], most integer) returns integer
    language plpgsql volatile security definer set search_path = public, pg_temp set work_mem = '64MB'
    set plan_cache_mode = force_custom_plan
    as $$
declare
    made integer;
    old_numbers int4multirange;
    new_numbers int4range;
    total integer;
    joined integer;
begin
    select coalesce(range_agg(r), '{}') into old_numbers
      from lexical_segments s, unnest(s.numbers) as r where s.id = any (merged);
    delete from lexical_segments s where s.id = any (merged);
    insert into lexical_segments (space_id, numbers, chunks) values (wanted, '{}', 0) returning id into made;
    -- Passages are locked when the segment is written, without waiting. One that somebody changes meanwhile keeps out.
    with kept as materialized (
        select t.number, t.weights
          from unnest(old_numbers) as r
          join chunk_terms t on t.number >= lower(r) and t.number < upper(r)
         where t.space_id = wanted),
    added as materialized (
        select t.chunk_id, t.version, t.weights, nextval('chunk_numbers')::integer as number
          from (select c.chunk_id, c.xmin as version, c.weights from chunk_terms c
                 where c.live and c.number is null and c.space_id = wanted limit most) t),
    stored as (
        insert into lexical_postings (segment_id, lexeme, space_id, chunks, peak, numbers, weights)
        select made, p.lexeme, wanted, count(*), max(p.weight), array_agg(p.number), array_agg(p.weight)
          from (select m.number, split_part(entry, ':', 1)::integer as lexeme, split_part(entry, ':', 2)::real as weight
                  from (select number, weights from kept union all select number, weights from added) m,
                       string_to_table(btrim(split_part(m.weights::text, '/', 1), '{}'), ',') as entry
                 where entry <> '') p
         group by p.lexeme
        returning 1),
    locked as materialized (
        select t.chunk_id, a.number
          from (select count(*) from stored) as written cross join added a
          join chunk_terms t on t.chunk_id = a.chunk_id and t.xmin = a.version
           for update of t skip locked),
    numbered as (
        update chunk_terms t set number = l.number from locked l where t.chunk_id = l.chunk_id returning 1)
    select (select count(*) from kept) + (select count(*) from numbered), (select count(*) from numbered),
           (select int4range(min(number), max(number), '[]') from added having count(*) > 0)
      into total, joined, new_numbers;
    if total = 0 then
        delete from lexical_segments s where s.id = made;
        return 0;
    end if;
    update lexical_segments s
       set numbers = old_numbers + coalesce(int4multirange(new_numbers), '{}'), chunks = total
     where s.id = made;
    return joined;
end
$$;

-- Puts passages into a segment in the space where the most are in none, if those are `fewest` or more, and merges smaller
-- segments of that space into it, so that a space of n passages has about n / most + log(n) segments. Returns how many
-- passages it added; 0 when no space has so many, or somebody else is at it.
create function extend_segments(fewest integer, most integer) returns integer
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    found_space integer;
    size bigint;
    smaller record;
    merged integer[] := '{}';
begin
    if not pg_try_advisory_xact_lock(hashtextextended('alcove.lexical_segments', 0)) then
        return 0;
    end if;
    select t.space_id, least(count(*), most) into found_space, size
      from chunk_terms t where t.live and t.number is null
     group by t.space_id having count(*) >= fewest order by count(*) desc limit 1;
    if not found then
        return 0;
    end if;
    for smaller in select s.id, s.chunks from lexical_segments s where s.space_id = found_space order by s.chunks, s.id loop
        exit when smaller.chunks > size or size + smaller.chunks > most;
        merged := merged || smaller.id;
        size := size + smaller.chunks;
    end loop;
    return write_segment(found_space, merged, most);
end
$$;

-- Looks at the segment that nobody looked at for longest, if that is longer ago than `age`, and writes it anew without
-- what was removed, so that nothing of it stays. Returns how many it looked at: 1, or 0.
create function check_segment(age interval) returns integer
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
    if present < due.chunks then
        perform write_segment(due.space_id, array[due.id], 0);
    else
        update lexical_segments s set checked_at = now() where s.id = due.id;
    end if;
    return 1;
end
$$;

revoke execute on function write_segment(integer, integer[], integer), extend_segments(integer, integer),
    check_segment(interval) from public;
grant execute on function extend_segments(integer, integer), check_segment(interval) to alcove_app;
