drop function claim_document(text, text, uuid, interval);
drop function fold_lexeme_counts();
drop function bm25_query(integer[], integer[]);
drop function count_lexemes(uuid, integer);
drop view readable_documents;
drop table lexeme_counts, chunk_terms, embeddings, document_chunks, document_texts, documents;
