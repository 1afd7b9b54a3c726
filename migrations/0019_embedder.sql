-- Big documents are embedded by the GPU task: their passages wait here, and the document's last version answers until
-- all of them have their vectors and the ingestion worker stores the whole at once.

alter table static_config add column gpu_threshold_chunks integer not null default 0
    check (gpu_threshold_chunks between 0 and 1000000);

do $$
declare
    rule record;
begin
    for rule in select conname from pg_constraint
                 where conrelid = 'documents'::regclass and contype = 'c' and pg_get_constraintdef(oid) like '%(stage =%' loop
        execute format('alter table documents drop constraint %I', rule.conname);
    end loop;
end
$$;
alter table documents
    add constraint documents_stage_check
        check (stage in ('extracting', 'chunking', 'embedding', 'waiting', 'storing')),
    -- Nobody came to embed it, or could not: the ingestion worker does it itself.
    add column embed_here boolean not null default false;

create table embedding_requests (
    document_id uuid not null references documents on delete cascade,
    model_id smallint not null references embedding_models on delete cascade,
    chunk_index integer not null check (chunk_index >= 0),
    chunk_text text not null,
    embedding halfvec,
    lease_token uuid,
    leased_until timestamptz,
    attempts integer not null default 0,
    primary key (document_id, model_id, chunk_index)
);
create index embedding_requests_open on embedding_requests (model_id, document_id) where embedding is null;
create index embedding_requests_lease on embedding_requests (lease_token) where lease_token is not null;
call protect('embedding_requests');

-- When the GPU task was last asked to start.
create table embedder_starts (
    id integer primary key default 1 check (id = 1),
    asked_at timestamptz
);
insert into embedder_starts default values;
call protect('embedder_starts');

-- The worker that holds a document hands its passages over and lets go. Returns whether the bucket spoke meanwhile;
-- null when the lease was lost.
create function request_embeddings(wanted uuid, token uuid, model smallint, texts text[]) returns boolean
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    again boolean;
begin
    update documents d
       set stage = 'waiting', chunks_done = 0, chunks_total = cardinality(texts), lease_token = null, leased_until = null,
           attempts = 0
     where d.id = wanted and d.lease_token = token and d.deleted_at is null
    returning d.recheck into again;
    if not found then
        return null;
    end if;
    delete from embedding_requests r where r.document_id = wanted;
    insert into embedding_requests (document_id, model_id, chunk_index, chunk_text)
    select wanted, model, t.place - 1, t.text from unnest(texts) with ordinality as t (text, place);
    return again;
end
$$;

-- What became of it: every passage with its vector, or nothing while one is missing or the passages are others.
create function requested_embeddings(wanted uuid, token uuid, model smallint, texts text[]) returns setof text
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        with asked as (
            select t.place, r.embedding
              from documents d
              cross join unnest(texts) with ordinality as t (text, place)
              left join embedding_requests r on r.document_id = d.id and r.model_id = model
                                            and r.chunk_index = t.place - 1 and r.chunk_text = t.text
             where d.id = wanted and d.lease_token = token)
        select a.embedding::text from asked a
         where not exists (select from asked b where b.embedding is null)
         order by a.place;
    end;

-- The GPU task takes passages of one model, those of documents that waited longest first.
create function claim_requests(token uuid, lease interval, amount integer)
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

-- Stores vectors under a lease and counts them as progress. Returns the objects of documents that are complete now, for
-- the ingestion worker to take up.
create function store_requested(token uuid, documents_given uuid[], indices integer[], vectors text[]) returns setof text
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
begin
    update embedding_requests r set embedding = g.vector::halfvec, lease_token = null, leased_until = null
      from unnest(documents_given, indices, vectors) as g (document_id, chunk_index, vector)
     where r.document_id = g.document_id and r.chunk_index = g.chunk_index and r.lease_token = token;
    update documents d
       set chunks_done = (select count(*) from embedding_requests r where r.document_id = d.id and r.embedding is not null)
     where d.id = any (documents_given) and d.stage = 'waiting';
    return query
        select d.object_key from documents d
         where d.id = any (documents_given) and d.stage = 'waiting'
           and not exists (select from embedding_requests r where r.document_id = d.id and r.embedding is null);
end
$$;

-- For tick: objects of documents that wait although all their vectors are there, or whom nobody came to embed for
-- `patience`; these are embedded by the ingestion worker itself.
create function wake_waiting_documents(patience interval) returns setof text
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        with due as (
            select d.id, exists (select from embedding_requests r where r.document_id = d.id and r.embedding is null) as left_alone
              from documents d
             where d.stage = 'waiting' and d.deleted_at is null
               and (d.updated_at < now() - patience
                    or d.updated_at < now() - interval '2 minutes'
                       and not exists (select from embedding_requests r where r.document_id = d.id and r.embedding is null))
             order by d.updated_at limit 100
               for update of d skip locked),
        told as (
            insert into self_healing_events (event_type, severity, description, action_taken, entity_id)
            select 'embedder_absent', 'warning', 'A big document waited for the GPU task, which did not embed it.',
                   'The ingestion worker embeds it.', due.id
              from due where due.left_alone returning 1)
        update documents d set embed_here = due.left_alone, updated_at = now()
          from due where d.id = due.id
        returning d.object_key;
    end;

-- For tick: whether the GPU task should be started now: passages wait, nobody works on them, and it was not asked
-- within `patience`. Notes that it is.
create function embedder_is_due(patience interval) returns boolean
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        update embedder_starts s set asked_at = now()
         where (s.asked_at is null or s.asked_at < now() - patience)
           and exists (select from embedding_requests r where r.embedding is null and r.attempts < 5)
           and not exists (select from embedding_requests r where r.leased_until > now());
        select exists (select from embedder_starts s where s.asked_at = now());
    end;

-- Nothing waits for a document that has ended.
create function forget_requests() returns trigger
    language plpgsql security definer set search_path = public, pg_temp
    as $$
begin
    delete from embedding_requests r where r.document_id = new.id;
    update documents d set embed_here = false where d.id = new.id and d.embed_here;
    return null;
end
$$;
create trigger forget_requests after update of status on documents for each row
    when (old.status is distinct from new.status and new.status in ('completed', 'failed'))
    execute function forget_requests();

grant execute on function request_embeddings(uuid, uuid, smallint, text[]),
    requested_embeddings(uuid, uuid, smallint, text[]), claim_requests(uuid, interval, integer),
    store_requested(uuid, uuid[], integer[], text[]), wake_waiting_documents(interval), embedder_is_due(interval)
    to alcove_app;
