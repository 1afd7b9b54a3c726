-- Tags on memories, beside those on documents, repositories and conversations.
alter table entity_tags
    add column memory_id uuid references memory_items on delete cascade,
    drop constraint entity_tags_one_entity,
    add constraint entity_tags_one_entity
        check (num_nonnulls(document_id, repository_id, conversation_id, memory_id) = 1),
    add unique (tag_id, memory_id);
create index entity_tags_memory on entity_tags (memory_id) where memory_id is not null;
create policy own_memory on entity_tags as restrictive for insert to alcove_app
    with check (memory_id is null
                or (exists (select from memory_items m where m.id = memory_id)
                    and exists (select from spaces s where s.id = space_id and s.user_id = (select app_user_id()))));
grant insert (memory_id) on entity_tags to alcove_app;
