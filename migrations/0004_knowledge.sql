-- Knowledge: documents, their text, chunks, vectors and lexical weights, and the inverted index over the weights, each
-- with its space; collections: repositories, tags, and which documents a search uses.

create table documents (
    id uuid primary key default uuidv7(),
    space_id integer not null references spaces,
    owner_id uuid not null references users on delete cascade,
    title text not null check (length(title) between 1 and 500),
    filename text not null check (length(filename) between 1 and 255),
    -- 'upload', 'inline', 'attachment', 'archive', or the type of the connector that brought it.
    source_type text not null check (source_type ~ '^[a-z][a-z_]{1,29}$'),
    -- The connector that keeps the document up to date. Such a document is never a copy of another one, nor the other
    -- way round: its life follows its source.
    connector_id uuid,
    -- The archive or e-mail that contained this document. Null after the parent is purged.
    parent_id uuid references documents on delete set null check (parent_id <> id),
    -- The number of parents above this document.
    depth smallint not null default 0 check (depth between 0 and 3),
    -- An id that a client gives to several uploads, to follow their progress together.
    batch_id uuid,
    -- What clients say about the document: metadata; its id and its address where it comes from; when its file was
    -- changed there; and text that is searched with its own.
    metadata jsonb not null default '{}' check (jsonb_typeof(metadata) = 'object' and length(metadata::text) <= 100000),
    source_id text check (length(source_id) between 1 and 255),
    original_url text check (length(original_url) <= 2048),
    file_modified_at timestamptz,
    extra_text text check (length(extra_text) between 1 and 10000),
    content_type text check (length(content_type) <= 255),
    size_bytes bigint check (size_bytes >= 0),
    object_key text not null unique check (length(object_key) <= 1024),
    -- The bucket's version that was processed last, successfully or not, and the hash of the bytes that are searchable.
    object_version text check (length(object_version) <= 1024),
    content_sha256 bytea check (length(content_sha256) = 32),
    -- The same bytes twice by one owner are one document: later rows refer to the first.
    duplicate_of uuid references documents on delete cascade,
    status text not null default 'pending' check (status in ('pending', 'processing', 'completed', 'failed')),
    stage text check (stage in ('extracting', 'recognising', 'chunking', 'embedding', 'waiting', 'storing')),
    chunks_done integer not null default 0 check (chunks_done >= 0),
    chunks_total integer check (chunks_total >= 0),
    error_code text check (length(error_code) <= 100),
    error_message text check (length(error_message) <= 2000),
    -- What the searchable file holds that was not read: [{code, message, page?}].
    warnings jsonb not null default '[]' check (jsonb_typeof(warnings) = 'array'),
    chunk_count integer not null default 0 check (chunk_count >= 0),
    -- The ingestion lease: its worker's token, its end, and whether another bucket event arrived meanwhile.
    lease_token uuid,
    leased_until timestamptz,
    attempts integer not null default 0,
    recheck boolean not null default false,
    -- The GPU task did not embed this document in time, or failed: the ingestion worker embeds it.
    embed_here boolean not null default false,
    -- When tick last compared the bucket's newest version with object_version.
    verified_at timestamptz,
    announced_at timestamptz not null default now(),
    -- The newest announcement whose bytes the document got. An earlier one that arrives later is refused.
    upload_id uuid,
    -- Who sent the newest bytes. Null for a connector, the inbox, a file out of another one, a move from another service,
    -- and an account that was erased.
    sent_by uuid references users on delete set null,
    is_archived boolean not null default false,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    indexed_at timestamptz,
    -- When the last ingestion ended, in a searchable text or a failure.
    processed_at timestamptz,
    deleted_at timestamptz,
    -- Why the document is deleted: with its parent, because its parent no longer contains it, with its object of the
    -- inbox, or because its connector's source no longer has it. Null when a user deleted it.
    deleted_by text check (deleted_by in ('parent', 'replacement', 'inbox', 'source')),
    unique (id, space_id)
);
create index documents_space on documents (space_id, id desc) where deleted_at is null;
create index documents_content on documents (owner_id, content_sha256) where deleted_at is null;
create index documents_unfinished on documents (updated_at) where status in ('pending', 'processing');
create index documents_verified on documents (verified_at nulls first) where deleted_at is null;
-- Whose documents wait, and which of them first: next_document_before() steps from owner to owner.
create index documents_pending on documents (owner_id, announced_at) where status = 'pending' and deleted_at is null;
create index documents_source on documents (source_id) where source_id is not null;
create index documents_batch on documents (batch_id) where batch_id is not null;
create index documents_deleted on documents (deleted_at) where deleted_at is not null;
create index documents_duplicates on documents (duplicate_of) where duplicate_of is not null;
create index documents_indexed on documents (indexed_at);
create index documents_failed on documents (processed_at) where status = 'failed';
create index documents_parent on documents (parent_id) where parent_id is not null;
call protect('documents');
create policy read on documents for select to alcove_app using (space_id = any ((select app_spaces())::integer[]));
create policy add on documents for insert to alcove_app
    with check (space_id = any ((select app_writable_spaces())::integer[]) and owner_id = (select app_user_id()));
