create or replace function read_embedding_batch(token uuid, amount integer)
    returns table (chunk_id uuid, chunk_text text)
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    target smallint;
begin
    select q.model_id into target from embedding_queue q where q.lease_token = token limit 1;
    perform set_config('plan_cache_mode', 'force_custom_plan', true);
    return query
        select c.id, c.chunk_text
          from embedding_queue q join document_chunks c on c.document_id = q.document_id
         where q.lease_token = token
           -- A lookup for each chunk, whatever the statistics of a partition that is just filling up say.
           and (select e.live from embeddings e where e.chunk_id = c.id and e.model_id = target) is null
         order by c.document_id, c.chunk_index limit least(amount, 10000);
end
$$;

alter table document_chunks drop column context, drop column columns;
