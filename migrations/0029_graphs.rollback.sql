do $$
declare
    held text;
begin
    for held in
        select c.relname
          from pg_class c
          join pg_index i on i.indexrelid = c.oid
          join pg_inherits p on p.inhrelid = i.indrelid
          join pg_am a on a.oid = c.relam
         where p.inhparent = 'embeddings'::regclass and a.amname = 'hnsw'
    loop
        execute format('alter index %I reset (ef_construction)', held);
    end loop;
end
$$;

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
