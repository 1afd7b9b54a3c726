-- A segment that was written anew without anything added said of itself that it held every number there is, because the
-- bounds of no passages are null, and null bounds are none. When it was written anew again, it was found to hold nothing:
-- its passages were in no segment, and not ranked by their weights either, so that no search by words found them.

-- One segment of one space, out of at most `most` passages that are in none and of all that are still there of the
-- segments `merged`, which it replaces; without any there is no segment. Returns how many passages it added.
-- A plan that was kept for any `most` takes ten times as long.
create or replace function write_segment(wanted integer, merged integer[], most integer) returns integer
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

-- What is lost goes back to what is ranked by its weights; `tick` puts it into segments again.
delete from lexical_segments s where lower_inf(s.numbers) or upper_inf(s.numbers);
update chunk_terms t set number = null
 where t.number is not null
   and not exists (select from lexical_segments s where s.space_id = t.space_id and t.number <@ s.numbers);
-- compatible: constraint lexical_segments.lexical_segments_numbers_check: only write_segment writes it
alter table lexical_segments add check (not lower_inf(numbers) and not upper_inf(numbers));