create policy change on documents for update to alcove_app
    using (space_id = any ((select app_writable_spaces())::integer[]));
grant select, insert, update on documents to alcove_app;
-- A comparison with the bucket is no change.
create trigger touch before update on documents for each row
    when (old.verified_at is not distinct from new.verified_at) execute function touch_updated_at();
create trigger note_processing before update of status on documents for each row
    when (old.status is distinct from new.status and new.status in ('completed', 'failed'))
    execute function note_processing();
create trigger forget_deletion before update on documents for each row
    when (old.deleted_at is not null and new.deleted_at is null) execute function forget_deletion();
create trigger transfer_ownership before update on documents for each row
    when (old.announced_at <> new.announced_at or (old.deleted_at is not null and new.deleted_at is null)
          or (old.is_archived and not new.is_archived))
    execute function transfer_ownership();
create trigger follow_visibility after update on documents for each row
    when ((old.deleted_at is null and not old.is_archived) <> (new.deleted_at is null and not new.is_archived))
    execute function follow_visibility();
create trigger update_children_with_parent after update on documents for each row
    when ((old.deleted_at is null) <> (new.deleted_at is null) or old.is_archived <> new.is_archived
          or old.space_id <> new.space_id or old.owner_id <> new.owner_id)
    execute function update_children_with_parent();
create trigger record_version after update of indexed_at on documents for each row
    when (new.status = 'completed' and new.content_sha256 is not null and new.duplicate_of is null)
    execute function record_version();
create trigger forget_versions after update on documents for each row when (old.space_id <> new.space_id)
    execute function forget_versions();
create trigger forget_requests after update of status on documents for each row
    when (old.status is distinct from new.status and new.status in ('completed', 'failed'))
    execute function forget_requests();

create trigger charge_new_documents after insert on documents referencing new table as added
    for each statement execute function charge_new_documents();
create trigger discharge_documents after delete on documents referencing old table as removed
    for each statement execute function discharge_documents();
create trigger recharge_document after update on documents for each row
    when (old.size_bytes is distinct from new.size_bytes or old.space_id <> new.space_id)
    execute function recharge_document();

-- When a user's document was last claimed: users take turns in ingestion. No row: never.
create table ingestion_turns (
    user_id uuid primary key references users on delete cascade,
    served_at timestamptz not null
);
call protect('ingestion_turns');

-- An announced upload: the bytes that a user may send to the key uploads/<id>, once; those that a connector fetched lie
-- at uploads/staged/<id> before they are announced.
create table uploads (
    id uuid primary key default uuidv7(),
    document_id uuid not null,
    space_id integer not null,
    user_id uuid not null default app_user_id() references users on delete cascade,
    size_bytes bigint not null check (size_bytes > 0),
    is_staged boolean not null default false,
    -- The bucket's id of an upload in parts that has begun.
    multipart_id text check (length(multipart_id) <= 1024),
    announced_at timestamptz not null default now(),
    -- When it was used, refused or given up, and which bytes arrived.
    closed_at timestamptz,
    object_version text check (length(object_version) <= 1024),
    object_etag text check (length(object_etag) <= 1024),
    foreign key (document_id, space_id) references documents (id, space_id) on delete cascade on update cascade
);
create index uploads_document on uploads (document_id);
create index uploads_time on uploads (announced_at);
call protect('uploads');
create policy read on uploads for select to alcove_app
    using (space_id = any ((select app_writable_spaces())::integer[]));
create policy add on uploads for insert to alcove_app
    with check (space_id = any ((select app_writable_spaces())::integer[]) and user_id = (select app_user_id()));
