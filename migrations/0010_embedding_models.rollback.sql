-- The version before knows one model only, so its vectors must be whole: those of another would be lost.
do $$
begin
    if not exists (select from embedding_models where id = 1 and status = 'active') then
        raise exception 'Activate the built-in model all-minilm-l6-v2 (id 1) first: the version before knows no other.';
    end if;
end
$$;

drop function drop_retired_embeddings(interval);
drop function wake_embedding_models();
drop function embedding_progress(smallint);
drop function delete_embedding_model(smallint);
drop function cancel_embedding_model(smallint);
drop function conclude_embedding_model(smallint);
drop function return_embeddings(uuid, text, interval, boolean);
drop function finish_embeddings(uuid);
drop function store_embeddings(uuid, uuid[], text[], interval);
drop function read_embedding_batch(uuid, integer);
drop function claim_embeddings(smallint, uuid, interval, integer);
drop function survey_embeddings(smallint);
drop function prepare_embedding_model(smallint);
drop function create_embedding_partition(smallint);
drop function queue_embedding(uuid);
drop function seize_embedding_models();
drop function hold_embedding_models();
drop trigger follow_deletion on documents;
drop function follow_deletion();
drop table embedding_queue;

alter table embeddings detach partition embeddings_1;
drop table embeddings;
alter table embeddings_1 drop constraint embeddings_1_dimension;
alter table embeddings_1 rename to embeddings;
alter index embeddings_1_pkey rename to embeddings_pkey;
alter index embeddings_1_space rename to embeddings_space;
alter index embeddings_1_document rename to embeddings_document;
create policy read on embeddings for select to alcove_app using (space_id = any ((select app_spaces())::integer[]));
create policy add on embeddings for insert to alcove_app
    with check (space_id = any ((select app_writable_spaces())::integer[]));
create policy change on embeddings for update to alcove_app
    using (space_id = any ((select app_writable_spaces())::integer[]));
create policy remove on embeddings for delete to alcove_app
    using (space_id = any ((select app_writable_spaces())::integer[]));
grant select, insert, update, delete on embeddings to alcove_app;

revoke usage on sequence embedding_models_id_seq from alcove_app;
revoke insert, update on embedding_models from alcove_app;
drop policy add on embedding_models;
drop policy change on embedding_models;
drop trigger touch on embedding_models;
drop index embedding_models_one_at_work;
delete from embedding_models where id <> 1;
alter table embedding_models
    drop column provider, drop column model, drop column native_dimension, drop column base_url, drop column ciphertext,
    drop column wrapped_key, drop column master_key, drop column key_last_four, drop column probe, drop column status,
    drop column activated_at, drop column retired_at, drop column updated_at,
    add column is_active boolean not null default false;
update embedding_models set is_active = true, name = 'all-minilm-l6-v2';
create unique index embedding_models_one_active on embedding_models (is_active) where is_active;

create or replace function ensure_partitions(ahead integer default 2) returns integer
    language plpgsql security definer set search_path = public, pg_temp
    as $$
declare
    parent regclass;
    month date;
    bounds record;
    partition text;
    made integer := 0;
begin
    for parent in select partrelid::regclass from pg_partitioned_table t
                  join pg_class c on c.oid = t.partrelid and c.relnamespace = 'public'::regnamespace
    loop
        for month in select generate_series(date_trunc('month', now() at time zone 'UTC'),
                                            date_trunc('month', now() at time zone 'UTC')
                                                + make_interval(months => least(ahead, 24)),
                                            interval '1 month')::date
        loop
            partition := parent || to_char(month, '_YYYY_MM');
            if to_regclass(partition) is null then
                select * into bounds from uuid_month_bounds(month);
                execute format('create table %I partition of %s for values from (%L) to (%L)',
                               partition, parent, bounds.lower_bound, bounds.upper_bound);
                call protect(partition::regclass);
                made := made + 1;
            end if;
        end loop;
    end loop;
    return made;
end
$$;
