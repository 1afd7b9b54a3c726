-- The library: which documents a search uses, repositories, tags, and what becomes of documents in time.

alter table documents
    add column is_archived boolean not null default false,
    -- A number that a client gives several uploads, to see how far they are together.
    add column batch_id uuid;
create index documents_batch on documents (batch_id) where batch_id is not null;
create index documents_deleted on documents (deleted_at) where deleted_at is not null;
create index documents_duplicates on documents (duplicate_of) where duplicate_of is not null;

-- A document as its readers see it, deleted ones included. It runs with the rights of whoever asks.
drop view readable_documents;
create view readable_documents with (security_invoker = true) as
    select d.id, d.title, d.filename, s.kind as scope, s.group_id, d.space_id, d.source_type, d.content_type, d.size_bytes,
           d.status, d.stage, d.chunks_done, d.chunks_total, d.chunk_count, d.duplicate_of, d.batch_id as batch,
           d.is_archived, d.created_at, d.updated_at, d.indexed_at, d.deleted_at,
           case when d.error_code is not null
                then jsonb_build_object('code', d.error_code, 'message', d.error_message) end as error
      from documents d join spaces s on s.id = d.space_id;
grant select on readable_documents to alcove_app;

-- How well a name fits what somebody types, misspelt or not: 1 and above where it holds just that, else how like its
-- most similar run of words is (0 to 1, trigrams).
create function name_rank(wanted text, name text) returns real
    language sql immutable parallel safe
    return case when strpos(lower(name), lower(wanted)) > 0 then 1 + similarity(wanted, name)
                else strict_word_similarity(wanted, name) end;

-- Adds (or, with sign -1, takes back) what a document's chunks contribute to lexeme_counts, while they may be found.
create or replace function count_lexemes(wanted uuid, sign integer) returns void
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        insert into lexeme_counts (lexeme, chunks)
        select split_part(entry, ':', 1)::integer, sign * count(*)
          from chunk_terms t,
               unnest(string_to_array(trim('{' from split_part(t.weights::text, '}', 1)), ',')) as entry
         where t.document_id = wanted and t.live and t.space_id = any (app_writable_spaces()) and entry <> ''
         group by 1
        union all
        select 0, sign * count(*)
          from chunk_terms t where t.document_id = wanted and t.live and t.space_id = any (app_writable_spaces());
    end;

-- Whether passages may be found follows their document's deletion and archiving, and the counts of lexemes follow that;
-- also of those that were stored while the change waited for their transaction: a trigger looks again, with a
-- snapshot of its own.
drop trigger follow_deletion on documents;
drop function follow_deletion();
create function follow_visibility() returns trigger
    language plpgsql set search_path = public, pg_temp
    as $$
declare
    visible constant boolean := new.deleted_at is null and not new.is_archived;
begin
    if not visible then
        perform count_lexemes(new.id, -1);
    end if;
    update embeddings e set live = visible where e.document_id = new.id and e.live <> visible;
    update chunk_terms t set live = visible where t.document_id = new.id and t.live <> visible;
    if visible then
        perform count_lexemes(new.id, 1);
    end if;
    return null;
end
$$;
create trigger follow_visibility after update on documents for each row
    when ((old.deleted_at is null and not old.is_archived) <> (new.deleted_at is null and not new.is_archived))
    execute function follow_visibility();

