do $$
declare
    partition text;
begin
    for partition in select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
                      where i.inhparent = 'embeddings'::regclass loop
        execute format('create index %I on %I (space_id, model_id) where live', partition || '_space', partition);
        execute format('drop index %I', partition || '_everything');
        execute format('alter table %I alter column space_id reset (n_distinct)', partition);
    end loop;
end
$$;
create index embeddings_space on embeddings (space_id, model_id) where live;
drop index embeddings_private;
drop index embeddings_shared;

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
    execute format('create index %I on %I (space_id, model_id) where live', partition || '_space', partition);
    execute format('create index %I on %I (document_id)', partition || '_document', partition);
    -- The organisation's space is searched by index, the private ones exactly (docs/decisions.md).
    execute format('create index %I on %I using hnsw ((embedding::halfvec(%s)) halfvec_cosine_ops)
                     where space_id = 1 and live', 'embeddings_organisation_' || wanted, partition, numbers);
    call protect(partition::regclass);
    perform set_config('lock_timeout', '2s', true);
    execute format('alter table embeddings attach partition %I for values in (%s)', partition, wanted);
end
$$;
