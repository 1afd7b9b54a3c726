drop function claim_document(text, uuid, interval);
drop function fold_lexeme_counts();
drop function bm25_query(integer[], integer[]);
drop function count_lexemes(uuid, integer);
drop table lexeme_counts, chunk_terms, embeddings, document_chunks, document_texts, documents;