-- As before, but what is archived is not found either.
create or replace function store_embeddings(token uuid, chunks uuid[], vectors text[], lease interval) returns boolean
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    target smallint;
begin
    -- Documents first, as everybody who locks both does; whether they may be found is then certain.
    perform from documents d
     where d.id in (select q.document_id from embedding_queue q where q.lease_token = token) order by d.id for share;
    perform from embedding_queue q where q.lease_token = token order by q.document_id for update;
    select q.model_id into target from embedding_queue q where q.lease_token = token limit 1;
    if not found then
        return false;
    end if;
    with stored as (
        insert into embeddings (chunk_id, model_id, document_id, space_id, live, embedding)
        select c.id, target, c.document_id, c.space_id, d.deleted_at is null and not d.is_archived, g.vector::halfvec
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

-- As before, but what is archived is not counted either.
create or replace function erase_documents(session uuid, amount bigint) returns bigint
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    chosen uuid[];
begin
    if refuse_erasure(session) is not null then
        return null;
    end if;
    select coalesce(array_agg(d.id), '{}') into chosen
      from (select o.id, sum(1 + o.chunk_count) over (order by o.id) - o.chunk_count as before
              from documents o join spaces s on s.id = o.space_id where s.user_id = app_user_id()) d
     where d.before <= amount;
    insert into object_deletions (object_key)
    select d.object_key from documents d where d.id = any (chosen) or d.duplicate_of = any (chosen)
    on conflict do nothing;
    insert into lexeme_counts (lexeme, chunks)
    select split_part(entry, ':', 1)::integer, -count(*)
      from documents d join chunk_terms t on t.document_id = d.id,
           unnest(string_to_array(trim('{' from split_part(t.weights::text, '}', 1)), ',')) as entry
     where d.id = any (chosen) and t.live and entry <> ''
     group by 1
    union all
    select 0, -count(*) from documents d join chunk_terms t on t.document_id = d.id
     where d.id = any (chosen) and t.live having count(*) > 0;
    delete from documents d where d.id = any (chosen);
    return cardinality(chosen);
end
$$;

-- Selection, tier two: whether a user's searches use a document that the user may see.
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

-- Tier three: whether one conversation uses it, whatever the user's default says.
create table conversation_document_overrides (
    conversation_id uuid not null,
    user_id uuid not null,
    document_id uuid not null references documents on delete cascade,
    enabled boolean not null,
    updated_at timestamptz not null default now(),
    primary key (conversation_id, document_id),
    foreign key (conversation_id, user_id) references conversations (id, user_id) on delete cascade on update cascade
);
create index conversation_document_overrides_document on conversation_document_overrides (document_id);
create trigger touch before update on conversation_document_overrides for each row execute function touch_updated_at();
call protect('conversation_document_overrides');
create policy own on conversation_document_overrides for all to alcove_app
    using (user_id = (select app_user_id()))
    with check (user_id = (select app_user_id()) and exists (select from documents d where d.id = document_id));
grant select, insert, update, delete on conversation_document_overrides to alcove_app;

create table repositories (
    id uuid primary key default uuidv7(),
    space_id integer not null references spaces on delete cascade,
    -- Who made it; null once that account is erased. Who may read and write it, the space says.
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

-- A document in a repository, at one path. Paths compare by their characters' numbers, wherever it runs. A group's or
-- the organisation's repository holds documents of its own space or of the organisation's, so that whoever reads the one
-- reads the other; one's own holds what one sees.
create table repo_documents (
    repository_id uuid not null,
    document_id uuid not null references documents on delete cascade,
    space_id integer not null,
    path text collate "C" not null check (length(path) between 1 and 500),
    added_at timestamptz not null default now(),
    primary key (repository_id, document_id),
    constraint repo_documents_path unique (repository_id, path),
    foreign key (repository_id, space_id) references repositories (id, space_id) on delete cascade on update cascade
);
create index repo_documents_document on repo_documents (document_id);
call protect('repo_documents');
create policy read on repo_documents for select to alcove_app using (space_id = any ((select app_spaces())::integer[]));
create policy add on repo_documents for insert to alcove_app
    with check (space_id = any ((select app_writable_spaces())::integer[])
                and exists (select from documents d join spaces own on own.id = repo_documents.space_id
                             where d.id = document_id
                               and (d.space_id in (1, repo_documents.space_id) or own.kind = 'user')));
create policy change on repo_documents for update to alcove_app
    using (space_id = any ((select app_writable_spaces())::integer[]));
create policy remove on repo_documents for delete to alcove_app
    using (space_id = any ((select app_writable_spaces())::integer[]));
grant select, insert (repository_id, document_id, space_id, path), update (path), delete on repo_documents to alcove_app;

-- A name to find things by again: one's own, or, without an owner, everybody's.
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
-- Without an identity nothing is seen, also not what is everybody's.
create policy known on tags as restrictive for all to alcove_app using ((select app_user_id()) is not null);
grant select, insert (owner_id, name), update (name), delete on tags to alcove_app;

-- A tag on one thing: a column for each kind of thing, exactly one of which is set. `owner_id` repeats the tag's and
-- `space_id` the thing's (of what has no space, its user's), so that a row alone says who sees it.
create table entity_tags (
    id uuid primary key default uuidv7(),
    tag_id uuid not null references tags on delete cascade,
    owner_id uuid,
    space_id integer not null references spaces on delete cascade,
    document_id uuid,
    repository_id uuid,
    conversation_id uuid references conversations on delete cascade,
    created_at timestamptz not null default now(),
    constraint entity_tags_one_entity check (num_nonnulls(document_id, repository_id, conversation_id) = 1),
    unique (tag_id, document_id),
    unique (tag_id, repository_id),
    unique (tag_id, conversation_id),
    foreign key (tag_id, owner_id) references tags (id, owner_id) on delete cascade on update cascade,
    foreign key (document_id, space_id) references documents (id, space_id) on delete cascade on update cascade,
    foreign key (repository_id, space_id) references repositories (id, space_id) on delete cascade on update cascade
);
create index entity_tags_document on entity_tags (document_id) where document_id is not null;
create index entity_tags_repository on entity_tags (repository_id) where repository_id is not null;
create index entity_tags_conversation on entity_tags (conversation_id) where conversation_id is not null;
create index entity_tags_space on entity_tags (space_id);
call protect('entity_tags');
create policy read on entity_tags for select to alcove_app
    using (owner_id = (select app_user_id())
           or (owner_id is null and space_id = any ((select app_spaces())::integer[])));
-- One's own tags go on what one sees, everybody's on what one may change.
create policy add on entity_tags for insert to alcove_app
    with check ((owner_id = (select app_user_id()) and space_id = any ((select app_spaces())::integer[])
                 or owner_id is null and space_id = any ((select app_writable_spaces())::integer[]))
                and exists (select from tags t
                             where t.id = tag_id and t.owner_id is not distinct from entity_tags.owner_id));
create policy own_conversation on entity_tags as restrictive for insert to alcove_app
    with check (conversation_id is null
                or (exists (select from conversations c where c.id = conversation_id)
                    and exists (select from spaces s where s.id = space_id and s.user_id = (select app_user_id()))));
create policy remove on entity_tags for delete to alcove_app
    using (owner_id = (select app_user_id())
           or (owner_id is null and space_id = any ((select app_writable_spaces())::integer[])));
grant select, insert (tag_id, owner_id, space_id, document_id, repository_id, conversation_id), delete
   on entity_tags to alcove_app;

-- For tick: removes documents that were deleted longer ago than `age`, the oldest first, until about `amount` passages
-- are gone, and notes their objects. Returns how many rows. What is restored at the same moment stays.
create function purge_documents(age interval, amount bigint) returns bigint
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    chosen uuid[];
    purged bigint;
begin
    select coalesce(array_agg(d.id), '{}') into chosen
      from (select o.id, sum(1 + o.chunk_count) over (order by o.deleted_at, o.id) - o.chunk_count as before
              from (select id, deleted_at, chunk_count from documents
                     where deleted_at < now() - age order by deleted_at, id limit 500) o) d
     where d.before <= amount;
    -- A copy that became one while its original was being deleted lives: it is read again for itself.
    update documents d set duplicate_of = null, content_sha256 = null, status = 'pending', object_version = null
     where d.duplicate_of = any (chosen) and d.deleted_at is null;
    with gone as (
        delete from documents d
         where (d.id = any (chosen) or d.duplicate_of = any (chosen)) and d.deleted_at < now() - age
        returning d.object_key),
    noted as (
        insert into object_deletions (object_key) select object_key from gone on conflict do nothing)
    select count(*) into purged from gone;
    return purged;
end
$$;

-- As before; but an object whose document is there, a database that was restored say, is nobody's to delete.
create or replace function claim_object_deletions(amount integer) returns setof text
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        delete from object_deletions o
         where o.due_at <= now() and exists (select from documents d where d.object_key = o.object_key);
        with due as (
            select object_key from object_deletions where due_at <= now()
             order by due_at limit least(amount, 1000) for update skip locked)
        update object_deletions d set due_at = now() + interval '10 minutes'
          from due where d.object_key = due.object_key
        returning d.object_key;
    end;

-- How far the comparison of the whole bucket with the database is: one row.
create table bucket_sweeps (
    id boolean primary key default true check (id),
    after_key text not null default '' check (length(after_key) <= 1024),
    finished_at timestamptz
);
call protect('bucket_sweeps');
insert into bucket_sweeps default values;

-- For tick: after which key the comparison goes on; null when it was finished less than `pause` ago.
create function next_sweep(pause interval) returns text
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select s.after_key from bucket_sweeps s
         where s.after_key <> '' or s.finished_at is null or s.finished_at < now() - pause;
    end;

-- For tick: what to make of some of the bucket's objects, `versions` being the newest of each. What belongs to no
-- document, and has been there for `patience`, is deleted after `delay`, and told. Returns the keys whose older
-- versions nobody needs any more. The comparison goes on after `reached`; '' ends it.
create function sweep_objects(keys text[], versions text[], stored timestamptz[], patience interval, delay interval,
                              reached text) returns setof text
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
begin
    with found as (
        select * from unnest(keys, versions, stored) as f (object_key, version, stored_at)),
    noted as (
        insert into object_deletions (object_key, due_at)
        select f.object_key, now() + delay from found f
         where f.stored_at < now() - patience
           and not exists (select from documents d where d.object_key = f.object_key)
        on conflict do nothing
        returning object_key)
    insert into self_healing_events (event_type, severity, description, action_taken)
    select 'object_orphaned', 'warning',
           left(format('%s objects of the bucket belong to no document, such as %s.', count(*), min(n.object_key)), 2000),
           format('They will be deleted at %s.', to_char((now() + delay) at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'))
      from noted n having count(*) > 0;
    update bucket_sweeps set after_key = reached, finished_at = case when reached = '' then now() else finished_at end;
    return query
        select d.object_key
          from unnest(keys, versions) as f (object_key, version)
          join documents d on d.object_key = f.object_key and d.object_version = f.version and d.status = 'completed';
end
$$;

-- For tick: documents that seem finished and whose object is not in the bucket are told of, once; those whose object
-- came back are well again. Returns how many were told of.
create function note_missing_objects(missing uuid[], present uuid[]) returns bigint
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        update documents d set error_code = null, error_message = null
         where d.id = any (present) and d.error_code = 'object_missing';
        with lost as (
            update documents d
               set error_code = 'object_missing',
                   error_message = 'The bucket no longer holds this document''s file. What was read from it still '
                                   'answers; upload it again to keep it.'
             where d.id = any (missing) and d.status = 'completed' and d.deleted_at is null
               and d.error_code is distinct from 'object_missing'
            returning d.id),
        told as (
            insert into self_healing_events (event_type, severity, description, action_taken, entity_id)
            select 'object_missing', 'critical', 'The bucket does not hold the object of a document.',
                   'The document says so; its passages still answer.', lost.id
              from lost returning 1)
        select count(*) from told;
    end;

grant execute on function name_rank(text, text), purge_documents(interval, bigint), next_sweep(interval),
    sweep_objects(text[], text[], timestamptz[], interval, interval, text), note_missing_objects(uuid[], uuid[])
    to alcove_app;
