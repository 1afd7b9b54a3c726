-- The leases of ingestion, and the repairs of documents that no worker ingests.

-- Runs before identity exists: claims the document of an object whose newest version in the bucket is `version`. One
-- worker at a time has a document's lease; an event that arrives meanwhile only sets `recheck`. Returns no row when
-- there is nothing to do. Two kinds of documents fail here: one whose workers ended unexpectedly five times, and one
-- whose owner can no longer write to its space (the error message says what to do). A connector's document is ingested
-- as the connector's present owner.
create or replace function claim_document(claimed_key text, version text, token uuid, lease interval)
    returns table (document_id uuid, owner_id uuid)
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    current documents;
    keeper uuid;
begin
    select d.* into current
      from documents d join users u on u.id = d.owner_id join spaces s on s.id = d.space_id
     where d.object_key = claimed_key and d.deleted_at is null and (u.is_active or s.kind <> 'user')
       for update of d;
    if not found or current.object_version = version then
        return;
    end if;
    if current.leased_until > now() then
        update documents d set recheck = true where d.id = current.id;
        return;
    end if;
    keeper := keeper_of(current.connector_id, current.space_id, current.owner_id);
    if not may_write(keeper, current.space_id) then
        update documents d
           set status = 'failed', stage = null, object_version = version, lease_token = null, leased_until = null,
               attempts = 0, error_code = 'owner_left',
               error_message = 'The document''s owner can no longer write to this space. A member with write '
                               'access who uploads or reindexes it becomes its owner.'
         where d.id = current.id;
        return;
    end if;
    if current.attempts >= 5 then
        update documents d
           set status = 'failed', stage = null, object_version = version, lease_token = null, leased_until = null,
               attempts = 0, error_code = 'gave_up',
               error_message = 'Processing this file ended unexpectedly five times. Upload it again or in another format.'
         where d.id = current.id;
        return;
    end if;
    update documents d
       set lease_token = token, leased_until = now() + lease, attempts = d.attempts + 1, recheck = false,
           status = 'processing', stage = 'extracting', chunks_done = 0, chunks_total = null,
           error_code = null, error_message = null
     where d.id = current.id;
    insert into ingestion_turns as t (user_id, served_at) values (current.owner_id, clock_timestamp())
    on conflict (user_id) do update set served_at = greatest(t.served_at, excluded.served_at);
    return query select current.id, keeper;
end
$$;
grant execute on function claim_document(text, text, uuid, interval) to alcove_app;

-- The object of a waiting document whose owner's turn comes before that of the owner of `arrived_key`: of the users who
-- wait, the one who was served longest ago, and that user's oldest document. Null when it is the owner's own turn.
-- A returned document counts as compared with the bucket, because its file may not be there yet: it is returned again
-- when a quarter of its age has passed. Runs before identity exists.
create or replace function next_document_before(arrived_key text) returns text
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    arrived_owner uuid;
    own_turn timestamptz;
    next_key text;
begin
    select d.owner_id, t.served_at into arrived_owner, own_turn
      from documents d left join ingestion_turns t on t.user_id = d.owner_id
     where d.object_key = arrived_key;
    if own_turn is null then
        return null;
    end if;
    update documents chosen set verified_at = now()
      from (with recursive owners as (
                (select d.owner_id from documents d where d.status = 'pending' and d.deleted_at is null
                  order by d.owner_id limit 1)
                union all
                select (select d.owner_id from documents d
                         where d.status = 'pending' and d.deleted_at is null and d.owner_id > o.owner_id
                         order by d.owner_id limit 1)
                  from owners o where o.owner_id is not null)
            select d.id
              from owners o
              left join ingestion_turns t on t.user_id = o.owner_id
             cross join lateral (
                    select w.id from documents w
                     where w.owner_id = o.owner_id and w.status = 'pending' and w.deleted_at is null
                       and (w.verified_at is null or w.verified_at < now() - (now() - w.announced_at) / 4)
                     order by w.announced_at limit 1) w
              join documents d on d.id = w.id
             where o.owner_id <> arrived_owner and coalesce(t.served_at < own_turn, true)
             order by t.served_at nulls first, d.announced_at limit 1
               for update of d skip locked) waiting
     where chosen.id = waiting.id
    returning coalesce((select upload_key(u.id, u.is_staged) from uploads u
                         where u.document_id = chosen.id and u.closed_at is null order by u.id desc limit 1),
                       chosen.object_key) into next_key;
    return next_key;
end
$$;
grant execute on function next_document_before(text) to alcove_app;

-- When a document without a lease that is not ingested is compared with the bucket again: after `grace`, and then more
-- and more seldom. Its event may only wait in a long queue, and the arrival of an upload is an event itself.
create or replace function next_comparison(updated_at timestamptz, verified_at timestamptz, grace interval)
    returns timestamptz language sql stable
    return greatest(updated_at, verified_at) + greatest(grace, (verified_at - updated_at) / 2);

