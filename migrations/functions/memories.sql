-- What the service remembers of a user.

-- Stores a memory of the caller's, or merges it into an older one with the same meaning. The older one has the same
-- words, or fewer words with which the new one begins; and its vectors are at least as similar as `same_words` or
-- `more_words`. A merged memory keeps its id and counts, and takes the new content and the greater importance. A
-- written memory stays a written one. Returns a null id when the caller already has `most` memories.
create or replace function write_memory(
    new_content text, new_gist text, new_kind text, new_importance real, new_source text, new_conversation uuid,
    new_message uuid, new_document uuid, new_metadata jsonb, vectors text[], same_words real, more_words real, most integer)
    returns table (id uuid, merged boolean)
    language plpgsql volatile
    as $$
declare
    written uuid;
    is_old boolean := true;
begin
    -- Two concurrent writers cannot see each other's memory and could store the same one twice.
    perform pg_advisory_xact_lock(hashtextextended('memories.' || app_user_id(), 0));
    select m.id into written
      from memory_items m join memory_embeddings e on e.memory_id = m.id and e.part = 1
     where m.user_id = app_user_id()
       and (m.gist = new_gist or starts_with(new_gist, m.gist || ' '))
       and 1 - (e.embedding <=> vectors[1]::halfvec(384)) >= case when m.gist = new_gist then same_words else more_words end
     order by m.gist = new_gist desc, e.embedding <=> vectors[1]::halfvec(384), m.id limit 1 for update of m;
    update memory_items m
       set content = new_content, gist = new_gist, kind = coalesce(new_kind, m.kind),
           importance = greatest(m.importance, new_importance),
           source = case when m.source = 'written' then m.source else new_source end,
           conversation_id = case when m.source = 'written' then m.conversation_id else new_conversation end,
           message_id = case when m.source = 'written' then m.message_id else new_message end,
           document_id = case when m.source = 'written' then m.document_id else new_document end,
           metadata = case when new_metadata = '{}' then m.metadata else new_metadata end
     where m.id = written
    returning m.id into written;
    if found then
        delete from memory_embeddings e where e.memory_id = written;
    elsif (select count(*) from memory_items m where m.user_id = app_user_id()) >= most then
        return query select null::uuid, false;
        return;
    else
        is_old := false;
        insert into memory_items as m (user_id, content, gist, kind, importance, source, conversation_id, message_id,
                                       document_id, metadata)
        values (app_user_id(), new_content, new_gist, coalesce(new_kind, 'fact'), coalesce(new_importance, 0.5), new_source,
                new_conversation, new_message, new_document, new_metadata)
        returning m.id into written;
    end if;
    insert into memory_embeddings (memory_id, part, user_id, embedding)
    select written, v.part, app_user_id(), v.vector::halfvec(384)
      from unnest(vectors) with ordinality as v (vector, part);
    return query select written, is_old;
end
$$;
grant execute on function write_memory(text, text, text, real, text, uuid, uuid, uuid, jsonb, text[], real, real, integer)
    to alcove_app;