create policy change on uploads for update to alcove_app
    using (space_id = any ((select app_writable_spaces())::integer[]) and user_id = (select app_user_id()));
grant select (id, document_id, space_id, user_id, size_bytes, announced_at, closed_at, is_staged, multipart_id,
              object_version), update (multipart_id),
      insert (id, document_id, space_id, size_bytes, is_staged)
   on uploads to alcove_app;
create trigger forget_upload after delete on uploads for each row
    when (old.closed_at is null) execute function forget_upload();

-- The versions of a document's bytes that were searchable: when and from whom. The bytes of former versions are not kept.
create table document_versions (
    id uuid primary key default uuidv7(),
    document_id uuid not null,
    space_id integer not null,
    version integer not null check (version > 0),
    filename text not null check (length(filename) between 1 and 255),
    size_bytes bigint check (size_bytes >= 0),
    content_sha256 bytea not null check (length(content_sha256) = 32),
    -- As in `documents`; null also for bytes that were replaced while they were read.
    sent_by uuid references users on delete set null,
    created_at timestamptz not null default now(),
    unique (document_id, version),
    foreign key (document_id, space_id) references documents (id, space_id) on delete cascade on update cascade
);
create index document_versions_sender on document_versions (sent_by);
call protect('document_versions');
create policy read on document_versions for select to alcove_app using (space_id = any ((select app_spaces())::integer[]));
grant select on document_versions to alcove_app;

create table document_texts (
    document_id uuid primary key,
    space_id integer not null,
    content text not null,
    foreign key (document_id, space_id) references documents (id, space_id) on delete cascade on update cascade
);
call protect('document_texts');
create policy read on document_texts for select to alcove_app using (space_id = any ((select app_spaces())::integer[]));
create policy add on document_texts for insert to alcove_app
    with check (space_id = any ((select app_writable_spaces())::integer[]));
create policy change on document_texts for update to alcove_app
    using (space_id = any ((select app_writable_spaces())::integer[]));
create policy remove on document_texts for delete to alcove_app
    using (space_id = any ((select app_writable_spaces())::integer[]));
grant select, insert, update, delete on document_texts to alcove_app;

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
    -- The headings above the chunk, and the first row of its table. Both are searched and embedded with the chunk, but
    -- are not part of it; `columns` is also shown with the chunk.
    context text,
    columns text,
    token_count integer not null check (token_count > 0),
    created_at timestamptz not null default now(),
    unique (document_id, chunk_index),
    unique (id, document_id, space_id),
    foreign key (document_id, space_id) references documents (id, space_id) on delete cascade on update cascade
);
-- Searches ask of each candidate whether it consists of rows of a table. Most chunks do not: they are not in this index.
create index document_chunks_rows on document_chunks (id) where has_rows(chunk_text);
call protect('document_chunks');
create policy read on document_chunks for select to alcove_app
    using (space_id = any ((select app_spaces())::integer[]));
create policy add on document_chunks for insert to alcove_app
    with check (space_id = any ((select app_writable_spaces())::integer[]));
create policy change on document_chunks for update to alcove_app
    using (space_id = any ((select app_writable_spaces())::integer[]));
create policy remove on document_chunks for delete to alcove_app
    using (space_id = any ((select app_writable_spaces())::integer[]));
grant select, insert, update, delete on document_chunks to alcove_app;

-- Vectors, one row for each chunk and embedding model. `live` is false while the document is deleted or archived. Each
-- model has a partition: a search reads and locks only the active model's, and dropping one model's vectors does not
-- touch another's. create_embedding_partition() creates the partitions with further indexes.
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
create index embeddings_document on embeddings (document_id);
create index embeddings_private on embeddings (space_id, model_id) where live and space_id <> 1;
create index embeddings_shared on embeddings (document_id) where live and space_id = 1;
call protect('embeddings');
create policy read on embeddings for select to alcove_app using (space_id = any ((select app_spaces())::integer[]));
create policy add on embeddings for insert to alcove_app
    with check (space_id = any ((select app_writable_spaces())::integer[]));
create policy change on embeddings for update to alcove_app
    using (space_id = any ((select app_writable_spaces())::integer[]));
create policy remove on embeddings for delete to alcove_app
    using (space_id = any ((select app_writable_spaces())::integer[]));
