-- Triggers of documents and their chunks.

-- A user who replaces the bytes of a document, reindexes it or restores it becomes its owner when the present owner can
-- no longer write to its space: a document is ingested under its owner's identity.
create or replace function transfer_ownership() returns trigger
    language plpgsql security definer set search_path = public, pg_temp
    as $$
begin
    if app_user_id() is null or new.owner_id = app_user_id() or new.owner_id <> old.owner_id
       or may_write(new.owner_id, new.space_id) then
        return new;
    end if;
    new.owner_id := app_user_id();
    -- The new owner may have a document with the same bytes there: ingestion then makes this document a copy of it.
    if new.status = 'completed' and new.duplicate_of is null and new.connector_id is null
       and exists (select from documents o
                    where o.owner_id = new.owner_id and o.space_id = new.space_id and o.content_sha256 = new.content_sha256
                      and o.id <> new.id and o.deleted_at is null and not o.is_archived and o.duplicate_of is null
                      and o.connector_id is null) then
        new.status := 'pending';
        new.object_version := null;
    end if;
    return new;
end
$$;

-- The key of the bucket at which an announced upload arrives. Only the service writes to a document's own key, and to
-- the keys of staged uploads.
create or replace function upload_key(announcement uuid, is_staged boolean default false) returns text
    language sql immutable parallel safe
    return case when is_staged then 'uploads/staged/' else 'uploads/' end || announcement;
grant execute on function upload_key(uuid, boolean) to alcove_app;

-- An announcement that ends unused, for example with its document: what may have arrived for it is deleted, parts too.
create or replace function forget_upload() returns trigger
    language plpgsql security definer set search_path = public, pg_temp
    as $$
begin
    insert into object_deletions (object_key) values (upload_key(old.id, old.is_staged)) on conflict do nothing;
    return null;
end
$$;

-- The end of an ingestion sets its time.
create or replace function note_processing() returns trigger
    language plpgsql set search_path = public, pg_temp
    as $$
begin
    new.processed_at := now();
    return new;
end
$$;

-- Records that other bytes of a document are searchable now, and who sent them; the newest hundred versions stay.
create or replace function record_version() returns trigger
    language plpgsql security definer set search_path = public, pg_temp
    as $$
declare
    last document_versions;
    -- Whoever sends bytes while others are read is not who sent those.
    sender constant uuid := case when not old.recheck then new.sent_by end;
begin
    select * into last from document_versions v where v.document_id = new.id order by v.version desc limit 1;
    if last.content_sha256 is distinct from new.content_sha256 then
        insert into document_versions (document_id, space_id, version, filename, size_bytes, content_sha256, sent_by)
        values (new.id, new.space_id, coalesce(last.version, 0) + 1, new.filename, new.size_bytes, new.content_sha256,
                sender);
        delete from document_versions v where v.document_id = new.id and v.version <= last.version - 99;
    elsif last.sent_by is null then
        update document_versions v set sent_by = sender where v.id = last.id;
    end if;
    return null;
end
$$;

-- A document that moves keeps its present version only: readers of its new space could not read the former ones.
create or replace function forget_versions() returns trigger
    language plpgsql security definer set search_path = public, pg_temp
    as $$
begin
    delete from document_versions v
     where v.document_id = new.id
       and v.version < (select max(n.version) from document_versions n where n.document_id = new.id);
    return null;
end
$$;

-- Restoring a document clears the reason of its deletion.
create or replace function forget_deletion() returns trigger
    language plpgsql set search_path = public, pg_temp
    as $$
begin
    new.deleted_by := null;
    return new;
end
$$;

-- Keeps `live` of the document's chunks and the counts of lexemes in step with its deletion and archiving. A statement
-- of a trigger has its own snapshot, so this also covers chunks that another transaction stored while this one waited
-- for it.
create or replace function follow_visibility() returns trigger
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

-- Deletes, restores, archives and moves a document's children together with it, and copies of a child by the same
-- owner. A child that a user deleted separately stays deleted. The function runs with the rights of the caller: parent
-- and children are in one space.
create or replace function update_children_with_parent() returns trigger
    language plpgsql set search_path = public, pg_temp
    as $$
