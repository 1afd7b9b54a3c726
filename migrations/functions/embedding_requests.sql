-- Chunks of big documents that wait for the GPU task.

-- The worker with a document's lease queues the chunks for the GPU task and releases the lease. Returns whether another
-- bucket event arrived meanwhile; null when the lease was lost.
create or replace function request_embeddings(requesting_document uuid, token uuid, model smallint, texts text[]) returns boolean
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    again boolean;
begin
    update documents d
       set stage = 'waiting', chunks_done = 0, chunks_total = cardinality(texts), lease_token = null, leased_until = null,
           attempts = 0
     where d.id = requesting_document and d.lease_token = token and d.deleted_at is null
    returning d.recheck into again;
    if not found then
        return null;
    end if;
    delete from embedding_requests r where r.document_id = requesting_document;
    insert into embedding_requests (document_id, model_id, chunk_index, chunk_text)
    select requesting_document, model, t.place - 1, t.text from unnest(texts) with ordinality as t (text, place);
    return again;
end
$$;
grant execute on function request_embeddings(uuid, uuid, smallint, text[]) to alcove_app;

-- The requested vectors in the order of `texts`. No rows while one is missing, or when the chunks have changed.
create or replace function requested_embeddings(requesting_document uuid, token uuid, model smallint, texts text[]) returns setof text
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        with requested as (
            select t.place, r.embedding
              from documents d
              cross join unnest(texts) with ordinality as t (text, place)
              left join embedding_requests r on r.document_id = d.id and r.model_id = model
                                            and r.chunk_index = t.place - 1 and r.chunk_text = t.text
             where d.id = requesting_document and d.lease_token = token)
        select a.embedding::text from requested a
         where not exists (select from requested b where b.embedding is null)
         order by a.place;
    end;
grant execute on function requested_embeddings(uuid, uuid, smallint, text[]) to alcove_app;

-- Claims chunks of one model for the GPU task, those of the longest-waiting documents first.
create or replace function claim_requests(token uuid, lease interval, amount integer)
    returns table (document_id uuid, model_id smallint, chunk_index integer, chunk_text text)
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        with chosen as (
            select r.document_id, r.model_id, r.chunk_index
              from embedding_requests r
             where r.embedding is null and r.attempts < 5 and (r.leased_until is null or r.leased_until <= now())
               and r.model_id = (select o.model_id from embedding_requests o
                                  where o.embedding is null and o.attempts < 5
                                    and (o.leased_until is null or o.leased_until <= now())
                                  order by o.document_id limit 1)
             order by r.document_id, r.chunk_index limit least(amount, 20000)
               for update skip locked)
        update embedding_requests r set lease_token = token, leased_until = now() + lease, attempts = r.attempts + 1
          from chosen c
         where r.document_id = c.document_id and r.model_id = c.model_id and r.chunk_index = c.chunk_index
        returning r.document_id, r.model_id, r.chunk_index, r.chunk_text;
    end;
grant execute on function claim_requests(uuid, interval, integer) to alcove_app;

-- Stores vectors under a lease and counts them as progress. Returns the objects of documents that are now complete, for
-- the ingestion worker to continue.
create or replace function store_requested(token uuid, requested_documents uuid[], indices integer[], vectors halfvec[]) returns setof text
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
begin
    update embedding_requests r set embedding = g.vector, lease_token = null, leased_until = null
      from unnest(requested_documents, indices, vectors) as g (document_id, chunk_index, vector)
     where r.document_id = g.document_id and r.chunk_index = g.chunk_index and r.lease_token = token;
    update documents d
       set chunks_done = (select count(*) from embedding_requests r where r.document_id = d.id and r.embedding is not null)
     where d.id = any (requested_documents) and d.stage = 'waiting';
    return query
        select d.object_key from documents d
         where d.id = any (requested_documents) and d.stage = 'waiting'
           and not exists (select from embedding_requests r where r.document_id = d.id and r.embedding is null);
end
$$;
grant execute on function store_requested(uuid, uuid[], integer[], halfvec[]) to alcove_app;

-- For tick: objects of documents that wait although all their vectors exist, or that the GPU task has not embedded
-- within `grace`. The ingestion worker embeds the latter itself.
create or replace function wake_waiting_documents(grace interval) returns setof text
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        with due as (
            select d.id, exists (select from embedding_requests r where r.document_id = d.id and r.embedding is null) as left_alone
              from documents d
             where d.stage = 'waiting' and d.deleted_at is null
               and (d.updated_at < now() - grace
                    or d.updated_at < now() - interval '2 minutes'
                       and not exists (select from embedding_requests r where r.document_id = d.id and r.embedding is null))
             order by d.updated_at limit 100
               for update of d skip locked),
        events as (
            insert into self_healing_events (event_type, severity, description, action_taken, entity_id)
            select 'embedder_absent', 'warning', 'A big document waited for the GPU task, which did not embed it.',
                   'The ingestion worker embeds it.', due.id
              from due where due.left_alone returning 1)
        update documents d set embed_here = due.left_alone, updated_at = now()
          from due where d.id = due.id
        returning d.object_key;
    end;
grant execute on function wake_waiting_documents(interval) to alcove_app;
