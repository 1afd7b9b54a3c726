-- One statement answers a search. Each query here is a list of common table expressions; retrieval.py joins those that a
-- search requires: setting, active, excluded, then the scans (of vectors, of BM25), their ranking, and the hits.
-- What only explanations need is left out of other searches.
--
-- Every scan repeats the policy's condition on space_id so that it can use the index on space_id. The planner evaluates
-- conditions on parameters alone. Other conditions are only known at run time (a configured weight, the number of
-- documents that pass a filter): they stand in a subquery that runs once before a scan and can skip the scan.

-- part: distance
e.embedding::halfvec(%(dimension)s) <=> %(vector)s::halfvec(%(dimension)s)

-- part: cosine
1 - ({{distance}})

-- part: nearest_by_index(source)
-- The nearest vectors of `source`, by an approximate index; `source` is the text after `from`, with a `where`.
select *
      from (select e.chunk_id, e.document_id, {{distance}} as distance
              from {{source}}
               and e.live and e.model_id = %(model)s::smallint
             order by {{distance}}
             limit %(candidates)s::integer) by_index
     limit %(length)s::integer

-- part: nearest_exactly(source)
-- The nearest vectors, exactly: no vector index is ordered by `distance + 0`.
select *
      from (select e.chunk_id, e.document_id, {{distance}} as distance
              from {{source}}
               and e.live and e.model_id = %(model)s::smallint) by_scan
     order by distance + 0, chunk_id
     limit %(candidates)s::integer

-- part: negative_bm25
t.weights <#> (select weights from query)

-- part: bm25
-({{negative_bm25}})

-- part: usable
-- The condition on a chunk that is looked up by its number; the policy says which spaces, once for all of them.
t.live and t.document_id not in (select document_id from excluded)
       and (not %(filtered)s::boolean or t.document_id in (select id from filtered_documents))

-- part: searchable
-- The condition of every scan of chunk_terms.
t.space_id = any (app_spaces()) and {{usable}}

-- part: is_rare
-- Whether a lexeme of `list` is one of the rarest.
(until <= %(seed_postings)s::integer or until = chunks)

-- part: chunk_columns(chunk)
{{chunk}}.chunk_index, {{chunk}}.chunk_text as text, {{chunk}}.page, {{chunk}}.section, {{chunk}}.columns,
           {{chunk}}.start_char, {{chunk}}.end_char

-- name: setting
-- The caller's settings, or the settings that the request passes. Two weights of 0 mean vectors alone. A request that
-- decides everything reads no settings.
configured as materialized (
    select case when %(mode)s::text in ('lexical', 'semantic') and %(top_k)s::integer is not null then '{}'
                else coalesce(%(settings)s::jsonb,
                              (select jsonb_object_agg(setting, value)
                                 from resolved_config(%(conversation_id)s::uuid)
                                where setting in ('use_hybrid_search', 'semantic_weight', 'bm25_weight',
                                                  'num_documents_to_retrieve', 'active_reranker',
                                                  'reranked_chunks'))) end as config),
weighted as materialized (
    select case when %(mode)s::text = 'lexical' then 0 when %(mode)s::text = 'semantic' then 1
                when %(mode)s::text is null and not (config ->> 'use_hybrid_search')::boolean then 1
                else (config ->> 'semantic_weight')::float8 end as semantic,
           case when %(mode)s::text = 'lexical' then 1 when %(mode)s::text = 'semantic' then 0
                when %(mode)s::text is null and not (config ->> 'use_hybrid_search')::boolean then 0
                else (config ->> 'bm25_weight')::float8 end as lexical,
           coalesce(%(top_k)s::integer, (config ->> 'num_documents_to_retrieve')::integer) as requested,
           -- Only a fused list is reranked. A job of the former release lacks the setting.
           case when %(mode)s::text is null or %(mode)s::text = 'hybrid'
                then nullif(config ->> 'active_reranker', 'off') end as reranker,
           (config ->> 'reranked_chunks')::integer as reranked
      from configured),
setting as materialized (
    select case when semantic + lexical > 0 then semantic else 1 end as semantic, lexical, requested, reranker, reranked,
           case when reranker is null then requested else greatest(requested, reranked) end as top_k
      from weighted),
term as materialized (
    select lexeme, weight from bm25_weights(%(lexemes)s::integer[], %(frequencies)s::integer[])),
query as materialized (
    select ('{' || coalesce(string_agg(lexeme || ':' || weight, ',' order by lexeme), '') || '}/536870912')::sparsevec
           as weights
      from term)

