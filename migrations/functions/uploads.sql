-- Uploads: an announcement is used once, by whoever announced it, while this user may write; a connector's, while its owner may.

-- Runs before identity exists: judges the bytes that arrived for an announcement, and uses it up. Returns the key of the
-- document's object, to which the bytes may now be copied; no row when they may not be, or when there is nothing to do.
-- The document stays locked until the transaction ends, so that two uploads of one document arrive one after the other.
-- What is refused is recorded in the audit log, once for each version, and its object is deleted. A later announcement
-- wins over an earlier one, in whatever order their events arrive.
create or replace function receive_upload(announcement uuid, arrived text, etag text, size bigint, staged boolean)
    returns setof text
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    document documents;
    upload uploads;
    keeper uuid;
    reason text;
begin
    select d.* into document from documents d join uploads u on u.document_id = d.id where u.id = announcement
       for update of d;
    select u.* into upload from uploads u where u.id = announcement;
    if document.deleted_at is not null
       or (select s.kind = 'user' and not o.is_active from spaces s, users o
            where s.id = document.space_id and o.id = document.owner_id) then
        return; -- judged when the document is restored, or its owner is active again
    end if;
    if staged and upload.id is null then
        return; -- a connector stores the bytes first, and announces them with the page that they are part of
    end if;
    if upload.object_version = arrived or upload.object_etag = etag then
        return; -- the same event, or the same bytes by a client that missed the bucket's answer
    end if;
    keeper := keeper_of(document.connector_id, document.space_id, upload.user_id);
    reason := case when upload.id is null then 'unknown'
                   when upload.closed_at is not null then 'used'
                   when not may_write(keeper, document.space_id) then 'no_right'
                   when document.upload_id > upload.id then 'superseded'
                   when size <> upload.size_bytes then 'size' end;
    insert into object_deletions (object_key) values (upload_key(announcement, staged)) on conflict do nothing;
    if reason is not null then
        perform refuse_upload(announcement, upload, arrived, reason);
    end if;
    update uploads u set closed_at = now(), object_version = arrived, object_etag = etag
     where u.id = announcement and u.closed_at is null;
    if reason in ('no_right', 'size') then
        perform settle_refused_upload(document.id);
    elsif reason is null then
        -- A document is ingested under its owner's identity, and the owner may have left since the announcement.
        update documents d
           set upload_id = announcement, sent_by = case when not staged then upload.user_id end,
               recheck = d.recheck or d.lease_token is not null,
               owner_id = case when may_write(d.owner_id, d.space_id) then d.owner_id else keeper end
         where d.id = document.id;
        return next document.object_key;
    end if;
end
$$;
grant execute on function receive_upload(uuid, text, text, bigint, boolean) to alcove_app;

-- Records in the audit log, under the user who announced the upload, that a version of its bytes was refused.
create or replace function refuse_upload(announcement uuid, upload uploads, arrived text, reason text) returns void
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        insert into audit_logs (user_id, action, entity_type, entity_id, details)
        select (upload).user_id, 'document.upload_refused', entity.type, entity.id,
               jsonb_build_object('reason', reason, 'upload_id', announcement, 'version', arrived)
          from (select case when (upload).id is null then 'upload' else 'document' end,
                       coalesce((upload).document_id, announcement)) as entity (type, id)
         where not exists (
               select from audit_logs a
                where a.entity_type = entity.type and a.entity_id = entity.id
                  and a.action = 'document.upload_refused' and a.details ->> 'version' = arrived);
    end;

-- A document that waits for nothing but the refused upload: it keeps the text that it had, or fails.
create or replace function settle_refused_upload(document uuid) returns void
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        update documents d
           set status = case when d.indexed_at is null then 'failed' else 'completed' end,
               error_code = case when d.indexed_at is null then 'upload_refused' end,
               error_message = case when d.indexed_at is null
                   then 'The uploaded file was refused: it has another size than announced, or the user who announced '
                        'it can no longer write to this space. A member with write access can upload it again.' end
         where d.id = document and d.status = 'pending' and (d.indexed_at is null or d.object_version is not null)
           and not exists (select from uploads u where u.document_id = d.id and u.closed_at is null);
    end;

-- For tick: deletes announcements that are older than retention says; returns how many. No upload URL lives that long.
create or replace function forget_uploads() returns bigint
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        with deleted as (
            delete from uploads where announced_at < now() - (select retention_period('uploads')) returning 1)
        select count(*) from deleted;
    end;
grant execute on function forget_uploads() to alcove_app;