grant select, insert, update, delete on embeddings to alcove_app;
-- The partition of the built-in model. Only an administrator can create partitions, so this transaction is one briefly.
select set_config('app.is_admin', 'true', true);
select create_embedding_partition(id) from embedding_models;
select set_config('app.is_admin', '', true);

-- Documents that the model in preparation has not embedded yet. A worker claims one or several under one lease.
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

-- The GPU task embeds big documents. Their chunks wait here, and searches use the document's previous version until
-- every chunk has its vector and the ingestion worker stores the new version.
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

-- Pages that are pictures: their text is recognised before the document is stored, and is kept as long as the bytes are
-- the document's, so that reading them again costs nothing. `content` is null while a page waits.
create table recognised_pages (
    document_id uuid not null references documents on delete cascade,
    page integer not null check (page > 0),
    object_version text not null check (length(object_version) <= 1024),
    languages text not null check (length(languages) <= 100),
    content text,
    words integer check (words >= 0),
    confidence integer check (confidence between 0 and 100),
    doubtful_words integer check (doubtful_words >= 0),
    doubtful text[] check (cardinality(doubtful) <= 20),
    lease_token uuid,
    leased_until timestamptz,
    attempts integer not null default 0,
    primary key (document_id, page)
);
create index recognised_pages_open on recognised_pages (document_id) where content is null;
create index recognised_pages_lease on recognised_pages (lease_token) where lease_token is not null;
call protect('recognised_pages');

-- When the GPU task was last started: one row.
create table embedder_starts (
    id integer primary key default 1 check (id = 1),
    requested_at timestamptz
);
insert into embedder_starts default values;
call protect('embedder_starts');

-- BM25 document weights of a chunk: tf / (tf + k1 (1 - b + b dl / avgdl)) at index(lexeme).
create table chunk_terms (
    chunk_id uuid primary key,
    document_id uuid not null,
    space_id integer not null,
    live boolean not null default true,
    weights sparsevec(536870912) not null,
    -- The chunk's number in the segments; null while it is in no segment. A number is never reused.
    number integer,
    foreign key (chunk_id, document_id, space_id) references document_chunks (id, document_id, space_id)
        on delete cascade on update cascade
);
alter table chunk_terms alter column weights set storage main;
create sequence chunk_numbers as integer;
create index chunk_terms_space on chunk_terms (space_id) where live;
create index chunk_terms_document on chunk_terms (document_id);
create unique index chunk_terms_number on chunk_terms (number) where number is not null;
create index chunk_terms_tail on chunk_terms (space_id) where live and number is null;
create trigger detach_chunk_from_segment before update of weights, space_id on chunk_terms for each row
    when (old.number is not null)
    execute function detach_chunk_from_segment();
call protect('chunk_terms');
create policy read on chunk_terms for select to alcove_app using (space_id = any ((select app_spaces())::integer[]));
create policy add on chunk_terms for insert to alcove_app
    with check (space_id = any ((select app_writable_spaces())::integer[]));
create policy change on chunk_terms for update to alcove_app
    using (space_id = any ((select app_writable_spaces())::integer[]));
create policy remove on chunk_terms for delete to alcove_app
    using (space_id = any ((select app_writable_spaces())::integer[]));
grant select, insert, update, delete on chunk_terms to alcove_app;

-- The number of chunks that contain a lexeme, over all spaces; lexeme 0 counts the chunks. Append-only, so that
-- parallel ingestions never wait for each other; tick folds the rows of one lexeme into one.
create table lexeme_counts (
    lexeme integer not null,
    chunks bigint not null
);
create index lexeme_counts_lexeme on lexeme_counts (lexeme) include (chunks);
call protect('lexeme_counts');

-- BM25 over large spaces: an inverted index beside the weights. `tick` builds it in segments, each with chunks of one
-- space; chunks that are in no segment yet are ranked by their weights (docs/retrieval.md). The size of a segment is
-- limited by its postings and not only by its chunks: with long chunks, writing a segment would exceed the statement
-- timeout.
create table lexical_segments (
    id integer primary key generated always as identity,
    space_id integer not null references spaces on delete cascade,
    numbers int4multirange not null check (not lower_inf(numbers) and not upper_inf(numbers)),
    chunks integer not null,
    postings bigint not null default 0,
    checked_at timestamptz not null default now()
);
create index lexical_segments_space on lexical_segments (space_id);
create index lexical_segments_checked on lexical_segments (checked_at);
call protect('lexical_segments');
create policy read on lexical_segments for select to alcove_app
    using (space_id = any ((select app_spaces())::integer[]));
