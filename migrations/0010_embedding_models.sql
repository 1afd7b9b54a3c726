-- Embedding models that are exchanged while everybody searches: a registry, the vectors of each model apart, and a
-- queue of the documents that the next model still has to embed.

-- Only tables partitioned by time get partitions by month.
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
                 where t.partstrat = 'r'
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

-- The registry. `dimension` may be smaller than `native_dimension`: vectors are then cut and normalised again
-- (Kusupati et al. 2022, Matryoshka representation learning). `probe` is what the model gave for a fixed text when it
-- was registered: a changed address or key must lead to the same model.
drop index embedding_models_one_active;
alter table embedding_models
    add column provider text not null default 'builtin' check (provider in ('builtin', 'openai')),
    add column model text check (length(model) between 1 and 200),
    add column native_dimension integer check (native_dimension between 1 and 16000),
    add column base_url text check (length(base_url) between 1 and 2048),
    add column ciphertext bytea check (length(ciphertext) between 30 and 1024),
    add column wrapped_key bytea check (length(wrapped_key) between 1 and 1024),
    add column master_key text check (length(master_key) between 1 and 2048),
    add column key_last_four text check (length(key_last_four) <= 4),
    add column probe halfvec,
    add column status text not null default 'inactive' check (status in ('inactive', 'preparing', 'active')),
    add column activated_at timestamptz,
    add column retired_at timestamptz,
    add column updated_at timestamptz not null default now(),
    add check ((provider = 'builtin') = (base_url is null)),
    add check ((ciphertext is null) = (wrapped_key is null) and (ciphertext is null) = (master_key is null));
update embedding_models set model = name, native_dimension = dimension,
                            status = case when is_active then 'active' else 'inactive' end,
                            activated_at = case when is_active then created_at end;
alter table embedding_models
    alter column model set not null,
    alter column native_dimension set not null,
    add check (dimension <= native_dimension),
    drop column is_active;
create unique index embedding_models_one_at_work on embedding_models (status) where status <> 'inactive';
create trigger touch before update on embedding_models for each row execute function touch_updated_at();
create policy add on embedding_models for insert to alcove_app with check ((select app_is_admin()) and status = 'inactive');
create policy change on embedding_models for update to alcove_app using ((select app_is_admin()));
grant insert (id, name, provider, model, dimension, native_dimension, base_url, ciphertext, wrapped_key, master_key,
              key_last_four, probe),
      update (name, base_url, ciphertext, wrapped_key, master_key, key_last_four)
   on embedding_models to alcove_app;
grant usage on sequence embedding_models_id_seq to alcove_app;

-- Vectors, a partition for each model: a search reads the active model's and locks no other, and dropping a model's
-- vectors touches nobody else's. The present table becomes the first partition as it is, indexes and all.
do $$
declare
    rule record;
begin
    for rule in select polname from pg_policy where polrelid = 'embeddings'::regclass and polname <> 'owner' loop
        execute format('drop policy %I on embeddings', rule.polname);
    end loop;
end
$$;
revoke all on embeddings from alcove_app;
alter table embeddings rename to embeddings_1;
alter index embeddings_pkey rename to embeddings_1_pkey;
alter index embeddings_space rename to embeddings_1_space;
alter index embeddings_document rename to embeddings_1_document;
alter table embeddings_1 add constraint embeddings_1_dimension check (vector_dims(embedding) = 384);

create table embeddings (
    chunk_id uuid not null,
    model_id smallint not null references embedding_models,
    document_id uuid not null,
    space_id integer not null,
    live boolean not null default true,
    embedding halfvec not null,
    primary key (chunk_id, model_id),
    foreign key (chunk_id, document_id, space_id) references document_chunks (id, document_id, space_id)
        on delete cascade on update cascade
) partition by list (model_id);
create index embeddings_space on embeddings (space_id, model_id) where live;
create index embeddings_document on embeddings (document_id);
call protect('embeddings');
create policy read on embeddings for select to alcove_app using (space_id = any ((select app_spaces())::integer[]));
create policy add on embeddings for insert to alcove_app
    with check (space_id = any ((select app_writable_spaces())::integer[]));