begin
    if new.deleted_at is not null and old.deleted_at is null then
        update documents c set deleted_at = new.deleted_at, deleted_by = 'parent'
         where c.parent_id = new.id and c.deleted_at is null;
        -- A copy by another owner stays: it is ingested again as a document of its own.
        update documents a set duplicate_of = null, content_sha256 = null, status = 'pending', object_version = null
         where new.deleted_by is not null and a.duplicate_of = new.id and a.deleted_at is null;
    end if;
    if new.deleted_at is null and old.deleted_at is not null then
        update documents c set deleted_at = null where c.parent_id = new.id and c.deleted_by = 'parent';
    end if;
    if new.is_archived <> old.is_archived then
        update documents c set is_archived = new.is_archived
         where c.parent_id = new.id and c.is_archived <> new.is_archived;
    end if;
    if new.space_id <> old.space_id or new.owner_id <> old.owner_id then
        update documents c set space_id = new.space_id, owner_id = new.owner_id
         where c.parent_id = new.id and (c.space_id <> new.space_id or c.owner_id <> new.owner_id);
    end if;
    if new.owner_id <> old.owner_id then
        update documents a set owner_id = new.owner_id where a.duplicate_of = new.id and a.owner_id = old.owner_id;
    end if;
    if new.deleted_at is null and not new.is_archived then
        -- A document with the same bytes may have been added meanwhile: ingestion then makes the child a copy of it.
        update documents c set status = 'pending', object_version = null
         where c.parent_id = new.id and c.deleted_at is null and c.duplicate_of is null and c.status = 'completed'
           and c.connector_id is null and exists (select from documents o
                        where o.owner_id = c.owner_id and o.space_id = c.space_id and o.content_sha256 = c.content_sha256
                          and o.id <> c.id and o.deleted_at is null and not o.is_archived and o.duplicate_of is null
                          and o.connector_id is null);
    end if;
    return null;
end
$$;

-- When a document's ingestion ends, the chunks that wait for the GPU task are deleted, and so are pages that could not
-- be recognised.
create or replace function forget_requests() returns trigger
    language plpgsql security definer set search_path = public, pg_temp
    as $$
begin
    delete from embedding_requests r where r.document_id = new.id;
    delete from recognised_pages r where r.document_id = new.id and r.content is null;
    update documents d set embed_here = false where d.id = new.id and d.embed_here;
    return null;
end
$$;

-- A chunk that moves to another space or gets other weights leaves its segment: its number in the segment no longer
-- refers to a chunk.
create or replace function detach_chunk_from_segment() returns trigger
    language plpgsql set search_path = public, pg_temp
    as $$
begin
    new.number := null;
    return new;
end
$$;

-- The space that documents of a space are charged to: what only some readers see is the organisation's.
create or replace function space_charged_for(space integer) returns integer
    language plpgsql stable security definer set search_path = public, pg_temp
    as $$
begin
    return coalesce((select 1 from spaces s where s.id = space and s.kind = 'readers'), space);
end
$$;

-- Adds bytes to what a space holds. Refuses with SQLSTATE AL507 what exceeds the space's limit: the lock of the space's
-- row puts parallel additions in an order. `detail` holds the numbers (chalicelib/knowledge/documents/storage_use.py).
create or replace function charge_storage(charged integer, bytes bigint) returns void
    language plpgsql security definer set search_path = public, pg_temp
    as $$
declare
    used bigint;
    most bigint;
begin
    if coalesce(bytes, 0) = 0 then
        return;
    end if;
    update spaces s set used_bytes = s.used_bytes + bytes where s.id = space_charged_for(charged)
    returning s.used_bytes, storage_limit_of(s.id) into used, most;
    if bytes > 0 and used > most then
        raise exception 'the space is full' using errcode = 'AL507',
            detail = json_build_object('used_bytes', used - bytes, 'limit_bytes', most, 'requested_bytes', bytes);
    end if;
end
$$;

create or replace function charge_new_documents() returns trigger
    language plpgsql security definer set search_path = public, pg_temp
    as $$
begin
    perform charge_storage(a.space_id, sum(a.size_bytes)::bigint) from added a group by a.space_id order by a.space_id;
    return null;