grant select on lexical_segments to alcove_app;

-- One lexeme of a segment: parallel arrays of the chunks that contain it and their weights; the number of chunks, and
-- the greatest weight.
create table lexical_postings (
    segment_id integer not null references lexical_segments on delete cascade,
    lexeme integer not null,
    space_id integer not null,
    chunks integer not null,
    peak real not null,
    numbers integer[] not null,
    weights real[] not null,
    primary key (segment_id, lexeme)
);
-- These arrays hardly compress, and the attempt costs more than it saves.
alter table lexical_postings alter column numbers set storage external;
alter table lexical_postings alter column weights set storage external;
call protect('lexical_postings');
create policy read on lexical_postings for select to alcove_app
    using (space_id = any ((select app_spaces())::integer[]));
grant select on lexical_postings to alcove_app;

-- Selection, second tier: whether a user's searches use a document that the user can see.
create table user_document_defaults (
    user_id uuid not null references users on delete cascade,
    document_id uuid not null references documents on delete cascade,
    enabled boolean not null default false,
    updated_at timestamptz not null default now(),
    primary key (user_id, document_id)
);
create index user_document_defaults_document on user_document_defaults (document_id);
create trigger touch before update on user_document_defaults for each row execute function touch_updated_at();
call protect('user_document_defaults');
create policy own on user_document_defaults for all to alcove_app
    using (user_id = (select app_user_id()))
    with check (user_id = (select app_user_id()) and exists (select from documents d where d.id = document_id));
grant select, insert, update, delete on user_document_defaults to alcove_app;

create table repositories (
    id uuid primary key default uuidv7(),
    space_id integer not null references spaces on delete cascade,
    -- The user who created it; null after that account is erased. The space decides who can read and write it.
    owner_id uuid references users on delete set null,
    name text not null check (length(name) between 1 and 255),
    description text check (length(description) <= 2000),
    url text check (length(url) <= 2048),
    source_type text check (length(source_type) between 1 and 50),
    metadata jsonb not null default '{}' check (jsonb_typeof(metadata) = 'object' and length(metadata::text) <= 100000),
    is_archived boolean not null default false,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (id, space_id)
);
create unique index repositories_name on repositories (space_id, lower(name));
create index repositories_space on repositories (space_id, id desc);
create index repositories_owner on repositories (owner_id);
create trigger touch before update on repositories for each row execute function touch_updated_at();
call protect('repositories');
create policy read on repositories for select to alcove_app using (space_id = any ((select app_spaces())::integer[]));
create policy add on repositories for insert to alcove_app
    with check (space_id = any ((select app_writable_spaces())::integer[]) and owner_id = (select app_user_id()));
create policy change on repositories for update to alcove_app
    using (space_id = any ((select app_writable_spaces())::integer[]));
create policy remove on repositories for delete to alcove_app
    using (space_id = any ((select app_writable_spaces())::integer[]));
grant select, insert (space_id, owner_id, name, description, url, source_type, metadata),
      update (name, description, url, source_type, metadata, is_archived), delete on repositories to alcove_app;

-- A document in a repository, at one path. Paths sort by code points on every server. A repository of a group or of the
-- organisation only contains documents of its own space or of the organisation's, so that every reader of the
-- repository can read its documents, and documents whose readers their source names, which these alone see there; a
-- user's own repository contains any document that the user can see.
create table repo_documents (
    repository_id uuid not null,
    document_id uuid not null references documents on delete cascade,
    space_id integer not null,
    -- The document's space, if that is a set of readers: who is not among them does not see the path either.
    readers_space_id integer,
    path text collate "C" not null check (length(path) between 1 and 500),
    added_at timestamptz not null default now(),
    primary key (repository_id, document_id),
    constraint repo_documents_path unique (repository_id, path),
    foreign key (repository_id, space_id) references repositories (id, space_id) on delete cascade on update cascade,
    foreign key (document_id, readers_space_id) references documents (id, space_id) on delete cascade on update cascade
);
create index repo_documents_document on repo_documents (document_id);
create trigger bind_to_readers before insert on repo_documents for each row execute function bind_to_readers();
call protect('repo_documents');
create policy read on repo_documents for select to alcove_app
    using (space_id = any ((select app_spaces())::integer[])
           and (readers_space_id is null or readers_space_id = any ((select app_spaces())::integer[])));
