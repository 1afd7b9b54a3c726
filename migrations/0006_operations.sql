-- Keeping it healthy: what was repaired, and the repairs that look across users.

create table self_healing_events (
    id uuid primary key default uuidv7(),
    event_type text not null check (length(event_type) between 1 and 100),
    severity text not null check (severity in ('info', 'warning', 'critical')),
    description text not null check (length(description) <= 2000),
    action_taken text not null check (length(action_taken) <= 2000),
    entity_id uuid,
    created_at timestamptz not null default now()
);
create index self_healing_events_time on self_healing_events (created_at desc);
call protect('self_healing_events');
create policy read on self_healing_events for select to alcove_app using ((select app_is_admin()));
grant select on self_healing_events to alcove_app;

-- Jobs that nobody is answering: the lease ran out (their worker died), or the wake-up was lost.
-- Marks them as woken and returns them, so that the caller sends the wake-up again.
create function wake_lost_jobs(patience interval) returns table (job_id uuid)
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        with lost as (
            select q.job_id, q.leased_until is not null as lapsed
              from llm_queue q
             where q.available_at <= now()
               and (q.leased_until <= now() or (q.leased_until is null and q.woken_at < now() - patience))
             order by q.priority desc, q.enqueued_at limit 500
               for update skip locked),
        freed as (
            update llm_queue q set lease_token = null, leased_until = null, woken_at = now()
              from lost where q.job_id = lost.job_id returning q.job_id),
        told as (
            insert into self_healing_events (event_type, severity, description, action_taken, entity_id)
            select case when lapsed then 'lease_lapsed' else 'wakeup_lost' end, 'warning',
                   case when lapsed then 'A job''s worker stopped without finishing it.'
                        else 'A queued job was not picked up in time.' end,
                   'The job was freed and its wake-up sent again.', lost.job_id
              from lost returning 1)
        select freed.job_id from freed;
    end;

-- Documents to compare with the bucket: those whose worker died, those waiting for a file or for its event,
-- those that changed since they were last compared, and each other one once a day. Frees lapsed leases, and
-- marks the returned ones as compared, so that the next call returns others.
create function find_documents_to_verify(patience interval)
    returns table (document_id uuid, object_key text, object_version text)
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        with due as (
            select d.id, d.status = 'processing' as abandoned
              from documents d join users u on u.id = d.owner_id and u.is_active
             where d.deleted_at is null
               and case d.status
                   when 'processing' then d.leased_until <= now()
                   when 'pending' then coalesce(greatest(d.updated_at, d.verified_at), d.updated_at) < now() - patience
                   else d.updated_at < now() - patience
                        and (d.verified_at is null or d.verified_at < d.updated_at
                             or d.verified_at < now() - interval '1 day')
                   end
             order by d.status in ('pending', 'processing') desc, d.verified_at nulls first limit 200
               for update of d skip locked)
        update documents d
           set verified_at = now(), lease_token = null, leased_until = null,
               object_version = case when due.abandoned then null else d.object_version end
          from due where d.id = due.id
        returning d.id, d.object_key, d.object_version;
    end;

-- Records that the ingestion of these documents had to be asked for again.
create function note_restarted_documents(given uuid[]) returns void
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        insert into self_healing_events (event_type, severity, description, action_taken, entity_id)
        select 'document_stuck', 'warning',
               case d.status when 'processing' then 'A document''s worker stopped without finishing it.'
                             else 'The bucket holds a version of a document that nobody was told of.' end,
               'Its ingestion was asked for again.', d.id
          from documents d where d.id = any (given);
    end;

-- Gives up announced uploads that did not arrive within a day; a document that had a version keeps it.
create function expire_uploads(given uuid[]) returns integer
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        with expired as (
            update documents d
               set status = case when d.object_version is null then 'failed' else 'completed' end,
                   error_code = case when d.object_version is null then 'upload_missing' end,
                   error_message = case when d.object_version is null
                       then 'The upload was announced but no file arrived in time. Upload it again.' end
             where d.id = any (given) and d.status = 'pending' and d.announced_at < now() - interval '1 day'
            returning d.id)
        select count(*)::integer from expired;
    end;

-- Idempotency keys are remembered for a day. Returns how many were forgotten.
create function forget_idempotency_keys() returns bigint
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        with gone as (
            delete from idempotency_keys where created_at < now() - interval '1 day' returning 1)
        select count(*) from gone;
    end;

grant execute on function forget_idempotency_keys(), wake_lost_jobs(interval), find_documents_to_verify(interval),
    note_restarted_documents(uuid[]), expire_uploads(uuid[]) to alcove_app;
