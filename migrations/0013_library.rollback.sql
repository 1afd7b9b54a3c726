-- The version before knows no archive: what is in it is found again.
select set_config('app.writable_spaces', (select coalesce(array_agg(id), '{}')::text from spaces), true);
update documents set is_archived = false where is_archived;

drop function note_missing_objects(uuid[], uuid[]);
drop function sweep_objects(text[], text[], timestamptz[], interval, interval, text);
drop function next_sweep(interval);
drop table bucket_sweeps;
drop function purge_documents(interval, bigint);
drop table entity_tags, tags, repo_documents, repositories, conversation_document_overrides, user_document_defaults;

create or replace function claim_object_deletions(amount integer) returns setof text
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        with due as (
            select object_key from object_deletions where due_at <= now()
             order by due_at limit least(amount, 1000) for update skip locked)
        update object_deletions d set due_at = now() + interval '10 minutes'
          from due where d.object_key = due.object_key
        returning d.object_key;
    end;

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
     where d.id = any (chosen) and d.deleted_at is null and entry <> ''
     group by 1
    union all
    select 0, -count(*) from documents d join chunk_terms t on t.document_id = d.id
     where d.id = any (chosen) and d.deleted_at is null having count(*) > 0;
    delete from documents d where d.id = any (chosen);
    return cardinality(chosen);
end
$$;

create or replace function store_embeddings(token uuid, chunks uuid[], vectors text[], lease interval) returns boolean
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

drop trigger follow_visibility on documents;
drop function follow_visibility();
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

create or replace function count_lexemes(wanted uuid, sign integer) returns void
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

drop function name_rank(text, text);
drop view readable_documents;
drop index documents_duplicates, documents_deleted, documents_batch;
alter table documents drop column batch_id, drop column is_archived;
create view readable_documents with (security_invoker = true) as
    select d.id, d.title, d.filename, s.kind as scope, d.space_id, d.source_type, d.content_type, d.size_bytes,
           d.status, d.stage, d.chunks_done, d.chunks_total, d.chunk_count, d.duplicate_of, d.created_at, d.updated_at,
           d.indexed_at,
           case when d.error_code is not null
                then jsonb_build_object('code', d.error_code, 'message', d.error_message) end as error
      from documents d join spaces s on s.id = d.space_id
     where d.deleted_at is null;
grant select on readable_documents to alcove_app;