create policy add on repo_documents for insert to alcove_app
    with check (space_id = any ((select app_writable_spaces())::integer[])
                and exists (select from documents d join spaces own on own.id = repo_documents.space_id
                             where d.id = document_id
                               and (d.space_id in (1, repo_documents.space_id) or own.kind = 'user'
                                    or readers_space_id is not null)));
create policy change on repo_documents for update to alcove_app
    using (space_id = any ((select app_writable_spaces())::integer[]));
create policy remove on repo_documents for delete to alcove_app
    using (space_id = any ((select app_writable_spaces())::integer[]));
grant select, insert (repository_id, document_id, space_id, path), update (path), delete on repo_documents to alcove_app;

-- A tag is private to its owner, or global when it has no owner.
create table tags (
    id uuid primary key default uuidv7(),
    owner_id uuid references users on delete cascade,
    name text not null check (length(name) between 1 and 100),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (id, owner_id)
);
create unique index tags_name on tags (owner_id, lower(name)) nulls not distinct;
create trigger touch before update on tags for each row execute function touch_updated_at();
call protect('tags');
create policy read on tags for select to alcove_app using (owner_id = (select app_user_id()) or owner_id is null);
create policy add on tags for insert to alcove_app
    with check (owner_id = (select app_user_id()) or (owner_id is null and (select app_is_admin())));
create policy change on tags for update to alcove_app
    using (owner_id = (select app_user_id()) or (owner_id is null and (select app_is_admin())));
create policy remove on tags for delete to alcove_app
    using (owner_id = (select app_user_id()) or (owner_id is null and (select app_is_admin())));
-- Without an identity no tag is visible, not even a global one.
create policy known on tags as restrictive for all to alcove_app using ((select app_user_id()) is not null);
grant select, insert (owner_id, name), update (name), delete on tags to alcove_app;

-- Connectors: sources outside Alcove whose documents are kept up to date (docs/connectors.md).
create table connectors (
    id uuid primary key default uuidv7(),
    space_id integer not null references spaces on delete cascade,
    -- The user who connected it: its runs have this user's rights. Null after that account is erased.
    owner_id uuid default app_user_id() references users on delete set null,
    -- Where its documents lie at their paths.
    repository_id uuid references repositories on delete set null,
    name text not null check (length(name) between 1 and 255),
    type text not null check (type ~ '^[a-z][a-z_]{1,29}$'),
    -- Whether each document is visible to those whom the source names, in place of the readers of the space. Only
    -- administrators connect such a source: it decides what others find.
    mirrors_readers boolean not null default false check (not mirrors_readers or space_id = 1),
    status text not null default 'pending' check (status in ('pending', 'syncing', 'active', 'error', 'disabled')),
    settings jsonb not null default '{}' check (jsonb_typeof(settings) = 'object' and length(settings::text) <= 100000),
    -- Null: it runs only when a person asks for it.
    refresh_minutes integer check (refresh_minutes between 1 and 525600),
    allow_private_addresses boolean not null default false,
    -- A run that would remove a larger part of the documents stops and waits for a person.
    most_removed_percent smallint not null default 20 check (most_removed_percent between 0 and 100),
    ciphertext bytea check (length(ciphertext) <= 65536),
    wrapped_key bytea check (length(wrapped_key) <= 4096),
    master_key text check (length(master_key) <= 2048),
    -- The credentials are a former owner's: no run uses them, and tick gives the consent back and forgets them.
    ends_consent boolean not null default false,
    -- What the source gave for the next run to begin with, such as a delta token.
    state jsonb not null default '{}' check (jsonb_typeof(state) = 'object' and length(state::text) <= 1000000),
    error_code text check (length(error_code) <= 100),
    error_message text check (length(error_message) <= 2000),
    -- The failed runs since the last good one: the next one waits longer.
    failures integer not null default 0 check (failures >= 0),
    next_run_at timestamptz,
    last_sync_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    check (num_nulls(ciphertext, wrapped_key, master_key) in (0, 3))
);
create index connectors_space on connectors (space_id, id desc);
create index connectors_owner on connectors (owner_id);
create index connectors_due on connectors (next_run_at) where next_run_at is not null;
create trigger touch before update on connectors for each row execute function touch_updated_at();
create trigger guard_private_addresses before insert or update on connectors for each row
    when (new.allow_private_addresses) execute function guard_private_addresses();
