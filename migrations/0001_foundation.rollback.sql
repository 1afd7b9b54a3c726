-- The functions belong to no numbered file; the last rollback drops those that remain. Their names are collected first,
-- because dropping a function also drops the functions that depend on it.
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
-- The extensions stay: on some servers only a superuser can drop them. The next apply finds them.
