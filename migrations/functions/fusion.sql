-- The fusion of a semantic and a lexical score (docs/retrieval.md), for documents and messages alike. Each score is first
-- scaled from a minimum to the best of its query: 0 to 1 (Bruch, Gai and Ingber 2023). BM25's is 0. A cosine's is -1 or,
-- for a model whose cosines are all alike, the one that unrelated texts have.

create or replace function scaled_cosine(cosine float8, best float8, unrelated float8) returns float8
    language sql immutable parallel safe
    return greatest(cosine - unrelated, 0) / greatest(best - unrelated, 1e-9);
grant execute on function scaled_cosine(float8, float8, float8) to alcove_app;

create or replace function scaled_bm25(bm25 float8, best float8) returns float8
    language sql immutable parallel safe
    return bm25 / greatest(best, 1e-9);
grant execute on function scaled_bm25(float8, float8) to alcove_app;

-- The mean of two scaled scores, weighted; the sum of the weights must be above 0.
create or replace function fused_score(semantic_weight float8, semantic float8, lexical_weight float8, lexical float8)
    returns float8
    language sql immutable parallel safe
    return (semantic_weight * semantic + lexical_weight * lexical) / (semantic_weight + lexical_weight);
grant execute on function fused_score(float8, float8, float8, float8) to alcove_app;
