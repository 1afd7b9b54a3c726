-- A document whose worker died loses its lease when tick asks for it again. When that request is lost too, it has none
-- for ever: it is asked for again like one that is pending, but not while it waits for the GPU task, which has its own
-- repair.
create or replace function find_documents_to_verify(patience interval, stale_before timestamptz)
    returns table (document_id uuid, object_key text, object_version text)
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        with due as (
            select d.id, d.status = 'processing' as abandoned
              from documents d join users u on u.id = d.owner_id join spaces s on s.id = d.space_id
             where d.deleted_at is null and (u.is_active or s.kind <> 'user')
               and case d.status
                   when 'processing' then case
                       when d.leased_until is not null then d.leased_until <= now()
                       else d.stage is distinct from 'waiting'
                            and coalesce(greatest(d.updated_at, d.verified_at), d.updated_at) < now() - patience end
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