create policy change on embeddings for update to alcove_app
    using (space_id = any ((select app_writable_spaces())::integer[]));
create policy remove on embeddings for delete to alcove_app
    using (space_id = any ((select app_writable_spaces())::integer[]));
grant select, insert, update, delete on embeddings to alcove_app;
alter table embeddings attach partition embeddings_1 for values in (1);

-- Documents that the model being prepared still has to embed. A worker holds one or several under one lease.
create table embedding_queue (
    model_id smallint not null references embedding_models on delete cascade,
    document_id uuid not null references documents on delete cascade,
    chunks_done integer not null default 0 check (chunks_done >= 0),
    attempts integer not null default 0 check (attempts >= 0),
    available_at timestamptz not null default now(),
    lease_token uuid,
    leased_until timestamptz,
    error_message text check (length(error_message) <= 2000),
    reported_at timestamptz,
    primary key (model_id, document_id)
);
create index embedding_queue_order on embedding_queue (model_id, attempts, available_at, document_id);
create index embedding_queue_document on embedding_queue (document_id);
create index embedding_queue_lease on embedding_queue (lease_token) where lease_token is not null;
call protect('embedding_queue');

-- Whether passages may be found follows their document's deletion, also those that were stored while the deletion
-- waited for their transaction: a trigger looks again, with a snapshot of its own.
create function follow_deletion() returns trigger
    language plpgsql set search_path = public, pg_temp
    as $$
begin
    update embeddings e set live = new.deleted_at is null
     where e.document_id = new.id and e.live <> (new.deleted_at is null);
    update chunk_terms t set live = new.deleted_at is null
     where t.document_id = new.id and t.live <> (new.deleted_at is null);
    return null;
end
$$;
create trigger follow_deletion after update on documents for each row
    when ((old.deleted_at is null) <> (new.deleted_at is null)) execute function follow_deletion();

-- Which model is active and which is being prepared, held so until the transaction ends. Whoever stores a document's
-- vectors asks this first; activating, switching and cancelling wait for them, and they for it.
create function hold_embedding_models() returns table (active_id smallint, preparing_id smallint)
    language plpgsql volatile set search_path = public, pg_temp
    as $$
begin
    perform pg_advisory_xact_lock_shared(hashtextextended('alcove.embedding_models', 0));
    return query select (select m.id from embedding_models m where m.status = 'active'),
                        (select m.id from embedding_models m where m.status = 'preparing');
end
$$;

-- The other side of it. Whoever stores waits behind this, so this does not wait for long.
create function seize_embedding_models() returns void
    language plpgsql volatile set search_path = public, pg_temp
    as $$
begin
    perform set_config('lock_timeout', '3s', true);
    perform pg_advisory_xact_lock(hashtextextended('alcove.embedding_models', 0));
end
$$;

-- A document of the caller's has new chunks: the model being prepared, if there is one, has to embed them too.
create function queue_embedding(wanted uuid) returns void
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        insert into embedding_queue (model_id, document_id)
        select m.id, d.id from documents d, embedding_models m
         where d.id = wanted and d.space_id = any (app_writable_spaces()) and m.status = 'preparing'
        on conflict (model_id, document_id) do update
            set chunks_done = 0, attempts = 0, error_message = null, reported_at = null, available_at = now();
    end;

-- An administrator makes room for a model's vectors. It is made apart and then attached, so that searches go on; those
-- who are storing chunks are waited for, briefly, because attaching copies the foreign key.
create function create_embedding_partition(wanted smallint) returns void
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

-- An administrator has a model prepared for becoming active. Returns null for an unknown one, 'active' when it is,
-- 'busy' while another is being prepared, else 'preparing'; what had failed is then tried again.
create function prepare_embedding_model(wanted smallint) returns text
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    present text;
begin
    if not app_is_admin() then
        return null;
    end if;
    perform seize_embedding_models();
    select m.status into present from embedding_models m where m.id = wanted;
    if present is null or present = 'active' then
        return present;
    end if;
    if exists (select from embedding_models m where m.status = 'preparing' and m.id <> wanted) then
        return 'busy';
    end if;
    update embedding_models set status = 'preparing', retired_at = null where id = wanted and status <> 'preparing';
    update embedding_queue q
       set attempts = 0, error_message = null, reported_at = null, available_at = now(), lease_token = null, leased_until = null
     where q.model_id = wanted and (q.leased_until is null or q.leased_until <= now());
    return 'preparing';
