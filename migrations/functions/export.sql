-- Export: every row of every table that belongs to the caller; new tables are included without a change here. The
-- functions run with the caller's rights: policies and column grants apply.

-- The tables that hold rows of users, each with the condition that makes a row the caller's.
create or replace function exported_tables() returns table (name text, condition text)
    language sql stable parallel safe
    begin atomic
        select c.relname::text,
               case when c.relname = 'users' then 'r.id = app_user_id()'
                    when bool_or(a.attname = 'user_id') then 'r.user_id = app_user_id()'
                    when bool_or(a.attname = 'owner_id') then 'r.owner_id = app_user_id()'
                    else 'r.document_id in (select d.id from documents d where d.owner_id = app_user_id())' end
          from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
         where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
           -- Vectors and lexical weights are derived from the texts, and queues contain no data of the user.
           and c.relname <> all (array['embeddings', 'chunk_terms', 'llm_queue', 'embedding_queue', 'memory_embeddings',
                                      'message_embeddings', 'message_terms', 'message_index_queue'])
           and has_any_column_privilege(c.oid, 'select')
         group by c.oid, c.relname
        having c.relname = 'users' or bool_or(a.attname in ('user_id', 'owner_id', 'document_id'));
    end;
grant execute on function exported_tables() to alcove_app;

-- Up to `amount` of the caller's rows of one table, ordered by their key, after the row with the key `after`. Columns
-- that the application cannot read, such as hashes, and binary ones, such as sealed keys, are omitted.
create or replace function export_rows(table_to_export text, after text, amount integer) returns table (key text, content jsonb)
    language plpgsql stable
    as $$
declare
    table_condition text;
    columns text;
    key_of text;
begin
    select t.condition into table_condition from exported_tables() t where t.name = table_to_export;
    if table_condition is null then
        return;
    end if;
    select string_agg(format('%L, r.%I', a.attname, a.attname), ', ' order by a.attnum) into columns
      from pg_attribute a
     where a.attrelid = to_regclass(quote_ident(table_to_export)) and a.attnum > 0 and not a.attisdropped
       and has_column_privilege(a.attrelid, a.attnum, 'select')
       and a.atttypid <> all (array['bytea', 'halfvec', 'vector', 'sparsevec']::regtype[]);
    select string_agg(format('r.%I::text', a.attname), ' || '':'' || ' order by k.place) into key_of
      from pg_index i, unnest(i.indkey) with ordinality as k (number, place)
      join pg_attribute a on a.attnum = k.number
     where i.indrelid = to_regclass(quote_ident(table_to_export)) and i.indisprimary and a.attrelid = i.indrelid;
    return query execute format(
        'select %1$s, conceal(%3$L, jsonb_build_object(%2$s)) from %3$I r where %4$s and ($1 is null or (%1$s) > $1 collate "C") '
        'order by (%1$s) collate "C" limit $2', key_of, columns, table_to_export, table_condition)
    using after, least(amount, 1000);
end
$$;
grant execute on function export_rows(text, text, integer) to alcove_app;
