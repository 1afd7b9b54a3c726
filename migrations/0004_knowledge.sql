-- What is known: documents, their text, chunks, vectors and lexical weights, each with its space.

create table documents (
    id uuid primary key default uuidv7(),
    space_id integer not null references spaces,
    owner_id uuid not null references users on delete cascade,
    title text not null check (length(title) between 1 and 500),
    filename text not null check (length(filename) between 1 and 255),
    source_type text not null check (source_type in ('upload', 'inline')),
    content_type text check (length(content_type) <= 255),
    size_bytes bigint check (size_bytes >= 0),
    object_key text not null unique check (length(object_key) <= 1024),
    -- The bucket's version that was finished last, well or badly, and the hash of the bytes that are searchable.
    object_version text check (length(object_version) <= 1024),
    content_sha256 bytea check (length(content_sha256) = 32),
    -- The same bytes twice by one owner is one document: later rows point at the first.
    duplicate_of uuid references documents on delete cascade,
    status text not null default 'pending' check (status in ('pending', 'processing', 'completed', 'failed')),
    stage text check (stage in ('extracting', 'chunking', 'embedding', 'storing')),
    chunks_done integer not null default 0 check (chunks_done >= 0),
    chunks_total integer check (chunks_total >= 0),
    error_code text check (length(error_code) <= 100),
    error_message text check (length(error_message) <= 2000),
    chunk_count integer not null default 0 check (chunk_count >= 0),
    -- The ingestion lease: who works on it, until when, and whether the bucket spoke again meanwhile.
    lease_token uuid,
    leased_until timestamptz,
    attempts integer not null default 0,
    recheck boolean not null default false,
    -- When tick last compared the bucket's newest version with object_version.
    verified_at timestamptz,
    announced_at timestamptz not null default now(),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    indexed_at timestamptz,
    deleted_at timestamptz,
    unique (id, space_id)
);
create index documents_space on documents (space_id, id desc) where deleted_at is null;
create index documents_content on documents (owner_id, content_sha256) where deleted_at is null;
create index documents_unfinished on documents (updated_at) where status in ('pending', 'processing');
create index documents_verified on documents (verified_at nulls first) where deleted_at is null;
create trigger touch before update on documents for each row execute function touch_updated_at();
call protect('documents');

create table document_texts (
    document_id uuid primary key,
    space_id integer not null,
    content text not null,
    foreign key (document_id, space_id) references documents (id, space_id) on delete cascade on update cascade
);
call protect('document_texts');

create table document_chunks (
    id uuid primary key default uuidv7(),
    document_id uuid not null,
    space_id integer not null,
    chunk_index integer not null check (chunk_index >= 0),
    chunk_text text not null check (chunk_text <> ''),
    start_char integer not null check (start_char >= 0),
    end_char integer not null check (end_char > start_char),
    page integer check (page > 0),
    section text,
    token_count integer not null check (token_count > 0),
    created_at timestamptz not null default now(),
    unique (document_id, chunk_index),
    unique (id, document_id, space_id),
    foreign key (document_id, space_id) references documents (id, space_id) on delete cascade on update cascade
);
call protect('document_chunks');

-- A document as its readers see it. It runs with the rights of whoever asks.
create view readable_documents with (security_invoker = true) as
    select d.id, d.title, d.filename, s.kind as scope, d.space_id, d.source_type, d.content_type, d.size_bytes,
           d.status, d.stage, d.chunks_done, d.chunks_total, d.chunk_count, d.duplicate_of, d.created_at, d.updated_at,
           d.indexed_at,
           case when d.error_code is not null
                then jsonb_build_object('code', d.error_code, 'message', d.error_message) end as error
      from documents d join spaces s on s.id = d.space_id
     where d.deleted_at is null;

-- Vectors, one row for each chunk and embedding model. `live` is false while its document is deleted.
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
);
create index embeddings_space on embeddings (space_id, model_id) where live;
create index embeddings_document on embeddings (document_id);
-- The organisation's space is everybody's and grows large: it is searched by index. The private spaces of
-- one caller are searched exactly, through embeddings_space (measured: docs/decisions.md).
create index embeddings_organisation_1 on embeddings
    using hnsw ((embedding::halfvec(384)) halfvec_cosine_ops)
    where model_id = 1 and space_id = 1 and live;
call protect('embeddings');

-- BM25 document weights of a chunk: tf / (tf + k1 (1 - b + b dl / avgdl)) at index(lexeme).
create table chunk_terms (
    chunk_id uuid primary key,
    document_id uuid not null,
    space_id integer not null,
    live boolean not null default true,
    weights sparsevec(536870912) not null,
    foreign key (chunk_id, document_id, space_id) references document_chunks (id, document_id, space_id)
        on delete cascade on update cascade
);
alter table chunk_terms alter column weights set storage main;
create index chunk_terms_space on chunk_terms (space_id) where live;
create index chunk_terms_document on chunk_terms (document_id);
call protect('chunk_terms');

-- How many chunks contain a lexeme, over everything; lexeme 0 counts the chunks. Append-only, so that
-- parallel ingestions never wait for each other; tick folds the rows of one lexeme into one.
create table lexeme_counts (
    lexeme integer not null,
    chunks bigint not null
);
create index lexeme_counts_lexeme on lexeme_counts (lexeme) include (chunks);
call protect('lexeme_counts');