call protect('connectors');
create policy read on connectors for select to alcove_app
    using (owner_id = (select app_user_id()) or space_id = any ((select app_writable_spaces())::integer[]));
create policy add on connectors for insert to alcove_app
    with check (space_id = any ((select app_writable_spaces())::integer[]) and owner_id = (select app_user_id())
                and (repository_id is null
                     or exists (select from repositories r
                                 where r.id = repository_id and r.space_id = connectors.space_id)));
create policy change on connectors for update to alcove_app
    using (space_id = any ((select app_writable_spaces())::integer[]));
create policy remove on connectors for delete to alcove_app
    using (space_id = any ((select app_writable_spaces())::integer[]));
grant select, delete,
      insert (id, space_id, owner_id, repository_id, name, type, settings, refresh_minutes, allow_private_addresses,
              mirrors_readers, most_removed_percent, ciphertext, wrapped_key, master_key, next_run_at),
      update (owner_id, name, status, settings, refresh_minutes, allow_private_addresses, most_removed_percent, ciphertext,
              wrapped_key, master_key, ends_consent, state, error_code, error_message, failures, next_run_at)
   on connectors to alcove_app;
create trigger stop_connectors after update on users for each row
    when (old.is_active <> new.is_active) execute function stop_connectors();
-- Credentials of connectors that were deleted, with their space or their owner's account too: tick gives the consent
-- back to its provider and forgets the row.
create table ended_consents (
    connector_id uuid primary key,
    type text not null,
    settings jsonb not null,
    mirrors_readers boolean not null,
    allow_private_addresses boolean not null,
    ciphertext bytea not null,
    wrapped_key bytea not null,
    master_key text not null,
    ended_at timestamptz not null default now()
);
call protect('ended_consents');
create trigger end_consent after delete on connectors for each row
    when (old.ciphertext is not null) execute function end_consent();
alter table documents add foreign key (connector_id) references connectors on delete set null;
create index documents_connector on documents (connector_id) where connector_id is not null;
alter table spaces add foreign key (connector_id) references connectors on delete set null;

-- Whom a source names as readers: 'person:<address>', 'group:<its id there>', 'domain:<name>', 'everyone' who is
-- signed in, or 'owner', the connector's owner, where the source does not tell. The application reaches the next three
-- tables through functions alone (functions/readers.sql).
create table space_readers (
    space_id integer not null references spaces on delete cascade,
    connector_id uuid not null references connectors on delete cascade,
    principal text collate "C" not null
        check (length(principal) <= 500 and principal ~ '^((person|group|domain|owner):.+|everyone)$'),
    primary key (principal, space_id)
);
create index space_readers_space on space_readers (space_id);
create index space_readers_connector on space_readers (connector_id, principal);
call protect('space_readers');

-- The groups among these readers, with the run that read their members last; and the members' addresses.
create table source_groups (
    connector_id uuid not null references connectors on delete cascade,
    principal text collate "C" not null check (length(principal) <= 500),
    run_id uuid,
    primary key (connector_id, principal)
);
call protect('source_groups');
create table source_members (
    connector_id uuid not null,
    principal text collate "C" not null,
    email text collate "C" not null check (length(email) between 1 and 254),
    primary key (email, connector_id, principal),
    foreign key (connector_id, principal) references source_groups on delete cascade
);
create index source_members_group on source_members (connector_id, principal);
call protect('source_members');

