-- Embedding models, exchanged while searches go on.

-- Which model is active and which is being prepared, locked until the transaction ends. A transaction that stores a
-- document's vectors calls this first. It and activating, switching or cancelling a model wait for each other.
create or replace function lock_embedding_models() returns table (active_id smallint, preparing_id smallint)
    language plpgsql volatile set search_path = public, pg_temp
    as $$
begin
    perform pg_advisory_xact_lock_shared(hashtextextended('alcove.embedding_models', 0));
    return query select (select m.id from embedding_models m where m.status = 'active'),
                        (select m.id from embedding_models m where m.status = 'preparing');
end
$$;
grant execute on function lock_embedding_models() to alcove_app;

-- The other side of lock_embedding_models(). Transactions that store vectors wait behind this lock, so this does not
-- wait for long.
create or replace function seize_embedding_models() returns void
    language plpgsql volatile set search_path = public, pg_temp
    as $$
begin
    perform set_config('lock_timeout', '3s', true);
    perform pg_advisory_xact_lock(hashtextextended('alcove.embedding_models', 0));
end
$$;

-- For administrators: starts the preparation of a model. Returns null for an unknown model, 'active' for the active
-- one, 'busy' while another is in preparation, else 'preparing'; documents that failed before are then tried again.
create or replace function prepare_embedding_model(new_model smallint) returns text
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    present text;
begin
    if not app_is_admin() then
        return null;
    end if;
    perform seize_embedding_models();
    select m.status into present from embedding_models m where m.id = new_model;
    if present is null or present = 'active' then
        return present;
    end if;
    if exists (select from embedding_models m where m.status = 'preparing' and m.id <> new_model) then
        return 'busy';
    end if;
    update embedding_models set status = 'preparing', retired_at = null where id = new_model and status <> 'preparing';
    update embedding_queue q
       set attempts = 0, error_message = null, reported_at = null, available_at = now(), lease_token = null, leased_until = null
     where q.model_id = new_model and (q.leased_until is null or q.leased_until <= now());
    return 'preparing';
end
$$;
grant execute on function prepare_embedding_model(smallint) to alcove_app;

-- When the queue is empty, checks that no vector is missing and makes the prepared model the active one. Searches see
-- the change when this transaction commits. Returns 'gone' when the model is not in preparation, 'waiting' while
-- documents are queued, 'more' when vectors were missing, else 'switched'.
create or replace function conclude_embedding_model(finished_model smallint) returns text
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
begin
    if not exists (select from embedding_models m where m.id = finished_model and m.status = 'preparing') then
        return 'gone';
    end if;
    if exists (select from embedding_queue q where q.model_id = finished_model) then
        return 'waiting';
    end if;
    if queue_missing_embeddings(finished_model) > 0 then
        return 'more';
    end if;
    -- A document that was stored before this lock is in the queue; storing one after it uses the new active model.
    perform seize_embedding_models();
    if exists (select from embedding_queue q where q.model_id = finished_model) then
        return 'waiting';
    end if;
    perform from embedding_models m where m.id = finished_model and m.status = 'preparing';
    if not found then
        return 'gone';
    end if;
    update embedding_models set status = 'inactive', retired_at = now() where status = 'active';
    update embedding_models set status = 'active', activated_at = now(), retired_at = null where id = finished_model;
    insert into audit_logs (user_id, action, entity_type, entity_id, details)
    values (null, 'embedding_model.switched', 'embedding_model', lpad(to_hex(finished_model::integer), 32, '0')::uuid,
            jsonb_build_object('model_id', finished_model,
                               'host', (select substring(m.base_url from '^https?://([^/:]+|\[[^]]*\])')
                                          from embedding_models m where m.id = finished_model)));
    return 'switched';
end
$$;
grant execute on function conclude_embedding_model(smallint) to alcove_app;

-- For administrators: stops the preparation. Stored vectors stay for a retention period, so that a new preparation
-- continues from there. Returns null for an unknown model, else its status before; only 'preparing' is changed.
create or replace function cancel_embedding_model(cancelled_model smallint) returns text
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    present text;
begin
    if not app_is_admin() then
        return null;
    end if;
    perform seize_embedding_models();
    select m.status into present from embedding_models m where m.id = cancelled_model;
    if present = 'preparing' then
        update embedding_models set status = 'inactive', retired_at = now() where id = cancelled_model;
        delete from embedding_queue q where q.model_id = cancelled_model;
    end if;
    return present;
end
$$;
grant execute on function cancel_embedding_model(smallint) to alcove_app;

