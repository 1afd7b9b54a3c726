-- BM25: the number of chunks that contain a lexeme, and the query's side of the formula.

-- Adds a document's searchable chunks to lexeme_counts, or subtracts them with sign -1.
create or replace function count_lexemes(target_document uuid, sign integer) returns void
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        insert into lexeme_counts (lexeme, chunks)
        select split_part(entry, ':', 1)::integer, sign * count(*)
          from chunk_terms t,
               unnest(string_to_array(trim('{' from split_part(t.weights::text, '}', 1)), ',')) as entry
         where t.document_id = target_document and t.live and t.space_id = any (app_writable_spaces()) and entry <> ''
         group by 1
        union all
        select 0, sign * count(*)
          from chunk_terms t where t.document_id = target_document and t.live and t.space_id = any (app_writable_spaces());
    end;
grant execute on function count_lexemes(uuid, integer) to alcove_app;

-- For tick: folds the rows of one lexeme into one. Returns how many rows were folded.
create or replace function fold_lexeme_counts() returns bigint
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        with crowded as (
            select lexeme from lexeme_counts group by lexeme having count(*) > 1 limit 100000),
        removed as (
            delete from lexeme_counts c using crowded where c.lexeme = crowded.lexeme
            returning c.lexeme, c.chunks),
        folded as (
            insert into lexeme_counts select lexeme, sum(chunks) from removed group by lexeme
            having sum(chunks) <> 0 returning 1)
        select count(*) from removed;
    end;
grant execute on function fold_lexeme_counts() to alcove_app;

-- The query's side of BM25 as one vector: qtf ln(1 + (N - df + 1/2) / (df + 1/2)) for each lexeme. It reveals only how
-- rare a lexeme is over all spaces (docs/security.md).
create or replace function bm25_query(lexemes integer[], frequencies integer[]) returns sparsevec
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        with total as (select greatest(coalesce(sum(chunks), 0), 0) as n from lexeme_counts where lexeme = 0),
        query as (select * from unnest(lexemes, frequencies) as q (lexeme, frequency)),
        weighted as (
            select q.lexeme,
                   q.frequency * ln(1 + greatest(total.n - d.df + 0.5, 0.5) / (d.df + 0.5)) as weight
              from query q, total,
                   lateral (select least(greatest(coalesce(sum(c.chunks), 0), 0), total.n) as df
                              from lexeme_counts c where c.lexeme = q.lexeme) d)
        select ('{' || coalesce(string_agg(lexeme || ':' || weight::real, ',' order by lexeme), '')
                || '}/536870912')::sparsevec
          from weighted;
    end;
grant execute on function bm25_query(integer[], integer[]) to alcove_app;

-- The same as rows, one for each lexeme; bm25_query() combines them into one vector.
create or replace function bm25_weights(lexemes integer[], frequencies integer[]) returns table (lexeme integer, weight real)
    language sql stable security definer rows 10 set search_path = public, pg_temp
    begin atomic
        with total as (select greatest(coalesce(sum(chunks), 0), 0) as n from lexeme_counts where lexeme = 0)
        select q.lexeme, (q.frequency * ln(1 + greatest(total.n - d.df + 0.5, 0.5) / (d.df + 0.5)))::real
          from unnest(lexemes, frequencies) as q (lexeme, frequency), total,
               lateral (select least(greatest(coalesce(sum(c.chunks), 0), 0), total.n) as df
                          from lexeme_counts c where c.lexeme = q.lexeme) d;
    end;
grant execute on function bm25_weights(integer[], integer[]) to alcove_app;
