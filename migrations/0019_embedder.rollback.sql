drop trigger forget_requests on documents;
drop function forget_requests(), embedder_is_due(interval), wake_waiting_documents(interval),
    store_requested(uuid, uuid[], integer[], text[]), claim_requests(uuid, interval, integer),
    requested_embeddings(uuid, uuid, smallint, text[]), request_embeddings(uuid, uuid, smallint, text[]);
drop table embedder_starts, embedding_requests;
update documents set stage = 'embedding' where stage = 'waiting';
alter table documents
    drop column embed_here,
    drop constraint documents_stage_check,
    add constraint documents_stage_check check (stage in ('extracting', 'chunking', 'embedding', 'storing'));
alter table static_config drop column gpu_threshold_chunks;
