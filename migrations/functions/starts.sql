-- When the GPU task is started, which embeds big documents and recognises the text of pictures.

-- For tick: in a minute while a document waits for the GPU task or for text recognition, else null.
create or replace function next_embedder_step() returns timestamptz
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select now() + interval '1 minute'
         where exists (select from documents d where d.status = 'processing' and d.stage in ('waiting', 'recognising')
                         and d.deleted_at is null);
    end;
grant execute on function next_embedder_step() to alcove_app;

-- For tick: whether the GPU task should be started now: chunks wait and no worker holds a lease on them, or pages do, and
-- no start was requested within `grace`. Records the start as requested.
create or replace function embedder_is_due(grace interval) returns boolean
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        update embedder_starts s set requested_at = now()
         where (s.requested_at is null or s.requested_at < now() - grace)
           and (exists (select from embedding_requests r where r.embedding is null and r.attempts < 5)
                and not exists (select from embedding_requests r where r.leased_until > now())
                or recognition_is_due());
        select exists (select from embedder_starts s where s.requested_at = now());
    end;
grant execute on function embedder_is_due(interval) to alcove_app;