-- For administrators: deletes a model with its vectors. Returns null for an unknown model, else its status before; only
-- an 'inactive' model is deleted.
create or replace function delete_embedding_model(deleted_model smallint) returns text
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    present text;
begin
    if not app_is_admin() then
        return null;
    end if;
    perform seize_embedding_models();
    select m.status into present from embedding_models m where m.id = deleted_model;
    if present = 'inactive' then
        -- Dropping a partition blocks every search, so the wait for a slow search must be short.
        perform set_config('lock_timeout', '1s', true);
        execute format('drop table if exists %I', 'embeddings_' || deleted_model);
        delete from embedding_models m where m.id = deleted_model;
    end if;
    return present;
end
$$;
grant execute on function delete_embedding_model(smallint) to alcove_app;

-- For administrators: the progress of a preparation: the chunks of all documents, those that have a vector, the
-- documents that are left, those that were given up, and the error of the first failed one.
create or replace function embedding_progress(measured_model smallint)
    returns table (chunks_total bigint, chunks_done bigint, documents_left bigint, documents_failed bigint,
                   error_message text)
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        with whole as (
            select coalesce(sum(d.chunk_count), 0) as chunks from documents d),
        waiting as (
            select coalesce(sum(greatest(d.chunk_count - q.chunks_done, 0)), 0) as chunks, count(*) as documents,
                   count(*) filter (where q.attempts >= 5 and coalesce(q.leased_until <= now(), true)) as failed,
                   (array_agg(q.error_message order by q.attempts desc, q.document_id)
                        filter (where q.error_message is not null))[1] as message
              from embedding_queue q join documents d on d.id = q.document_id where q.model_id = measured_model)
        select w.chunks, greatest(w.chunks - q.chunks, 0), q.documents, q.failed, q.message
          from whole w, waiting q where app_is_admin();
    end;
grant execute on function embedding_progress(smallint) to alcove_app;

-- For administrators: what a model receives when it is activated: the documents with chunks, those of them that only one
-- user sees, and the chunks. Deleted documents can be restored, so they are embedded too.
create or replace function embedding_reach()
    returns table (documents bigint, private_documents bigint, chunks bigint)
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select count(*), count(*) filter (where s.kind = 'user'), coalesce(sum(d.chunk_count), 0)::bigint
          from documents d join spaces s on s.id = d.space_id
         where d.chunk_count > 0 and app_is_admin();
    end;
grant execute on function embedding_reach() to alcove_app;

-- For tick: models in preparation that have work and no worker. Records each document that was given up, once.
create or replace function wake_embedding_models() returns setof smallint
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        with abandoned as (
            update embedding_queue q
               set reported_at = now(), lease_token = null, leased_until = null,
                   error_message = coalesce(q.error_message, 'Embedding this document ended unexpectedly five times.')
             where q.attempts >= 5 and q.reported_at is null and (q.leased_until is null or q.leased_until <= now())
            returning q.document_id, q.error_message)
        insert into self_healing_events (event_type, severity, description, action_taken, entity_id)
        select 'embedding_failed', 'critical',
               left('The model that is being prepared cannot embed a document: ' || g.error_message, 2000),
               'It was given up after five attempts, and searches stay with the present model. Activate the model once '
               'more to try again, have the document replaced, or cancel.', g.document_id
          from abandoned g;
        select m.id from embedding_models m
         where m.status = 'preparing'
           and not exists (select from embedding_queue q where q.model_id = m.id and q.leased_until > now())
           and (not exists (select from embedding_queue q where q.model_id = m.id)
                or exists (select from embedding_queue q
                            where q.model_id = m.id and q.attempts < 5 and q.available_at <= now()));
    end;
grant execute on function wake_embedding_models() to alcove_app;

-- For tick: when wake_embedding_models() has something to do next, null while no model is prepared.
create or replace function next_reembedding() returns timestamptz
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select min(case when q.model_id is null then now()
                        when q.attempts < 5 or q.reported_at is null then greatest(q.available_at, q.leased_until) end)
          from embedding_models m left join embedding_queue q on q.model_id = m.id
         where m.status = 'preparing';
    end;
grant execute on function next_reembedding() to alcove_app;

-- For tick: deletes the vectors of models that were retired more than `age` ago; returns the number of models.
create or replace function drop_retired_embeddings(age interval) returns integer
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    retired smallint;
    dropped integer := 0;
begin
    if not exists (select from embedding_models m where m.status = 'inactive' and m.retired_at < now() - age) then
        return 0;
    end if;
    perform seize_embedding_models();
    for retired in select m.id from embedding_models m where m.status = 'inactive' and m.retired_at < now() - age loop
        if to_regclass('embeddings_' || retired) is not null then
            execute format('truncate %I', 'embeddings_' || retired);
        end if;
        update embedding_models set retired_at = null where id = retired;
        dropped := dropped + 1;
    end loop;
    return dropped;
end
$$;
grant execute on function drop_retired_embeddings(interval) to alcove_app;
