-- The queue of documents that the embedding model in preparation has not embedded yet.

-- Queues a document of the caller's with new chunks for the model in preparation, if there is one.
create or replace function queue_embedding(preparing_model uuid) returns void
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        insert into embedding_queue (model_id, document_id)
        select m.id, d.id from documents d, embedding_models m
         where d.id = preparing_model and d.space_id = any (app_writable_spaces()) and m.status = 'preparing'
        on conflict (model_id, document_id) do update
            set chunks_done = 0, attempts = 0, error_message = null, reported_at = null, available_at = now();
    end;
grant execute on function queue_embedding(uuid) to alcove_app;

-- Queues every document with a chunk that has no vector of the model in preparation; returns how many were not queued
-- before. Deleted documents are included, because they can be restored.
create or replace function queue_missing_embeddings(preparing_model smallint) returns bigint
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    matches bigint;
begin
    if not exists (select from embedding_models m where m.id = preparing_model and m.status = 'preparing') then
        return 0;
    end if;
    perform set_config('plan_cache_mode', 'force_custom_plan', true);
    insert into embedding_queue (model_id, document_id, chunks_done)
    select preparing_model, c.document_id, count(e.chunk_id)
      from document_chunks c left join embeddings e on e.chunk_id = c.id and e.model_id = preparing_model
     group by c.document_id having count(e.chunk_id) < count(*)
    on conflict (model_id, document_id) do nothing;
    get diagnostics matches = row_count;
    return matches;
end
$$;
grant execute on function queue_missing_embeddings(smallint) to alcove_app;

-- Claims documents with about `amount` chunks for a worker. A document whose last attempt made no progress is claimed
-- alone, so that it cannot fail others with it; after five such attempts it is given up. Returns the number of
-- documents.
create or replace function claim_embeddings(claimed_model smallint, token uuid, lease interval, amount integer) returns bigint
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    taken bigint;
begin
    with waiting as (
        select q.document_id, q.attempts, q.available_at, greatest(d.chunk_count - q.chunks_done, 1) as chunks
          from embedding_queue q join documents d on d.id = q.document_id
         where q.model_id = claimed_model and q.attempts < 5 and q.available_at <= now()
           and (q.leased_until is null or q.leased_until <= now())
           and exists (select from embedding_models m where m.id = claimed_model and m.status = 'preparing')
         order by q.attempts, q.available_at, q.document_id limit 200
           for update of q skip locked),
    ranked as (
        select w.document_id, w.attempts, row_number() over by_turn as place, sum(w.chunks) over by_turn as chunks
          from waiting w window by_turn as (order by w.attempts, w.available_at, w.document_id))
    update embedding_queue q
       set lease_token = token, leased_until = now() + lease, attempts = q.attempts + 1
      from ranked r
     where q.model_id = claimed_model and q.document_id = r.document_id
       and (r.place = 1 or (r.attempts = 0 and r.chunks <= amount));
    get diagnostics taken = row_count;
    return taken;
end
$$;
grant execute on function claim_embeddings(smallint, uuid, interval, integer) to alcove_app;

-- The chunks of a worker's documents that have no vector yet, at most `amount`. `ChunkDraft.embedded_text` in
-- knowledge/text/chunking.py composes the same text for a new chunk.
create or replace function read_embedding_batch(token uuid, amount integer)
    returns table (chunk_id uuid, chunk_text text)
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    target smallint;
begin
    select q.model_id into target from embedding_queue q where q.lease_token = token limit 1;
    perform set_config('plan_cache_mode', 'force_custom_plan', true);
    return query
        select c.id, concat_ws(E'\n\n', c.context, c.chunk_text)
          from embedding_queue q join document_chunks c on c.document_id = q.document_id
         where q.lease_token = token
           -- The subquery forces one index lookup for each chunk: the statistics of a partition that is being filled
           -- mislead the planner.
           and (select e.live from embeddings e where e.chunk_id = c.id and e.model_id = target) is null
         order by c.document_id, c.chunk_index limit least(amount, 10000);
end
$$;
grant execute on function read_embedding_batch(uuid, integer) to alcove_app;

-- Stores vectors (in pgvector's text form) of a worker's chunks and renews its lease. Chunks that were replaced
-- meanwhile are skipped, and searches do not find those of archived documents. Returns false and stores nothing when
-- another worker has the lease.
create or replace function store_embeddings(token uuid, chunks uuid[], vectors halfvec[], lease interval) returns boolean
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    target smallint;
begin
    -- Documents first, as in every transaction that locks both: this fixes whether the documents can be found.
    perform from documents d
     where d.id in (select q.document_id from embedding_queue q where q.lease_token = token) order by d.id for share;
    perform from embedding_queue q where q.lease_token = token order by q.document_id for update;
    select q.model_id into target from embedding_queue q where q.lease_token = token limit 1;
    if not found then
        return false;
    end if;
    with stored as (
        insert into embeddings (chunk_id, model_id, document_id, space_id, live, embedding)
        select c.id, target, c.document_id, c.space_id, d.deleted_at is null and not d.is_archived, g.vector
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
grant execute on function store_embeddings(uuid, uuid[], halfvec[], interval) to alcove_app;

-- Releases a worker's documents: complete ones leave the queue, the others wait for the next worker.
create or replace function finish_embeddings(token uuid) returns void
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    target smallint;
begin
    -- A transaction that queues a document again waits for this lock, or this for it. The next statement sees its row.
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
grant execute on function finish_embeddings(uuid) to alcove_app;

-- Releases a worker's documents after a failure, for a later attempt. Without `counted`, the failure does not count
-- towards giving them up: attempts return to 1, with which each document is claimed alone.
create or replace function return_embeddings(token uuid, message text, pause interval, counted boolean) returns void
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        update embedding_queue q
           set lease_token = null, leased_until = null, available_at = now() + pause, error_message = left(message, 2000),
               attempts = case when counted then q.attempts else 1 end
         where q.lease_token = token;
    end;
grant execute on function return_embeddings(uuid, text, interval, boolean) to alcove_app;