-- Runs of connectors. At most one run of a connector is open.
create table sync_runs (
    id uuid primary key default uuidv7(),
    connector_id uuid not null references connectors on delete cascade,
    started_by text not null check (started_by in ('schedule', 'user')),
    -- Who asked for it, and whether this run may remove any number of documents.
    user_id uuid references users on delete set null,
    allow_removals boolean not null default false,
    status text not null default 'pending'
        check (status in ('pending', 'running', 'completed', 'failed', 'stopped', 'cancelled')),
    -- Where the listing of the source continues; null before it begins.
    cursor jsonb check (length(cursor::text) <= 4000000),
    -- How many documents the connector had when the run began; what the share of removals is taken of.
    documents_before integer not null default 0,
    pages integer not null default 0 check (pages >= 0),
    listed integer not null default 0 check (listed >= 0),
    created integer not null default 0 check (created >= 0),
    updated integer not null default 0 check (updated >= 0),
    removed integer not null default 0 check (removed >= 0),
    unchanged integer not null default 0 check (unchanged >= 0),
    -- Items that the source shows to some people alone, and that were left out.
    withheld integer not null default 0 check (withheld >= 0),
    failed integer not null default 0 check (failed >= 0),
    bytes bigint not null default 0 check (bytes >= 0),
    error_code text check (length(error_code) <= 100),
    error_message text check (length(error_message) <= 2000),
    -- The worker's lease; how often a worker or the source failed since the last page; not before when.
    lease_token uuid,
    leased_until timestamptz,
    attempts integer not null default 0 check (attempts >= 0),
    available_at timestamptz not null default now(),
    woken_at timestamptz not null default now(),
    queued_at timestamptz not null default now(),
    started_at timestamptz,
    finished_at timestamptz
);
create unique index sync_runs_open on sync_runs (connector_id) where status in ('pending', 'running');
create index sync_runs_connector on sync_runs (connector_id, id desc);
create index sync_runs_user on sync_runs (user_id);
create index sync_runs_waiting on sync_runs (available_at) where status in ('pending', 'running');
create index sync_runs_finished on sync_runs (finished_at) where finished_at is not null;
call protect('sync_runs');
create policy read on sync_runs for select to alcove_app
    using (exists (select from connectors c where c.id = connector_id));
create policy change on sync_runs for update to alcove_app
    using (exists (select from connectors c where c.id = connector_id
                                              and c.space_id = any ((select app_writable_spaces())::integer[])));
grant select on sync_runs to alcove_app;
grant update (status, cursor, documents_before, pages, listed, created, updated, removed, unchanged, withheld, failed, bytes,
              error_code, error_message, lease_token, leased_until, attempts, available_at, started_at)
   on sync_runs to alcove_app;

-- What a source has: its own id and version of each item, and the document that stands for it. An item with a version
-- and without a document is one whose document a person deleted: it stays out.
create table connector_items (
    connector_id uuid not null references connectors on delete cascade,
    source_id text collate "C" not null check (length(source_id) between 1 and 1024),
    space_id integer not null references spaces on delete cascade,
    document_id uuid references documents on delete set null,
    -- Null: the item's bytes are still to be fetched.
    version text check (length(version) <= 1024),
    path text collate "C" not null check (length(path) between 1 and 500),
    original_url text check (length(original_url) <= 2048),
    authors text[] not null default '{}' check (cardinality(authors) <= 100),
    source_created_at timestamptz,
    source_modified_at timestamptz,
    metadata jsonb not null default '{}' check (jsonb_typeof(metadata) = 'object' and length(metadata::text) <= 100000),
    -- What the type remembers of the item, such as a page's links.
    memory jsonb not null default '{}' check (jsonb_typeof(memory) = 'object' and length(memory::text) <= 500000),
    content_sha256 bytea check (length(content_sha256) = 32),
    -- The last run that saw the item: after a whole listing, the items of earlier runs are gone from the source.
    run_id uuid,
    error_message text check (length(error_message) <= 2000),
    failures integer not null default 0 check (failures >= 0),
    primary key (connector_id, source_id)
) with (fillfactor = 80);
create unique index connector_items_document on connector_items (document_id) where document_id is not null;
create index connector_items_version on connector_items (connector_id, version);
create index connector_items_failed on connector_items (connector_id) where error_message is not null;
create index connector_items_space on connector_items (space_id);
call protect('connector_items');
create policy read on connector_items for select to alcove_app
    using (space_id = any ((select app_spaces())::integer[]));
create policy add on connector_items for insert to alcove_app
    with check (space_id = any ((select app_writable_spaces())::integer[])
                and exists (select from connectors c where c.id = connector_id)
                and (document_id is null or exists (select from documents d where d.id = document_id)));
create policy change on connector_items for update to alcove_app
    using (space_id = any ((select app_writable_spaces())::integer[]))
    with check (space_id = any ((select app_writable_spaces())::integer[])
                and exists (select from connectors c where c.id = connector_id)
                and (document_id is null or exists (select from documents d where d.id = document_id)));
create policy remove on connector_items for delete to alcove_app
    using (space_id = any ((select app_writable_spaces())::integer[]));
grant select, insert, update, delete on connector_items to alcove_app;
