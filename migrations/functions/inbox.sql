-- The inbox: objects that an operator puts under inbox/ become documents (chalicelib/knowledge/documents/inbox.py).

-- The space that a path names, and who owns what arrives there: the user; for a group and for the organisation one of
-- those who may write there, the one who is longest here. A user or group is named by id or name.
create or replace function inbox_place(space_kind text, space_name text)
    returns table (space_id integer, owner_id uuid)
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select s.id,
               (select w.id from users w
                 where w.is_active and (w.id = s.user_id or (s.kind = 'org' and w.is_admin)
                                        or w.id in (select m.user_id from memberships m
                                                     where m.group_id = s.group_id and role_may_write(m.role)))
                 order by w.created_at, w.id limit 1)
          from spaces s left join users u on u.id = s.user_id left join groups g on g.id = s.group_id
         where s.kind = space_kind
           and (s.kind = 'org' or (s.kind = 'group' and space_name in (g.id::text, g.name))
                or (s.kind = 'user' and (u.id::text = space_name or u.username = lower(space_name)
                                         or (u.email = lower(space_name) and u.email_verified))))
         order by u.id, g.id limit 1;
    end;

-- What became of an object. An object that is refused for another reason than before is an event.
create or replace function record_inbox_object(arrived_key text, etag text, document uuid, reason text) returns void
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    former constant text := (select o.refusal from inbox_objects o where o.object_key = arrived_key);
begin
    insert into inbox_objects as o (object_key, document_id, object_etag, refusal)
    values (arrived_key, document, etag, reason)
    on conflict (object_key) do update
       set document_id = coalesce(excluded.document_id, o.document_id), object_etag = excluded.object_etag,
           refusal = excluded.refusal, arrived_at = now();
    if reason is distinct from former and reason is not null then
        insert into self_healing_events (event_type, severity, description, action_taken)
        values ('inbox_refused', 'warning',
                left(format('The object %s of the inbox became no document: %s.', arrived_key,
                            case reason when 'no_space' then 'its path names no space'
                                        when 'no_writer' then 'nobody who is active may write to its space'
                                        else 'its space is full' end), 2000),
                'It stays in the bucket, and is looked at again every six hours.');
    end if;
end
$$;
grant execute on function record_inbox_object(text, text, uuid, text) to alcove_app;

-- Takes an object: the key of the document whose bytes it becomes, or null when it was taken before or is refused. What
-- is said about it (`described`): title, filename, metadata, source_id, content_type.
create or replace function receive_inbox_object(arrived_key text, etag text, size bigint, space_kind text, space_name text,
                                                described jsonb)
    returns text
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    known inbox_objects;
    place record;
    document documents;
begin
    perform pg_advisory_xact_lock(hashtextextended('alcove.inbox:' || arrived_key, 0));
    select o.* into known from inbox_objects o where o.object_key = arrived_key;
    if known.object_etag = etag and known.refusal is null then
        return null;
    end if;
    select * into place from inbox_place(space_kind, space_name);
    if place.space_id is null or place.owner_id is null then
        perform record_inbox_object(arrived_key, etag, null,
                                    case when place.space_id is null then 'no_space' else 'no_writer' end);
        return null;
    end if;
    -- The announcement of this moment: an upload that was announced before it does not replace it.
    update documents d
       set size_bytes = size, announced_at = now(), upload_id = uuidv7(), sent_by = null, error_code = null,
           error_message = null, content_type = described ->> 'content_type', metadata = described -> 'metadata',
           status = case when d.status = 'processing' then d.status else 'pending' end,
           owner_id = case when may_write(d.owner_id, d.space_id) then d.owner_id else place.owner_id end
     where d.id = known.document_id and d.space_id = place.space_id and d.deleted_at is null
    returning * into document;
    if not found then
        insert into documents (id, space_id, owner_id, title, filename, source_type, content_type, size_bytes, object_key,
                               metadata, source_id)
        select i.id, place.space_id, place.owner_id, described ->> 'title', described ->> 'filename', 'upload',
               described ->> 'content_type', size, 'documents/' || i.id, described -> 'metadata', described ->> 'source_id'
          from (select uuidv7() as id) i
        returning * into document;
    end if;
    perform record_inbox_object(arrived_key, etag, document.id, null);
    return document.object_key;
end
$$;
grant execute on function receive_inbox_object(text, text, bigint, text, text, jsonb) to alcove_app;

-- Deletes the document of an object that is no longer in the bucket; it can be restored. Returns the object keys of its
-- copies, which are documents of their own from now on.
create or replace function delete_inbox_document(removed_key text) returns setof text
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        with forgotten as (
            delete from inbox_objects where object_key = removed_key returning document_id),
        deleted as (
            update documents d set deleted_at = now(), deleted_by = 'inbox'
              from forgotten f where d.id = f.document_id and d.deleted_at is null
            returning d.id)
        select c.object_key from deleted d join documents c on c.duplicate_of = d.id and c.deleted_at is null;
    end;
grant execute on function delete_inbox_document(text) to alcove_app;

-- For tick: the key after which the comparison of the inbox continues; null when the last one ended less than `pause`
-- ago.
create or replace function next_inbox_sweep(pause interval) returns text
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select s.inbox_after_key from bucket_sweeps s
         where s.inbox_after_key <> '' or s.inbox_finished_at is null or s.inbox_finished_at < now() - pause;
    end;
grant execute on function next_inbox_sweep(interval) to alcove_app;

-- For tick: of the objects after the key `since` and up to `reached` ('' is the end), those that are new, changed or
-- refused, and those that are gone. The comparison continues after `reached`.
create or replace function sweep_inbox(keys text[], etags text[], since text, reached text) returns setof text
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
begin
    update bucket_sweeps set inbox_after_key = reached,
                             inbox_finished_at = case when reached = '' then now() else inbox_finished_at end;
    return query
        select a.object_key from unnest(keys, etags) as a (object_key, etag)
         where not exists (select from inbox_objects o
                            where o.object_key = a.object_key and o.object_etag = a.etag and o.refusal is null)
        union all
        select o.object_key from inbox_objects o
         where o.object_key collate "C" > since collate "C" and (reached = '' or o.object_key collate "C" <= reached collate "C")
           and not o.object_key = any (keys);
end
$$;
grant execute on function sweep_inbox(text[], text[], text, text) to alcove_app;