-- name: active
-- Every list uses the vectors of one model: the model of the query's vector. The list is shown only while that model is
-- active, which is checked in the same snapshot as the vectors. Without a vector no cosine is computed, and any model
-- is accepted.
active as materialized (
    select %(vector)s::halfvec(%(dimension)s) is null
           or exists (select from embedding_models where id = %(model)s::smallint and status = 'active') as is_current)

-- name: excluded
-- What this search leaves out by selection. Deleted and archived documents are not `live`; `hits` asks
-- usable_documents() once more about every document that it shows.
excluded as materialized (
    select document_id from unselected_documents(%(conversation_id)s::uuid))

-- name: nearest
-- Two graphs: one of the organisation's vectors, one of all private ones. For this transaction, a large graph is searched
-- with a larger ef_search: every part that searches one reads `effort` first.
effort as materialized (
    select c.reltuples as vectors,
           set_config('hnsw.ef_search', case when c.reltuples < %(small_graph)s::integer then '200' else '400' end, true)
      from pg_class c
     where c.oid = to_regclass('embeddings_' || %(model)s::smallint)),
organisation as materialized (
    {{nearest_by_index: embeddings e
             where (select semantic > 0 and vectors is not null from setting, effort)
               and 1 = any (app_spaces()) and e.space_id = 1
               and e.document_id not in (select document_id from excluded)}}),
-- Whether the caller's private spaces are so large that their graph, which skips the vectors that the caller cannot see,
-- is faster than exact ranking. The larger their share, the fewer vectors it skips. A very large graph requires a still
-- larger ef_search, which is set after the organisation's graph was searched: `found` counts its result.
breadth as materialized (
    select is_wide, case when is_wide and vectors >= %(large_graph)s::integer and found >= 0
                         then set_config('hnsw.ef_search', '1000', true) end
      from (select e.vectors, (select count(*) from organisation) as found, semantic > 0 and exists (
                       select from embeddings e
                        where e.live and e.model_id = %(model)s::smallint and e.space_id <> 1
                          and e.space_id = any (app_spaces())
                       offset greatest(%(exact_private)s::integer,
                                       (select least(vectors / %(wide_share)s::integer, %(exact_chunks)s::integer)
                                          from effort))) as is_wide
              from setting, effort e
            offset 0) counted),