end
$$;

-- Queues every document with a chunk that the model being prepared has no vector of; returns how many were not queued
-- before. Deleted documents are among them, because they can be restored.
create function survey_embeddings(wanted smallint) returns bigint
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    found_now bigint;
begin
    if not exists (select from embedding_models m where m.id = wanted and m.status = 'preparing') then
        return 0;
    end if;
    perform set_config('plan_cache_mode', 'force_custom_plan', true);
    insert into embedding_queue (model_id, document_id, chunks_done)
    select wanted, c.document_id, count(e.chunk_id)
      from document_chunks c left join embeddings e on e.chunk_id = c.id and e.model_id = wanted
     group by c.document_id having count(e.chunk_id) < count(*)
    on conflict (model_id, document_id) do nothing;
    get diagnostics found_now = row_count;
    return found_now;
end
$$;

-- A worker takes documents of about `amount` chunks. One that was taken before without any progress is taken alone,
-- so that it takes no other down with it; after five such attempts it is left. Returns how many documents.
create function claim_embeddings(wanted smallint, token uuid, lease interval, amount integer) returns bigint
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    taken bigint;
begin
    with waiting as (
        select q.document_id, q.attempts, q.available_at, greatest(d.chunk_count - q.chunks_done, 1) as chunks
          from embedding_queue q join documents d on d.id = q.document_id
         where q.model_id = wanted and q.attempts < 5 and q.available_at <= now()
           and (q.leased_until is null or q.leased_until <= now())
           and exists (select from embedding_models m where m.id = wanted and m.status = 'preparing')
         order by q.attempts, q.available_at, q.document_id limit 200
           for update of q skip locked),
    ranked as (
        select w.document_id, w.attempts, row_number() over by_turn as place, sum(w.chunks) over by_turn as chunks
          from waiting w window by_turn as (order by w.attempts, w.available_at, w.document_id))
    update embedding_queue q
       set lease_token = token, leased_until = now() + lease, attempts = q.attempts + 1
      from ranked r
     where q.model_id = wanted and q.document_id = r.document_id
       and (r.place = 1 or (r.attempts = 0 and r.chunks <= amount));
    get diagnostics taken = row_count;
    return taken;
end
$$;

-- The chunks of a worker's documents that have no vector yet, at most `amount`.
create function read_embedding_batch(token uuid, amount integer) returns table (chunk_id uuid, chunk_text text)
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    target smallint;
begin
    select q.model_id into target from embedding_queue q where q.lease_token = token limit 1;
    perform set_config('plan_cache_mode', 'force_custom_plan', true);
    return query
        select c.id, c.chunk_text
          from embedding_queue q join document_chunks c on c.document_id = q.document_id
         where q.lease_token = token
           -- A lookup for each chunk, whatever the statistics of a partition that is just filling up say.
           and (select e.live from embeddings e where e.chunk_id = c.id and e.model_id = target) is null
         order by c.document_id, c.chunk_index limit least(amount, 10000);
end
$$;

