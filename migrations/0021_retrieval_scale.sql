-- Vectors of many spaces: the organisation's, what one sees of few private ones, and what one sees of many, each by the
-- index that serves it.

-- While the organisation's rows stand in an index by space, the planner prefers that one, since it takes every condition
-- on space_id, the policy's and the statement's, for independent of the others. So they do not.
do $$
declare
    partition text;
    numbers integer;
begin
    for partition, numbers in
        select c.relname, m.dimension
          from pg_inherits i join pg_class c on c.oid = i.inhrelid
          join embedding_models m on c.relname = 'embeddings_' || m.id
         where i.inhparent = 'embeddings'::regclass
    loop
        execute format('create index %I on %I (space_id, model_id) where live and space_id <> 1',
                       partition || '_private', partition);
        execute format('create index %I on %I (document_id) where live and space_id = 1', partition || '_shared', partition);
        execute format('create index %I on %I using hnsw ((embedding::halfvec(%s)) halfvec_cosine_ops) where live',
                       partition || '_everything', partition, numbers);
        -- How many spaces there are says little about how many of a row's neighbours one may see: a caller's few spaces
        -- would seem to hold next to nothing, and no ordered index would seem worth its while.
        execute format('alter table %I alter column space_id set (n_distinct = 40)', partition);
        execute format('analyze %I', partition);
    end loop;
end
$$;
create index embeddings_private on embeddings (space_id, model_id) where live and space_id <> 1;
create index embeddings_shared on embeddings (document_id) where live and space_id = 1;
drop index embeddings_space;

create or replace function create_embedding_partition(wanted smallint) returns void
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    partition constant text := 'embeddings_' || wanted;
    numbers integer;
begin
    perform pg_advisory_xact_lock(hashtextextended('alcove.embedding_partitions', 0));
    select m.dimension into numbers from embedding_models m where m.id = wanted and app_is_admin();
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
    -- The organisation's space is searched by index, the private ones exactly until they hold much (docs/retrieval.md).
    execute format('create index %I on %I using hnsw ((embedding::halfvec(%s)) halfvec_cosine_ops)
                     where space_id = 1 and live', 'embeddings_organisation_' || wanted, partition, numbers);
    execute format('create index %I on %I using hnsw ((embedding::halfvec(%s)) halfvec_cosine_ops) where live',
                   partition || '_everything', partition, numbers);
    call protect(partition::regclass);
    perform set_config('lock_timeout', '2s', true);
    execute format('alter table embeddings attach partition %I for values in (%s)', partition, wanted);
end
$$;