-- Only the policy's own condition says which spaces: with a second one, the planner would expect almost no rows. `is
-- distinct from` is how the graph's index says it, and no other index.
wide as materialized (
    {{nearest_by_index: embeddings e
             where (select is_wide from breadth)
               and e.space_id is distinct from 1
               and e.document_id not in (select document_id from excluded)}}),
-- Exact, in an order that no index has: private spaces that are not wide, and the whole list where the scan of a graph
-- ended before it was full. What the graph proposed is not proposed twice.
private as (
    {{nearest_exactly: embeddings e
             where (select semantic > 0 and (not is_wide or (select count(*) from wide) < %(length)s::integer)
                      from setting, breadth)
               and e.space_id <> 1 and e.space_id = any (app_spaces())
               and e.document_id not in (select document_id from excluded)}}),
completion as (
    {{nearest_exactly: embeddings e
             where (select semantic > 0 and (select count(*) from organisation) < %(length)s::integer from setting)
               and 1 = any (app_spaces()) and e.space_id = 1
               and e.document_id not in (select document_id from excluded)}}),
nearest as (
    select * from organisation
    union all
    select * from wide
    union all
    select * from private where chunk_id not in (select chunk_id from wide)
    union all
    select * from completion where chunk_id not in (select chunk_id from organisation))

-- name: unfiltered
-- Without filters, the planner removes the conditions on `filtered_documents`.
filtered_documents as (
    select null::uuid as id, 0 as chunk_count where false),
scope as materialized (
    select false as few)

-- name: matching
-- MaxScore (Turtle and Flood 1995) over the segments of the inverted index. The rarest lexemes propose chunks, whose
-- true scores are a lower bound for the last place of the list. Lexemes that are so common that all of them together
-- cannot reach this bound propose nothing; of the other lexemes' chunks, only those that can reach it are scored.
segments as materialized (
    select s.id, s.chunks
      from lexical_segments s
     where (select lexical > 0 and not few from setting, scope) and s.space_id = any (app_spaces())),
posting as materialized (
    select t.lexeme, t.weight, p.chunks, t.weight * p.peak as peak, p.numbers, p.weights
      from segments s cross join term t join lexical_postings p on p.segment_id = s.id and p.lexeme = t.lexeme),
-- The rarest first; `rest` is the most that all later lexemes can add to a score.
list as materialized (
    select lexeme, chunks, peak, sum(chunks) over rarest as until,
           coalesce(sum(peak) over (rarest rows between 1 following and unbounded following), 0) as rest
      from (select lexeme, sum(chunks) as chunks, max(peak) as peak from posting group by lexeme) word_hits
    window rarest as (order by chunks, lexeme)),
-- What the rarest lexemes add to each chunk; where these are all lexemes, that is its score.
rare as materialized (
    select number, sum(part) as most
      from (select unnest(p.numbers) as number, unnest(p.weights) * p.weight as part
              from posting p join (select lexeme from list where {{is_rare}}) l using (lexeme)
            offset 0) part
     group by number),
seed as materialized (
    select number from rare order by most desc limit 1.2 * %(length)s::integer),
seeded as materialized (
    select t.number, t.chunk_id, t.document_id, {{negative_bm25}} as negative
      from chunk_terms t
     where t.number = any (array(select number from seed)) and {{usable}}),
-- Slightly below the bound: sums of the same numbers in another order differ.
threshold as materialized (
    select 0.9999 * coalesce((select -negative from seeded order by negative
                              offset %(length)s::integer - 1 limit 1), 0) as score),
-- What has to be summed: the rarest lexemes, which are, and those without which no chunk passes the threshold. `more`
-- are those of them that are not among the rarest; `rest` is the most that all others can add to a score.
reach as materialized (
    select array_agg(lexeme) filter (where not {{is_rare}}) as more, coalesce(min(rest), 0) as rest
      from list
     where {{is_rare}} or rest + peak > %(spare)s * (select score from threshold)),
proposed as materialized (
    select number, most + (select rest from reach) as most
      from rare
     where (select more is null from reach) and most + (select rest from reach) >= (select score from threshold)
    union all
    select number, sum(part) + (select rest from reach) as most
      from (select number, most as part from rare where (select more is not null from reach)
            union all
            select unnest(p.numbers) as number, unnest(p.weights) * p.weight as part
              from posting p
             where p.lexeme = any ((select more from reach)::integer[])
            offset 0) part
     group by number
    having sum(part) + (select rest from reach) >= (select score from threshold)),
best_proposed as materialized (
    select number
      from proposed
     where number not in (select number from seed)
     order by most desc
     limit %(length)s::integer),
likely as materialized (
    select number, chunk_id, document_id, negative from seeded
    union all
    select t.number, t.chunk_id, t.document_id, {{negative_bm25}}
      from chunk_terms t
     where t.number = any (array(select number from best_proposed)) and {{usable}}),
possible as materialized (
    select number
      from proposed
     where most >= coalesce(0.9999 * (select -negative from likely order by negative
                                       offset %(length)s::integer - 1 limit 1), 0)
       and number not in (select number from seed) and number not in (select number from best_proposed)),
-- When many chunks are possible, one scan in order is faster than looking up each chunk.
lookup as materialized (
    select (select count(*) from possible) <= (select sum(chunks) from segments) / %(lookup_cost)s::integer as is_quick),
matches as (
    select chunk_id, document_id, negative from likely
    union all
    select t.chunk_id, t.document_id, {{negative_bm25}}
      from chunk_terms t
     where (select is_quick from lookup) and t.number = any (array(select number from possible)) and {{usable}}
    union all
    (select t.chunk_id, t.document_id, {{negative_bm25}} as negative
       from chunk_terms t
      where (select not is_quick from lookup) and {{searchable}} and t.number is not null
        and t.number not in (select number from likely)
      order by negative, chunk_id
      limit %(candidates)s::integer)
    union all
    -- Chunks that are in no segment yet; in a small space, that is all of them.
    (select t.chunk_id, t.document_id, {{negative_bm25}} as negative
       from chunk_terms t
      where cardinality(%(lexemes)s::integer[]) > 0 and (select lexical > 0 and not few from setting, scope)
        and {{searchable}} and t.number is null
      order by negative, chunk_id
      limit %(candidates)s::integer)
    union all
    -- The chunks of a filter that few documents pass.
    (select t.chunk_id, t.document_id, {{negative_bm25}} as negative
       from filtered_documents w
       join chunk_terms t on t.document_id = w.id
      where %(filtered)s::boolean and cardinality(%(lexemes)s::integer[]) > 0
        and (select lexical > 0 and few from setting, scope)
        and t.live and t.space_id = any (app_spaces())
      order by negative, chunk_id
      limit %(candidates)s::integer)),
matching as (
    select * from matches order by negative, chunk_id limit %(length)s::integer)

-- name: filtered_documents
filtered_documents as materialized (
    select id, chunk_count
      from usable_documents(%(conversation_id)s::uuid, %(documents)s::uuid[], %(source_types)s::text[], %(tags)s::jsonb,
                            %(repositories)s::jsonb, %(created_after)s::timestamptz, %(created_before)s::timestamptz,
                            %(modified_after)s::timestamptz, %(modified_before)s::timestamptz, %(metadata)s::jsonb)),
-- A filter that few chunks pass: they are found through their documents and ranked exactly.
scope as materialized (
    select coalesce(sum(chunk_count), 0) <= %(exact_chunks)s::integer as few from filtered_documents)

-- name: nearest_filtered
organisation as materialized (
    {{nearest_by_index: embeddings e
             where (select semantic > 0 and not few from setting, scope)
               and 1 = any (app_spaces()) and e.space_id = 1
               -- `or false` prevents a join, which would lose the order of the index.
               and (e.document_id in (select id from filtered_documents) or false)}}),
private as (
    {{nearest_exactly: embeddings e
             where (select semantic > 0 and not few from setting, scope)
               and e.space_id <> 1 and e.space_id = any (app_spaces())
               and (e.document_id in (select id from filtered_documents) or false)}}),
-- All filtered chunks when they are few; otherwise the rest of the list, when the index scan ended before it was full.
completion as (
    {{nearest_exactly: filtered_documents d
              join embeddings e on e.document_id = d.id
             where (select semantic > 0 and (select count(*) from organisation) < %(length)s::integer from setting)
               and e.space_id = any (app_spaces())}}),
nearest as (
    select * from organisation union select * from private union select * from completion)

-- name: by_cosine
ranked as (
    select chunk_id, document_id, 1 - distance as score, 1 - distance as semantic, null::float8 as lexical
      from nearest
     where %(filtered)s::boolean or (select min(distance) from nearest) <= 1 - %(floor)s::float8)

-- name: explained_by_cosine
explained as (
    select chunk_id, row_number() over (order by distance, chunk_id) as semantic_rank, null::bigint as lexical_rank,
           null::float8 as semantic_scaled, null::float8 as lexical_scaled
      from nearest)

-- name: by_bm25
ranked as (
    select chunk_id, document_id, -negative as score, null::float8 as semantic, -negative as lexical
      from matching
     where negative < 0)

-- name: explained_by_bm25
explained as (
    select chunk_id, null::bigint as semantic_rank, row_number() over (order by negative, chunk_id) as lexical_rank,
           null::float8 as semantic_scaled, null::float8 as lexical_scaled
      from matching
     where negative < 0)

-- name: by_fusion
candidate as (
    select chunk_id, document_id, max(semantic) as semantic, max(lexical) as lexical
      from (select chunk_id, document_id, 1 - distance as semantic, null::float8 as lexical from nearest
            union all
            select chunk_id, document_id, null, -negative from matching where negative < 0) proposed
     group by chunk_id, document_id),
-- In chunks of table rows: the number of the query's words in the row that has the most of them.
best_row as materialized (
    select d.id as chunk_id,
           case when h.word_hits <= 1 then h.word_hits
                else (select max((select count(*) from unnest(%(words)s::text[]) as word where strpos(line, word) > 0))
                        from string_to_table(t.plain, E'\n') as line) end as row_words
      from document_chunks d,
           lateral (select ' ' || replace(lower(d.chunk_text), E'\n', E' \n ') || ' ' as plain offset 0) t,
           lateral (select count(*) as word_hits from unnest(%(words)s::text[]) as word where strpos(t.plain, word) > 0
                    offset 0) h
     where cardinality(%(words)s::text[]) > 1 and (select lexical > 0 from setting)
       and d.id = any (array(select chunk_id from candidate)) and has_rows(d.chunk_text)),
other_cosine as (
    select e.chunk_id, {{cosine}} as score
      from embeddings e
     where e.chunk_id = any (array(select chunk_id from candidate where semantic is null))
       and e.model_id = %(model)s::smallint),
other_bm25 as (
    select t.chunk_id, {{bm25}} as score
      from chunk_terms t
     where t.chunk_id = any (array(select chunk_id from candidate where lexical is null))),
scored as materialized (
    select c.chunk_id, c.document_id, coalesce(c.semantic, e.score) as semantic, coalesce(c.lexical, t.score) as lexical,
           r.row_words
      from candidate c
      left join other_cosine e using (chunk_id)
      left join other_bm25 t using (chunk_id)
      left join best_row r using (chunk_id)),
peak as materialized (
    select max(semantic) as semantic, max(lexical) as lexical, max(row_words) as row_words from scored),
-- In a chunk of table rows, BM25 is reduced to the share of the query's words that one row holds, relative to the chunk
-- whose best row holds the most.
scaled as materialized (
    select s.chunk_id, s.document_id, s.semantic, s.lexical,
           scaled_cosine(s.semantic, p.semantic, %(unrelated)s::float8) as semantic_scaled,
           scaled_bm25(s.lexical, p.lexical) * coalesce(s.row_words / nullif(p.row_words, 0)::float8, 1) as lexical_scaled
      from scored s, peak p),
ranked as (
    select s.chunk_id, s.document_id, s.semantic, s.lexical,
           fused_score(w.semantic, s.semantic_scaled, w.lexical, s.lexical_scaled) as score
      from scaled s, setting w, peak p
     where %(filtered)s::boolean or w.semantic > 0 and p.semantic >= %(floor)s::float8
        or w.lexical > 0 and p.lexical > 0)

-- name: explained_by_fusion
explained as (
    select s.chunk_id, n.semantic_rank, m.lexical_rank, s.semantic_scaled, s.lexical_scaled
      from scaled s
      left join (select chunk_id, row_number() over (order by distance, chunk_id) as semantic_rank from nearest) n
        using (chunk_id)
      left join (select chunk_id, row_number() over (order by negative, chunk_id) as lexical_rank
                   from matching where negative < 0) m using (chunk_id))

-- name: best
best as materialized (
    select *
      from (select chunk_id, document_id, score, semantic, lexical, null::boolean as surplus
              from ranked
             order by score desc, chunk_id
             limit greatest(coalesce(%(top_k)s::integer, 100), (select top_k from setting))) top
     limit (select top_k from setting))

-- name: best_per_document
best as materialized (
    select *
      from (select chunk_id, document_id, score, semantic, lexical,
                   row_number() over (partition by document_id order by score desc, chunk_id)
                       > %(per_document)s::integer as surplus
              from ranked
             order by surplus, score desc, chunk_id
             limit greatest(coalesce(%(top_k)s::integer, 100), (select top_k from setting))) top
     limit (select top_k from setting))

-- name: shown
-- What is shown of the best chunks. A score that the ranking did not need is computed here, for these few.
shown as (
    select b.surplus, b.chunk_id, b.document_id, d.title, {{chunk_columns: c}}, b.score,
           d.metadata, d.original_url,
           -- A function costs more than the look-up that spares it, and most documents have no tag.
           case when exists (select from entity_tags e where e.document_id = b.document_id)
                then document_tags(b.document_id) else '[]' end as tags,
           (select w.warnings from documents w where w.id = b.document_id) as warnings,
           coalesce(b.semantic, (select {{cosine}}
                                   from embeddings e
                                  where e.chunk_id = b.chunk_id and e.model_id = %(model)s::smallint)) as semantic,
           coalesce(b.lexical, (select {{bm25}}
                                  from chunk_terms t where t.chunk_id = b.chunk_id)) as lexical,
           -- Uses the key of the document's chunks, so that no other document is read.
           case when %(neighbours)s::integer > 0 then coalesce((
               select jsonb_agg(to_jsonb(neighbour) order by chunk_index)
                 from (select n.id as chunk_id, {{chunk_columns: n}}
                         from document_chunks n
                        where n.document_id = c.document_id and n.chunk_index <> c.chunk_index
                          and n.chunk_index between c.chunk_index - %(neighbours)s::integer
                                                and c.chunk_index + %(neighbours)s::integer) neighbour), '[]') end as neighbours
      from best b
      join document_chunks c on c.id = b.chunk_id
      join usable_documents(%(conversation_id)s::uuid) d on d.id = b.document_id)

-- name: hits
select a.is_current, s.chunk_id is not null as is_match, s.*, w.requested, w.reranker, w.reranked
  from active a cross join setting w left join shown s on a.is_current
 order by s.surplus, s.score desc, s.chunk_id

-- name: explained_hits
select a.is_current, s.chunk_id is not null as is_match, s.*, x.semantic_rank, x.lexical_rank, x.semantic_scaled,
       x.lexical_scaled, w.semantic / (w.semantic + w.lexical) as semantic_weight,
       w.lexical / (w.semantic + w.lexical) as lexical_weight, w.requested, w.reranker, w.reranked
  from active a cross join setting w left join shown s on a.is_current left join explained x on x.chunk_id = s.chunk_id
 order by s.surplus, s.score desc, s.chunk_id
