drop trigger stop_connectors on users;
drop table connector_items, sync_runs, source_members, source_groups, space_readers, connectors, ended_consents, tags, repo_documents, repositories, user_document_defaults, lexical_postings, lexical_segments,
    lexeme_counts, chunk_terms, embedder_starts, recognised_pages, embedding_requests, embedding_queue, embeddings, document_chunks,
    document_texts, document_versions, ingestion_turns, uploads, documents cascade;
drop sequence chunk_numbers;
