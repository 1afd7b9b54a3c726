-- What a passage stands under and does not hold, found and embedded with it and no part of it: the headings above, and
-- the first row of its table, which is told with the passage, too. What was ingested before has none until it is read
-- again.
alter table document_chunks add column columns text, add column context text;

-- What a model reads of a passage is said in `chunking.Chunk.embedded_text`, too.
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
        select c.id, concat_ws(E'\n\n', c.context, c.chunk_text)
          from embedding_queue q join document_chunks c on c.document_id = q.document_id
         where q.lease_token = token
           -- A lookup for each chunk, whatever the statistics of a partition that is just filling up say.
           and (select e.live from embeddings e where e.chunk_id = c.id and e.model_id = target) is null
         order by c.document_id, c.chunk_index limit least(amount, 10000);
end
$$;
