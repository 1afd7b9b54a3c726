-- Partitions: by month for tables that grow with time, by embedding model for embeddings.

create or replace function uuid_month_bounds(month date) returns table (lower_bound uuid, upper_bound uuid)
    language sql immutable strict parallel safe
    begin atomic
        select uuid_floor(month::timestamp at time zone 'UTC'),
               uuid_floor((month + interval '1 month') at time zone 'UTC');
    end;

-- Creates the partitions of this month and the following ones for every table that is partitioned by a UUIDv7 key, or
-- of today and the coming week for a table whose comment is `partitioned by day`. Migrations and tick call it; returns
-- how many were created. Tables partitioned by a list (by model) are left out.
-- For a move from another system, the owner's role makes the partitions since `since` too, as far as rows are kept.
create or replace function ensure_partitions(ahead integer default 2, since timestamptz default now()) returns integer
    language plpgsql security definer set search_path = public, pg_temp
    as $$
declare
    parent record;
    first_day date;
    unit interval;
    partition text;
    earliest timestamptz;
    created integer := 0;
begin
    for parent in select t.partrelid::regclass as name,
                         case obj_description(c.oid, 'pg_class') when 'partitioned by day' then 'day' else 'month' end as unit
                    from pg_partitioned_table t
                    join pg_class c on c.oid = t.partrelid and c.relnamespace = 'public'::regnamespace
                   where t.partstrat = 'r'
    loop
        unit := ('1 ' || parent.unit)::interval;
        earliest := now();
        if since < now() and session_user = 'alcove_owner' then
            select greatest(since, now() - r.lifetime) into earliest from retention r where r.name = parent.name::text;
            earliest := coalesce(earliest, now());
        end if;
        for first_day in select generate_series(date_trunc(parent.unit, earliest at time zone 'UTC'),
                                                date_trunc(parent.unit, now() at time zone 'UTC')
                                                    + case parent.unit when 'day' then interval '7 days'
                                                           else make_interval(months => least(ahead, 24)) end,
                                                unit)::date
        loop
            partition := parent.name || to_char(first_day, case parent.unit when 'day' then '_YYYY_MM_DD' else '_YYYY_MM' end);
            if to_regclass(partition) is null then
                execute format('create table %I partition of %s for values from (%L) to (%L)', partition, parent.name,
                               uuid_floor(first_day::timestamp at time zone 'UTC'),
                               uuid_floor((first_day + unit) at time zone 'UTC'));
                call protect(partition::regclass);
                created := created + 1;
            end if;
        end loop;
    end loop;
    return created;
end
$$;
grant execute on function ensure_partitions(integer, timestamptz) to alcove_app;

-- For administrators: creates the partition for a model's vectors. It is created first and attached afterwards, so that
-- searches continue; attaching copies the foreign key and therefore waits briefly for transactions that store chunks.
-- Each way to search has its index: the organisation's space, a few private spaces of the caller, and many of them. A
-- vector is in one graph only, because keeping a graph up to date is most of what storing a chunk costs. The graph of
-- the private spaces says `is distinct from` where the index by space says `<>`: the planner takes them for different
-- conditions, so a search that names one cannot be served by the other. The index by space leaves out the
-- organisation's rows: the planner would prefer it, because it takes the policy's and the statement's conditions on
-- space_id for independent ones. n_distinct is set for the same reason: the number of spaces says little about how many
-- of a vector's neighbours a caller can see. With the true number, the planner expects a caller's few spaces to hold
-- almost nothing and uses no ordered index. The graphs use a larger ef_construction than pgvector's default of 64: in a
-- graph of one million vectors, with a caller who can see a third of them, the default missed one in thirty of the ten
-- nearest, at every ef_search (docs/retrieval.md).
create or replace function create_embedding_partition(partition_model smallint) returns void
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    partition constant text := 'embeddings_' || partition_model;
    numbers integer;
begin
    perform pg_advisory_xact_lock(hashtextextended('alcove.embedding_partitions', 0));
    select m.dimension into numbers from embedding_models m where m.id = partition_model and app_is_admin();
    if not found or to_regclass(partition) is not null then
        return;
    end if;
    execute format('create table %I (like embeddings including defaults,
                                     constraint %I primary key (chunk_id, model_id),
                                     constraint %I check (vector_dims(embedding) = %s))',
                   partition, partition || '_pkey', partition || '_dimension', numbers);
    execute format('alter table %I alter column space_id set (n_distinct = 40)', partition);
    execute format('create index %I on %I (space_id, model_id) where live and space_id <> 1',
                   partition || '_private', partition);
    execute format('create index %I on %I (document_id) where live and space_id = 1', partition || '_shared', partition);
    execute format('create index %I on %I (document_id)', partition || '_document', partition);
    -- The organisation's space is searched by index; private spaces are searched exactly until they are large
    -- (docs/retrieval.md).
    execute format('create index %I on %I using hnsw ((embedding::halfvec(%s)) halfvec_cosine_ops)
                     with (ef_construction = 128) where space_id = 1 and live',
                   'embeddings_organisation_' || partition_model, partition, numbers);
    execute format('create index %I on %I using hnsw ((embedding::halfvec(%s)) halfvec_cosine_ops)
                     with (ef_construction = 128) where live and space_id is distinct from 1',
                   partition || '_private_graph', partition, numbers);
    call protect(partition::regclass);
    perform set_config('lock_timeout', '2s', true);
    execute format('alter table embeddings attach partition %I for values in (%s)', partition, partition_model);
end
$$;
grant execute on function create_embedding_partition(smallint) to alcove_app;