end
$$;

create or replace function discharge_documents() returns trigger
    language plpgsql security definer set search_path = public, pg_temp
    as $$
begin
    perform charge_storage(r.space_id, -sum(r.size_bytes)::bigint) from removed r group by r.space_id order by r.space_id;
    return null;
end
$$;

-- A document that moves is charged to its new space.
create or replace function recharge_document() returns trigger
    language plpgsql security definer set search_path = public, pg_temp
    as $$
begin
    if space_charged_for(old.space_id) = space_charged_for(new.space_id) then
        perform charge_storage(new.space_id, coalesce(new.size_bytes, 0) - coalesce(old.size_bytes, 0));
    else
        perform charge_storage(old.space_id, -old.size_bytes);
        perform charge_storage(new.space_id, new.size_bytes);
    end if;
    return null;
end
$$;

-- An entry of a document whose readers its source names is theirs alone.
create or replace function bind_to_readers() returns trigger
    language plpgsql security definer set search_path = public, pg_temp
    as $$
begin
    new.readers_space_id := (select d.space_id from documents d join spaces s on s.id = d.space_id
                              where d.id = new.document_id and s.kind = 'readers');
    return new;
end
$$;

-- Only an administrator lets a connector reach private addresses, or changes where such a connector goes.
create or replace function guard_private_addresses() returns trigger
    language plpgsql set search_path = public, pg_temp
    as $$
begin
    if not app_is_admin() and (tg_op = 'INSERT' or not old.allow_private_addresses or new.settings <> old.settings) then
        raise exception 'only an administrator allows private addresses' using errcode = 'insufficient_privilege';
    end if;
    return new;
end
$$;

-- Whether a chunk consists of rows of a table: it has at least as many cells as lines. The index document_chunks_rows
-- holds the result, so the migration that changes this function builds that index again.
create or replace function has_rows(chunk_text text) returns boolean
    language sql immutable parallel safe
    return strpos(chunk_text, ' | ') > 0
           and length(chunk_text) - length(replace(chunk_text, ' | ', ''))
               >= 3 * (length(chunk_text) - length(replace(chunk_text, E'\n', '')));
grant execute on function has_rows(text) to alcove_app;

-- The credentials of a connector that is deleted, for tick to give its consent back.
create or replace function end_consent() returns trigger
    language plpgsql security definer set search_path = public, pg_temp
    as $$
begin
    insert into ended_consents (connector_id, type, settings, mirrors_readers, allow_private_addresses, ciphertext,
                                wrapped_key, master_key)
    values (old.id, old.type, old.settings, old.mirrors_readers, old.allow_private_addresses, old.ciphertext,
            old.wrapped_key, old.master_key);
    return null;
end
$$;

-- The sources that a deactivated user connected stop, and administrators read it among the events; they go on when the
-- user is activated again.
create or replace function stop_connectors() returns trigger
    language plpgsql security definer set search_path = public, pg_temp
    as $$
declare
    stopped integer;
begin
    if new.is_active then
        update connectors c
           set status = 'pending', error_code = null, error_message = null, failures = 0,
               next_run_at = case when c.refresh_minutes is not null then now() end
         where c.owner_id = new.id and c.error_code = 'connector_owner_left' and c.status = 'error';
        return null;
    end if;
    update sync_runs r set status = 'cancelled', finished_at = now(), lease_token = null, leased_until = null
      from connectors c
     where c.owner_id = new.id and r.connector_id = c.id and r.status in ('pending', 'running');
    update connectors c
       set status = 'error', next_run_at = null, error_code = 'connector_owner_left',
           error_message = 'The user who connected this source is deactivated. Another person takes the connector over.'
     where c.owner_id = new.id and c.status <> 'disabled';
    get diagnostics stopped = row_count;
    if stopped > 0 then
        insert into self_healing_events (event_type, severity, description, action_taken, entity_id)
        values ('connector_error', 'critical',
                format('A user who connected %s sources is deactivated. They are no longer kept up to date.', stopped),
                'The documents stay. Hand the connectors over (POST /users/{id}/handover), or take them over.', new.id);
    end if;
    return null;
end
$$;