-- Documents to compare with the bucket: those whose worker died, those that wait for a file or its event, those that
-- changed since the last comparison, and every other one that was not compared since `stale_before`. Deletes expired
-- leases and marks the returned documents as compared, so that the next call returns others. In shared spaces,
-- documents of deactivated owners are included. A document without a lease in status 'processing' is one whose wake-up
-- was lost: it is returned again after `grace`, unless it waits for the GPU task or for text recognition, which have their own repairs.
create or replace function find_documents_to_verify(grace interval, stale_before timestamptz)
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
                       else coalesce(d.stage not in ('waiting', 'recognising'), true)
                            and next_comparison(d.updated_at, d.verified_at, grace) < now() end
                   when 'pending' then next_comparison(d.updated_at, d.verified_at, grace) < now()
                   else d.updated_at < now() - grace
                        and (d.verified_at is null or d.verified_at < d.updated_at or d.verified_at < stale_before)
                   end
             order by d.status in ('pending', 'processing') desc, d.verified_at nulls first limit 200
               for update of d skip locked),
        verified as (
            update documents d
               set verified_at = now(), lease_token = null, leased_until = null,
                   object_version = case when due.abandoned then null else d.object_version end
              from due where d.id = due.id
            returning d.id, d.object_key, d.object_version)
        select v.id, v.object_key, v.object_version from verified v
        union all
        select v.id, upload_key(u.id, u.is_staged), null from verified v join uploads u on u.document_id = v.id and u.closed_at is null;
    end;
grant execute on function find_documents_to_verify(interval, timestamptz) to alcove_app;

-- For tick: when find_documents_to_verify() finds something next, null while every document is verified.
create or replace function next_verification(grace interval, stale_before timestamptz) returns timestamptz
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select min(case
                   when d.status = 'processing' and d.leased_until is not null then d.leased_until
                   else next_comparison(d.updated_at, d.verified_at, grace) end)
          from documents d join users u on u.id = d.owner_id join spaces s on s.id = d.space_id
         where d.deleted_at is null and (u.is_active or s.kind <> 'user') and d.status in ('pending', 'processing')
           and coalesce(d.stage not in ('waiting', 'recognising'), true)
        union all
        (select greatest(d.updated_at + grace, now())
           from documents d join users u on u.id = d.owner_id join spaces s on s.id = d.space_id
          where d.deleted_at is null and (u.is_active or s.kind <> 'user') and d.status not in ('pending', 'processing')
            and (d.verified_at is null or d.verified_at < d.updated_at or d.verified_at < stale_before)
          order by d.verified_at nulls first limit 1)
        order by 1 limit 1;
    end;
grant execute on function next_verification(interval, timestamptz) to alcove_app;

-- Records that the ingestion of these documents was requested again.
create or replace function record_restarted_documents(document_ids uuid[]) returns void
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        insert into self_healing_events (event_type, severity, description, action_taken, entity_id)
        select 'document_stuck', 'warning',
               case d.status when 'processing' then 'A document''s worker stopped without finishing it.'
                             else 'A document''s new version in the bucket waits: its event was lost, or the queue is long.' end,
               'Its ingestion was requested again.', d.id
          from documents d where d.id = any (document_ids);
    end;
grant execute on function record_restarted_documents(uuid[]) to alcove_app;

-- Gives up announced uploads that did not arrive in time; a document with an earlier version keeps that version.
create or replace function expire_uploads(document_ids uuid[], older_than interval) returns integer
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        with closed as (
            update uploads u set closed_at = now()
              from documents d
             where d.id = u.document_id and d.id = any (document_ids) and u.closed_at is null
               and least(d.announced_at, u.announced_at) < now() - older_than
            returning u.id, u.is_staged, u.multipart_id)
        insert into object_deletions (object_key)
        select upload_key(c.id, c.is_staged) from closed c where c.multipart_id is not null
        on conflict do nothing;
        with expired as (
            update documents d
               set status = case when d.object_version is null then 'failed' else 'completed' end,
                   error_code = case when d.object_version is null then 'upload_missing' end,
                   error_message = case when d.object_version is null
                       then 'The upload was announced but no file arrived in time. Upload it again.' end
             where d.id = any (document_ids) and d.status = 'pending' and d.announced_at < now() - older_than
            returning d.id)
        select count(*)::integer from expired;
    end;
grant execute on function expire_uploads(uuid[], interval) to alcove_app;

-- Tells administrators, at most once in 30 days, that a document of the caller's is in a script which the embedding model
-- does not know.
create or replace function report_unknown_script(document uuid) returns void
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        insert into self_healing_events (event_type, severity, description, action_taken, entity_id)
        select 'script_unknown', 'warning', 'The embedding model does not know the script of a document.',
               'The document is found by its words alone. By its meaning it is found after: '
               || 'alcove admin use-embedding-model multilingual-e5-small', d.id
          from documents d
         where d.id = document and d.owner_id = app_user_id()
           and not exists (select from self_healing_events e
                            where e.event_type = 'script_unknown' and e.created_at > now() - interval '30 days');
    end;
grant execute on function report_unknown_script(uuid) to alcove_app;