create policy read on documents for select to alcove_app using (space_id = any ((select app_spaces())::integer[]));
create policy add on documents for insert to alcove_app
    with check (space_id = any ((select app_writable_spaces())::integer[]) and owner_id = (select app_user_id()));
create policy change on documents for update to alcove_app
    using (space_id = any ((select app_writable_spaces())::integer[]));
do $$
declare
    target text;
begin
    foreach target in array array['document_texts', 'document_chunks', 'embeddings', 'chunk_terms'] loop
        execute format('create policy read on %I for select to alcove_app
                            using (space_id = any ((select app_spaces())::integer[]))', target);
        execute format('create policy add on %I for insert to alcove_app
                            with check (space_id = any ((select app_writable_spaces())::integer[]))', target);
        execute format('create policy change on %I for update to alcove_app
                            using (space_id = any ((select app_writable_spaces())::integer[]))', target);
        execute format('create policy remove on %I for delete to alcove_app
                            using (space_id = any ((select app_writable_spaces())::integer[]))', target);
        execute format('grant select, insert, update, delete on %I to alcove_app', target);
    end loop;
end
$$;
grant select, insert, update on documents to alcove_app;
grant select on readable_documents to alcove_app;

-- Adds (or, with sign -1, takes back) what a document's chunks contribute to lexeme_counts.
create function count_lexemes(wanted uuid, sign integer) returns void
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        insert into lexeme_counts (lexeme, chunks)
        select split_part(entry, ':', 1)::integer, sign * count(*)
          from chunk_terms t,
               unnest(string_to_array(trim('{' from split_part(t.weights::text, '}', 1)), ',')) as entry
         where t.document_id = wanted and t.space_id = any (app_writable_spaces()) and entry <> ''
         group by 1
        union all
        select 0, sign * count(*)
          from chunk_terms t where t.document_id = wanted and t.space_id = any (app_writable_spaces());
    end;

-- The query's side of BM25, one weight for each lexeme: qtf ln(1 + (N - df + 1/2) / (df + 1/2)). It reveals
-- no more than how rare a lexeme is over everything (docs/security.md).
create function bm25_query(lexemes integer[], frequencies integer[]) returns sparsevec
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        with total as (select greatest(coalesce(sum(chunks), 0), 0) as n from lexeme_counts where lexeme = 0),
        query as (select * from unnest(lexemes, frequencies) as q (lexeme, frequency)),
        weighted as (
            select q.lexeme,
                   q.frequency * ln(1 + greatest(total.n - d.df + 0.5, 0.5) / (d.df + 0.5)) as weight
              from query q, total,
                   lateral (select least(greatest(coalesce(sum(c.chunks), 0), 0), total.n) as df
                              from lexeme_counts c where c.lexeme = q.lexeme) d)
        select ('{' || coalesce(string_agg(lexeme || ':' || weight::real, ',' order by lexeme), '')
                || '}/536870912')::sparsevec
          from weighted;
    end;

create function fold_lexeme_counts() returns bigint
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        with crowded as (
            select lexeme from lexeme_counts group by lexeme having count(*) > 1 limit 100000),
        removed as (
            delete from lexeme_counts c using crowded where c.lexeme = crowded.lexeme
            returning c.lexeme, c.chunks),
        folded as (
            insert into lexeme_counts select lexeme, sum(chunks) from removed group by lexeme
            having sum(chunks) <> 0 returning 1)
        select count(*) from removed;
    end;

-- Before identity exists: the bucket holds `version` of an object; whose document is it, and may this worker
-- have it? One worker at a time holds a document. Another's event meanwhile only asks the holder to look again.
-- Returns nothing when there is nothing to do. A document that ended its workers five times fails here.
create function claim_document(wanted_key text, version text, token uuid, lease interval)
    returns table (document_id uuid, owner_id uuid)
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    found_document documents;
begin
    select d.* into found_document
      from documents d join users u on u.id = d.owner_id and u.is_active
     where d.object_key = wanted_key and d.deleted_at is null
       for update of d;
    if not found or found_document.object_version = version then
        return;
    end if;
    if found_document.leased_until > now() then
        update documents d set recheck = true where d.id = found_document.id;
        return;
    end if;
    if found_document.attempts >= 5 then
        update documents d
           set status = 'failed', stage = null, object_version = version, lease_token = null, leased_until = null,
               attempts = 0, error_code = 'gave_up',
               error_message = 'Processing this file ended unexpectedly five times. Upload it again or in another format.'
         where d.id = found_document.id;
        return;
    end if;
    update documents d
       set lease_token = token, leased_until = now() + lease, attempts = d.attempts + 1, recheck = false,
           status = 'processing', stage = 'extracting', chunks_done = 0, chunks_total = null,
           error_code = null, error_message = null
     where d.id = found_document.id;
    return query select found_document.id, found_document.owner_id;
end
$$;

grant execute on function count_lexemes(uuid, integer), bm25_query(integer[], integer[]), fold_lexeme_counts(),
    claim_document(text, text, uuid, interval) to alcove_app;
