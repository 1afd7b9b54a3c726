drop policy own_memory on entity_tags;
delete from entity_tags where memory_id is not null;
alter table entity_tags
    drop column memory_id,
    add constraint entity_tags_one_entity check (num_nonnulls(document_id, repository_id, conversation_id) = 1);
