-- Documents of a shared space outlive their owner's place in it, and a comparison's export is as blind as the comparison.
-- compatible: trigger documents.take_over: refuses nothing; the former code's ingestion follows the new owner as well

-- Whether a person may write to a space, by the rule of set_identity().
create function may_write(person uuid, wanted integer) returns boolean
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select exists (
            select from users u, spaces s
             where u.id = person and u.is_active and s.id = wanted
               and (s.user_id = u.id or (s.kind = 'org' and u.is_admin)
                    or exists (select from memberships m
                                where m.group_id = s.group_id and m.user_id = u.id and m.role in ('editor', 'admin'))));
    end;

-- Who gives a document new content, has it read again or brings it back becomes its owner, when its owner may not write
-- to its space any more: a document is ingested under its owner's identity.
create function take_over() returns trigger
    language plpgsql security definer set search_path = public, pg_temp
    as $$
begin
    if app_user_id() is null or new.owner_id = app_user_id() or new.owner_id <> old.owner_id
       or may_write(new.owner_id, new.space_id) then
        return new;
    end if;
    new.owner_id := app_user_id();
    -- The new owner may have the same bytes there: reading it again makes it their copy.
    if new.status = 'completed' and new.duplicate_of is null
       and exists (select from documents o
                    where o.owner_id = new.owner_id and o.space_id = new.space_id and o.content_sha256 = new.content_sha256
                      and o.id <> new.id and o.deleted_at is null and not o.is_archived and o.duplicate_of is null) then
        new.status := 'pending';
        new.object_version := null;
    end if;
    return new;
end
$$;
create trigger take_over before update on documents for each row
    when (old.announced_at <> new.announced_at or (old.deleted_at is not null and new.deleted_at is null)
          or (old.is_archived and not new.is_archived))
    execute function take_over();

-- As before, and copies by the same owner go along with what they are copies of.
create or replace function take_children_along() returns trigger
    language plpgsql set search_path = public, pg_temp
    as $$
begin
    if new.deleted_at is not null and old.deleted_at is null then
        update documents c set deleted_at = new.deleted_at, deleted_by = 'parent'
         where c.parent_id = new.id and c.deleted_at is null;
        -- Somebody else's copy of what goes along lives on: it is read again for itself.
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
        -- The same bytes may have been added again meanwhile: reading it again makes it their copy.
        update documents c set status = 'pending', object_version = null
         where c.parent_id = new.id and c.deleted_at is null and c.duplicate_of is null and c.status = 'completed'
           and exists (select from documents o
                        where o.owner_id = c.owner_id and o.space_id = c.space_id and o.content_sha256 = c.content_sha256
                          and o.id <> c.id and o.deleted_at is null and not o.is_archived and o.duplicate_of is null);
    end if;
    return null;
end
$$;

-- As before, but what is shared is looked at whoever its owner is.
create or replace function find_documents_to_verify(patience interval, stale_before timestamptz)
    returns table (document_id uuid, object_key text, object_version text)
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        with due as (
            select d.id, d.status = 'processing' as abandoned
              from documents d join users u on u.id = d.owner_id join spaces s on s.id = d.space_id
             where d.deleted_at is null and (u.is_active or s.kind <> 'user')
               and case d.status
                   when 'processing' then d.leased_until <= now()
                   when 'pending' then coalesce(greatest(d.updated_at, d.verified_at), d.updated_at) < now() - patience
                   else d.updated_at < now() - patience
                        and (d.verified_at is null or d.verified_at < d.updated_at or d.verified_at < stale_before)
                   end
             order by d.status in ('pending', 'processing') desc, d.verified_at nulls first limit 200
               for update of d skip locked)
        update documents d
           set verified_at = now(), lease_token = null, leased_until = null,
               object_version = case when due.abandoned then null else d.object_version end
          from due where d.id = due.id
        returning d.id, d.object_key, d.object_version;
    end;

-- As before, but a document of a shared space whose owner may not write there fails, and says what to do.
create or replace function claim_document(wanted_key text, version text, token uuid, lease interval)
    returns table (document_id uuid, owner_id uuid)
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    found_document documents;
begin
    select d.* into found_document
      from documents d join users u on u.id = d.owner_id join spaces s on s.id = d.space_id
     where d.object_key = wanted_key and d.deleted_at is null and (u.is_active or s.kind <> 'user')
       for update of d;
    if not found or found_document.object_version = version then
        return;
    end if;
    if found_document.leased_until > now() then
        update documents d set recheck = true where d.id = found_document.id;
        return;
    end if;
    if not may_write(found_document.owner_id, found_document.space_id) then
        update documents d
           set status = 'failed', stage = null, object_version = version, lease_token = null, leased_until = null,
               attempts = 0, error_code = 'owner_left',
               error_message = 'Whoever this document belongs to may not write here any more. Upload it again, or have it '
                               'read again (reindex): then it is yours.'
         where d.id = found_document.id;
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