-- Stores vectors (in pgvector's text form) of a worker's chunks and renews its lease. Chunks that were replaced
-- meanwhile are passed over. False when the lease is another's: nothing is stored then.
create function store_embeddings(token uuid, chunks uuid[], vectors text[], lease interval) returns boolean
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    target smallint;
begin
    -- Documents first, as everybody who locks both does; whether they are deleted is then certain.
    perform from documents d
     where d.id in (select q.document_id from embedding_queue q where q.lease_token = token) order by d.id for share;
    perform from embedding_queue q where q.lease_token = token order by q.document_id for update;
    select q.model_id into target from embedding_queue q where q.lease_token = token limit 1;
    if not found then
        return false;
    end if;
    with stored as (
        insert into embeddings (chunk_id, model_id, document_id, space_id, live, embedding)
        select c.id, target, c.document_id, c.space_id, d.deleted_at is null, g.vector::halfvec
          from unnest(chunks, vectors) as g (id, vector)
          join document_chunks c on c.id = g.id
          join embedding_queue q on q.document_id = c.document_id and q.lease_token = token
          join documents d on d.id = c.document_id
        on conflict (chunk_id, model_id) do nothing
        returning document_id)
    update embedding_queue q
       set leased_until = now() + lease, attempts = 0, error_message = null,
           chunks_done = q.chunks_done + (select count(*) from stored s where s.document_id = q.document_id)
     where q.lease_token = token;
    return true;
end
$$;

-- A worker lets go of its documents: those that are whole leave the queue, the others wait for the next.
create function finish_embeddings(token uuid) returns void
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    target smallint;
begin
    -- Whoever queues a document again meanwhile waits for this lock, or this for them; the next statement sees it.
    perform from embedding_queue q where q.lease_token = token order by q.document_id for update;
    select q.model_id into target from embedding_queue q where q.lease_token = token limit 1;
    perform set_config('plan_cache_mode', 'force_custom_plan', true);
    delete from embedding_queue q
     where q.lease_token = token
       and not exists (select from document_chunks c
                        where c.document_id = q.document_id
                          and (select e.live from embeddings e where e.chunk_id = c.id and e.model_id = target) is null);
    update embedding_queue q set lease_token = null, leased_until = null where q.lease_token = token;
end
$$;

-- A worker gives its documents back for later. Only what `counted` counts as an attempt towards giving a document up;
-- otherwise it stays at the first, after which each is tried alone.
create function return_embeddings(token uuid, message text, pause interval, counted boolean) returns void
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        update embedding_queue q
           set lease_token = null, leased_until = null, available_at = now() + pause, error_message = left(message, 2000),
               attempts = case when counted then q.attempts else 1 end
         where q.lease_token = token;
    end;

-- When nothing waits any more, looks whether anything is missing all the same, and makes the prepared model the active
-- one: searches see the change at one instant, with this transaction's commit. Returns 'gone' when the model is not
-- being prepared, 'waiting' while documents are queued, 'more' when some were missing, else 'switched'.
create function conclude_embedding_model(wanted smallint) returns text
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
begin
    if not exists (select from embedding_models m where m.id = wanted and m.status = 'preparing') then
        return 'gone';
    end if;
    if exists (select from embedding_queue q where q.model_id = wanted) then
        return 'waiting';
    end if;
    if survey_embeddings(wanted) > 0 then
        return 'more';
    end if;
    -- Whoever stored before this lock has queued the document; whoever stores after it sees the new active model.
    perform seize_embedding_models();
    if exists (select from embedding_queue q where q.model_id = wanted) then
        return 'waiting';
    end if;
    perform from embedding_models m where m.id = wanted and m.status = 'preparing';
    if not found then
        return 'gone';
    end if;
    update embedding_models set status = 'inactive', retired_at = now() where status = 'active';
    update embedding_models set status = 'active', activated_at = now(), retired_at = null where id = wanted;
    insert into audit_logs (user_id, action, entity_type, entity_id, details)
    values (null, 'embedding_model.switched', 'embedding_model', lpad(to_hex(wanted::integer), 32, '0')::uuid,
            jsonb_build_object('model_id', wanted));
    return 'switched';
end
$$;

-- An administrator stops the preparation. What was embedded stays for a while, so that preparing again goes on from
-- there. Null for an unknown model, else its status before: only 'preparing' was changed.
create function cancel_embedding_model(wanted smallint) returns text
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    present text;
begin
    if not app_is_admin() then
        return null;
    end if;
    perform seize_embedding_models();
    select m.status into present from embedding_models m where m.id = wanted;
    if present = 'preparing' then
        update embedding_models set status = 'inactive', retired_at = now() where id = wanted;
        delete from embedding_queue q where q.model_id = wanted;
    end if;
    return present;
end
$$;

-- An administrator removes a model with its vectors. Null for an unknown model, else its status before: only an
-- 'inactive' one is removed.
create function delete_embedding_model(wanted smallint) returns text
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    present text;
begin
    if not app_is_admin() then
        return null;
    end if;
    perform seize_embedding_models();
    select m.status into present from embedding_models m where m.id = wanted;
    if present = 'inactive' then
        -- Dropping a partition stops every search until it is done, so it must not wait behind a slow one for long.
        perform set_config('lock_timeout', '1s', true);
        execute format('drop table if exists %I', 'embeddings_' || wanted);
        delete from embedding_models m where m.id = wanted;
    end if;
    return present;
end
$$;

-- How far the preparation of a model is, for an administrator: chunks of all documents, how many of them have their
-- vector, documents that are left and those that were given up, and why the first that failed did.
create function embedding_progress(wanted smallint)
    returns table (chunks_total bigint, chunks_done bigint, documents_left bigint, documents_failed bigint,
                   error_message text)
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        with whole as (
            select coalesce(sum(d.chunk_count), 0) as chunks from documents d),
        waiting as (
            select coalesce(sum(greatest(d.chunk_count - q.chunks_done, 0)), 0) as chunks, count(*) as documents,
                   count(*) filter (where q.attempts >= 5 and coalesce(q.leased_until <= now(), true)) as failed,
                   (array_agg(q.error_message order by q.attempts desc, q.document_id)
                        filter (where q.error_message is not null))[1] as message
              from embedding_queue q join documents d on d.id = q.document_id where q.model_id = wanted)
        select w.chunks, greatest(w.chunks - q.chunks, 0), q.documents, q.failed, q.message
          from whole w, waiting q where app_is_admin();
    end;

-- For tick: models that are being prepared while nobody works on them although there is something to do. What was
-- given up is told once.
create function wake_embedding_models() returns setof smallint
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        with given_up as (
            update embedding_queue q
               set reported_at = now(), lease_token = null, leased_until = null,
                   error_message = coalesce(q.error_message, 'Embedding this document ended unexpectedly five times.')
             where q.attempts >= 5 and q.reported_at is null and (q.leased_until is null or q.leased_until <= now())
            returning q.document_id, q.error_message)
        insert into self_healing_events (event_type, severity, description, action_taken, entity_id)
        select 'embedding_failed', 'critical',
               left('The model that is being prepared cannot embed a document: ' || g.error_message, 2000),
               'It was given up after five attempts, and searches stay with the present model. Activate the model once '
               'more to try again, have the document replaced, or cancel.', g.document_id
          from given_up g;
        select m.id from embedding_models m
         where m.status = 'preparing'
           and not exists (select from embedding_queue q where q.model_id = m.id and q.leased_until > now())
           and (not exists (select from embedding_queue q where q.model_id = m.id)
                or exists (select from embedding_queue q
                            where q.model_id = m.id and q.attempts < 5 and q.available_at <= now()));
    end;

-- For tick: forgets the vectors of models that went out of use longer ago than `age`; returns how many models.
create function drop_retired_embeddings(age interval) returns integer
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    retired smallint;
    dropped integer := 0;
begin
    if not exists (select from embedding_models m where m.status = 'inactive' and m.retired_at < now() - age) then
        return 0;
    end if;
    perform seize_embedding_models();
    for retired in select m.id from embedding_models m where m.status = 'inactive' and m.retired_at < now() - age loop
        if to_regclass('embeddings_' || retired) is not null then
            execute format('truncate %I', 'embeddings_' || retired);
        end if;
        update embedding_models set retired_at = null where id = retired;
        dropped := dropped + 1;
    end loop;
    return dropped;
end
$$;

grant execute on function hold_embedding_models(), queue_embedding(uuid), create_embedding_partition(smallint),
    prepare_embedding_model(smallint), survey_embeddings(smallint), claim_embeddings(smallint, uuid, interval, integer),
    read_embedding_batch(uuid, integer), store_embeddings(uuid, uuid[], text[], interval), finish_embeddings(uuid),
    return_embeddings(uuid, text, interval, boolean), conclude_embedding_model(smallint),
    cancel_embedding_model(smallint), delete_embedding_model(smallint), embedding_progress(smallint),
    wake_embedding_models(), drop_retired_embeddings(interval) to alcove_app;
