-- Pages that are pictures, and pictures inside files under numbers of their own, whose text is recognised (OCR) by
-- whoever has the engine.

-- How often a page is tried: the pages of a worker that died are tried once more, the page that a worker failed at too.
create or replace function most_recognition_attempts() returns integer
    language sql immutable parallel safe
    begin atomic
        select 3;
    end;

-- The worker with a document's lease queues pages and releases the lease. Pages of the same bytes that were recognised
-- in the same languages stay as they are. Returns whether another bucket event arrived meanwhile; null when the lease
-- was lost.
create or replace function request_recognition(requesting_document uuid, token uuid, version text, chosen_languages text, pages integer[]) returns boolean
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    again boolean;
begin
    update documents d
       set stage = 'recognising', chunks_done = 0, chunks_total = cardinality(pages), lease_token = null, leased_until = null,
           attempts = 0
     where d.id = requesting_document and d.lease_token = token and d.deleted_at is null
    returning d.recheck into again;
    if not found then
        return null;
    end if;
    delete from recognised_pages r
     where r.document_id = requesting_document and (r.object_version <> version or r.languages <> chosen_languages);
    insert into recognised_pages (document_id, page, object_version, languages)
    select requesting_document, p.page, version, chosen_languages from unnest(pages) as p (page)
    on conflict do nothing;
    return again;
end
$$;
grant execute on function request_recognition(uuid, uuid, text, text, integer[]) to alcove_app;

-- What was requested for these bytes and languages: `is_open` while a page is still to be recognised, `content` null
-- where it could not be.
create or replace function requested_recognition(requesting_document uuid, token uuid, version text, chosen_languages text)
    returns table (page integer, content text, words integer, confidence integer, doubtful_words integer, doubtful text[], is_open boolean)
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select r.page, r.content, r.words, r.confidence, r.doubtful_words, r.doubtful,
               r.content is null and r.attempts < most_recognition_attempts()
          from documents d join recognised_pages r on r.document_id = d.id
         where d.id = requesting_document and d.lease_token = token and r.object_version = version and r.languages = chosen_languages
         order by r.page;
    end;
grant execute on function requested_recognition(uuid, uuid, text, text) to alcove_app;

-- Claims pages of the document that has waited longest.
create or replace function claim_recognition(token uuid, lease interval, amount integer)
    returns table (document_id uuid, object_key text, object_version text, languages text, filename text, content_type text,
                   pages integer[])
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        with chosen as (
            select r.document_id, r.page
              from recognised_pages r
             where r.document_id = (
                       select w.id
                         from documents w
                        where w.stage = 'recognising' and w.deleted_at is null
                          and exists (select from recognised_pages o
                                       where o.document_id = w.id and o.content is null and o.attempts < most_recognition_attempts()
                                         and (o.leased_until is null or o.leased_until <= now()))
                        order by w.announced_at, w.id limit 1)
               and r.content is null and r.attempts < most_recognition_attempts()
               and (r.leased_until is null or r.leased_until <= now())
             order by r.page limit least(amount, 100)
               for update of r skip locked),
        claimed as (
            update recognised_pages r set lease_token = token, leased_until = now() + lease, attempts = r.attempts + 1
              from chosen c where r.document_id = c.document_id and r.page = c.page
            returning r.document_id, r.page, r.object_version, r.languages)
        select d.id, d.object_key, c.object_version, c.languages, d.filename, d.content_type, array_agg(c.page order by c.page)
          from claimed c join documents d on d.id = c.document_id
         group by d.id, d.object_key, c.object_version, c.languages, d.filename, d.content_type;
    end;
grant execute on function claim_recognition(uuid, interval, integer) to alcove_app;

-- Stores what a page says, under a lease, which is renewed for the pages that are left. Returns whether the lease held.
create or replace function store_recognised(token uuid, recognised_document uuid, recognised_page integer, recognised_content text,
                                            recognised_words integer, recognised_confidence integer, doubtful_count integer,
                                            doubtful_ones text[], lease interval) returns boolean
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
begin
    update recognised_pages r
       set content = recognised_content, words = recognised_words, confidence = recognised_confidence,
           doubtful_words = doubtful_count, doubtful = doubtful_ones, lease_token = null, leased_until = null
     where r.document_id = recognised_document and r.page = recognised_page and r.lease_token = token;
    if not found then
        return false;
    end if;
    update recognised_pages r set leased_until = now() + lease
     where r.document_id = recognised_document and r.lease_token = token;
    update documents d
       set chunks_done = (select count(*) from recognised_pages r where r.document_id = d.id and r.content is not null)
     where d.id = recognised_document and d.stage = 'recognising';
    return true;
end
$$;
grant execute on function store_recognised(uuid, uuid, integer, text, integer, integer, integer, text[], interval) to alcove_app;

-- Ends a claim: its pages but `failed_page` count as not tried. Returns the object of the document for the ingestion
-- worker to continue when no page is left, else null.
create or replace function release_recognition(token uuid, recognised_document uuid, failed_page integer) returns text
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
begin
    update recognised_pages r
       set lease_token = null, leased_until = null,
           attempts = r.attempts - (r.page is distinct from failed_page)::integer
     where r.document_id = recognised_document and r.lease_token = token;
    return (select d.object_key from documents d
             where d.id = recognised_document and d.stage = 'recognising' and d.deleted_at is null
               and not exists (select from recognised_pages r
                                where r.document_id = d.id and r.content is null
                                  and r.attempts < most_recognition_attempts()));
end
$$;
grant execute on function release_recognition(uuid, uuid, integer) to alcove_app;

-- For tick: objects of documents whose pages are all recognised and whose wake-up was lost, or on which nobody worked
-- within `grace`. The latter are read without their pictures.
create or replace function wake_recognised_documents(grace interval) returns setof text
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        with due as (
            select d.id, exists (select from recognised_pages r
                                  where r.document_id = d.id and r.content is null
                                    and r.attempts < most_recognition_attempts()) as left_alone
              from documents d
             where d.stage = 'recognising' and d.deleted_at is null
               and (d.updated_at < now() - grace
                    or d.updated_at < now() - interval '2 minutes'
                       and not exists (select from recognised_pages r
                                        where r.document_id = d.id and r.content is null
                                          and r.attempts < most_recognition_attempts()))
             order by d.updated_at limit 100
               for update of d skip locked),
        events as (
            insert into self_healing_events (event_type, severity, description, action_taken, entity_id)
            select 'recognition_absent', 'warning', 'A document waited for the recognition of its pictures'' text, which nobody did.',
                   'It is read without them.', due.id
              from due where due.left_alone returning 1),
        abandoned as (
            update recognised_pages r set attempts = most_recognition_attempts(), lease_token = null, leased_until = null
              from due where due.left_alone and r.document_id = due.id and r.content is null)
        update documents d set updated_at = now() from due where d.id = due.id
        returning d.object_key;
    end;
grant execute on function wake_recognised_documents(interval) to alcove_app;

-- For tick: whether pages wait that no worker holds.
create or replace function recognition_is_due() returns boolean
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select exists (select from recognised_pages r join documents d on d.id = r.document_id
                        where r.content is null and r.attempts < most_recognition_attempts()
                          and (r.leased_until is null or r.leased_until <= now())
                          and d.stage = 'recognising' and d.deleted_at is null);
    end;
grant execute on function recognition_is_due() to alcove_app;
