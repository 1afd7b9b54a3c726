-- Export: every row of every table that belongs to the caller; new tables are included without a change here. And what is
-- the organisation's, for an administrator. The functions run with the caller's rights: policies and column grants apply.

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

-- Up to `amount` rows of a table that meet the condition, ordered by their key, after the row with the key `after`. Columns
-- that the application cannot read, such as hashes, and binary ones, such as sealed keys, are omitted.
create or replace function page_of_rows(table_to_export text, condition text, omitted text[], after text, amount integer)
    returns table (key text, content jsonb)
    language plpgsql stable
    as $$
declare
    columns text;
    key_of text;
    key_column text;
    behind text;
begin
    select string_agg(format('%L, r.%I', a.attname, a.attname), ', ' order by a.attnum) into columns
      from pg_attribute a
     where a.attrelid = to_regclass(quote_ident(table_to_export)) and a.attnum > 0 and not a.attisdropped
       and has_column_privilege(a.attrelid, a.attnum, 'select') and a.attname <> all (omitted)
       and a.atttypid <> all (array['bytea', 'halfvec', 'vector', 'sparsevec']::regtype[]);
    select string_agg(format('r.%I::text', a.attname), ' || '':'' || ' order by k.place),
           case when count(*) = 1 and every(a.atttypid = 'uuid'::regtype) then min(format('r.%I', a.attname)) end
      into key_of, key_column
      from pg_index i, unnest(i.indkey) with ordinality as k (number, place)
      join pg_attribute a on a.attnum = k.number
     where i.indrelid = to_regclass(quote_ident(table_to_export)) and i.indisprimary and a.attrelid = i.indrelid;
    -- UUIDs have the order of their texts, and an index.
    if key_column is not null and not pg_input_is_valid(coalesce(after, gen_random_uuid()::text), 'uuid') then
        return;
    end if;
    behind := case when after is null then 'true'
                   when key_column is null then format('(%s) > $1 collate "C"', key_of)
                   else format('%s > $1::uuid', key_column) end;
    return query execute format(
        'select %1$s, conceal(%3$L, jsonb_build_object(%2$s)) from %3$I r where %4$s and %5$s order by %6$s limit $2',
        key_of, columns, table_to_export, condition, behind, coalesce(key_column, format('(%s) collate "C"', key_of)))
    using after, least(amount, 1000);
end
$$;
grant execute on function page_of_rows(text, text, text[], text, integer) to alcove_app;

-- The tables that hold what is the organisation's: accounts, groups, settings, and what everybody in it reads. `omitted`
-- are columns that only the account itself sees. Nothing for anybody but an administrator.
create or replace function organisation_tables() returns table (name text, condition text, omitted text[])
    language sql stable parallel safe
    begin atomic
        select t.name, t.condition, t.omitted
          from (values
                ('ab_pool', 'true', '{}'::text[]),
                ('announcements', 'true', '{}'),
                ('assistants', 'true', '{}'),
                ('budgets', 'true', '{}'),
                ('config_audit', 'r.config_type <> ''user_pref''', '{}'),
                ('connector_items', 'r.space_id = 1', '{}'),
                ('connectors', 'r.space_id = 1', '{}'),
                ('document_texts', 'r.space_id = 1', '{}'),
                ('document_versions', 'r.space_id = 1', '{}'),
                ('documents', 'r.space_id = 1', '{}'),
                ('dynamic_config', 'true', '{}'),
                ('embedding_models', 'true', '{}'),
                ('entity_tags', 'r.owner_id is null and r.space_id = 1', '{}'),
                ('groups', 'true', '{}'),
                ('llms', 'true', '{}'),
                ('memberships', 'true', '{}'),
                ('prompt_versions', 'true', '{}'),
                ('prompts', 'true', '{}'),
                ('repo_documents', 'r.space_id = 1 and r.readers_space_id is null', '{}'),
                ('repositories', 'r.space_id = 1', '{}'),
                ('rerankers', 'true', '{}'),
                ('static_config', 'true', '{}'),
                ('sync_runs', 'r.connector_id in (select c.id from connectors c where c.space_id = 1)', '{}'),
                ('tags', 'r.owner_id is null', '{}'),
                ('telegram_config', 'true', '{}'),
                ('users', 'true', '{preferences}')) t (name, condition, omitted)
         where app_is_admin();
    end;
grant execute on function organisation_tables() to alcove_app;

-- Up to `amount` of the caller's rows of one table, ordered by their key, after the row with the key `after`.
create or replace function export_rows(table_to_export text, after text, amount integer) returns table (key text, content jsonb)
    language sql stable
    begin atomic
        select p.key, p.content
          from exported_tables() t, page_of_rows(t.name, t.condition, '{}', after, amount) p
         where t.name = table_to_export;
    end;
grant execute on function export_rows(text, text, integer) to alcove_app;

-- The same of the organisation's rows.
create or replace function export_organisation_rows(table_to_export text, after text, amount integer)
    returns table (key text, content jsonb)
    language sql stable
    begin atomic
        select p.key, p.content
          from organisation_tables() t, page_of_rows(t.name, t.condition, t.omitted, after, amount) p
         where t.name = table_to_export;
    end;
grant execute on function export_organisation_rows(text, text, integer) to alcove_app;
