-- Functions are no part of a numbered file: whatever is left of them goes with the last one. Their names are gathered
-- first, because dropping one takes along those that depend on it.
do $$
declare
    names text[];
    left_over text;
begin
    select array_agg(p.oid::regprocedure::text) into names
      from pg_proc p
     where p.pronamespace = 'public'::regnamespace
       and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e');
    foreach left_over in array coalesce(names, '{}') loop
        execute format('drop routine if exists %s cascade', left_over);
    end loop;
end
$$;
alter default privileges grant execute on functions to public;
-- The extensions stay: on some servers only a superuser may drop them, and the next apply finds them.
