-- What a user has the service remember, and the search over one's own messages. Both use the built-in embedding model
-- always, so that exchanging the active one touches neither.

create table memory_items (
    id uuid primary key default uuidv7(),
    user_id uuid not null references users on delete cascade,
    content text not null check (length(content) between 1 and 4000),
    -- The words that matter, by which near-duplicates are known.
    gist text not null check (length(gist) between 1 and 20000),
    kind text not null check (kind in ('fact', 'preference', 'instruction', 'event')),
    importance real not null check (importance between 0 and 1),
    source text not null check (source in ('written', 'learned')),
    -- The user's message that it was learned from, for as long as that is there.
    conversation_id uuid,
    message_id uuid,
    access_count integer not null default 0 check (access_count >= 0),
    last_accessed_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (id, user_id),
    check ((conversation_id is null) = (message_id is null)),
    foreign key (message_id, conversation_id, user_id) references messages (id, conversation_id, user_id)
        on delete set null (message_id, conversation_id) on update cascade
);
create index memory_items_user on memory_items (user_id, id desc);
create index memory_items_message on memory_items (message_id) where message_id is not null;
-- Being recalled changes nothing about a memory itself.
create trigger touch before update of content, kind, importance, source on memory_items
    for each row execute function touch_updated_at();
call protect('memory_items');

-- Vectors of a memory; a long one has several. They lie apart, because recalling looks at all of a user's.
create table memory_embeddings (
    memory_id uuid not null,
    part integer not null check (part > 0),
    user_id uuid not null,
    embedding halfvec(384) not null,
    primary key (memory_id, part),
    foreign key (memory_id, user_id) references memory_items (id, user_id) on delete cascade on update cascade
);
create index memory_embeddings_user on memory_embeddings (user_id);
call protect('memory_embeddings');

-- A message's side of BM25, as chunk_terms is a passage's. `role` and `created_at` repeat the message's.
create table message_terms (
    message_id uuid primary key,
    conversation_id uuid not null,
    user_id uuid not null,
    role text not null check (role in ('user', 'assistant')),
    created_at timestamptz not null,
    weights sparsevec(536870912) not null,
    foreign key (message_id, conversation_id, user_id) references messages (id, conversation_id, user_id)
        on delete cascade on update cascade
);
alter table message_terms alter column weights set storage main;
create index message_terms_user on message_terms (user_id, message_id desc);
call protect('message_terms');

create table message_embeddings (
    message_id uuid not null,
    part integer not null check (part > 0),
    conversation_id uuid not null,
    user_id uuid not null,
    role text not null check (role in ('user', 'assistant')),
    created_at timestamptz not null,
    embedding halfvec(384) not null,
    primary key (message_id, part),
    foreign key (message_id, conversation_id, user_id) references messages (id, conversation_id, user_id)
        on delete cascade on update cascade
);
create index message_embeddings_user on message_embeddings (user_id);
call protect('message_embeddings');

-- A message that the search does not know yet.
create table message_index_queue (
    message_id uuid primary key,
    conversation_id uuid not null,
    user_id uuid not null,
    enqueued_at timestamptz not null default now(),
    foreign key (message_id, conversation_id, user_id) references messages (id, conversation_id, user_id)
        on delete cascade on update cascade
);
create index message_index_queue_user on message_index_queue (user_id, message_id);
create index message_index_queue_order on message_index_queue (enqueued_at);
call protect('message_index_queue');

do $$
declare
    target text;
begin
    foreach target in array array['memory_items', 'memory_embeddings', 'message_terms', 'message_embeddings',
                                  'message_index_queue'] loop
        execute format('create policy read on %I for select to alcove_app using (user_id = (select app_user_id()))', target);
        execute format('create policy add on %I for insert to alcove_app with check (user_id = (select app_user_id()))', target);
        execute format('grant select, insert on %I to alcove_app', target);
    end loop;
    foreach target in array array['memory_items', 'memory_embeddings', 'message_index_queue'] loop
        execute format('create policy remove on %I for delete to alcove_app using (user_id = (select app_user_id()))', target);
        execute format('grant delete on %I to alcove_app', target);
    end loop;
end
$$;
create policy change on memory_items for update to alcove_app using (user_id = (select app_user_id()));
grant update (content, gist, kind, importance, source, conversation_id, message_id, access_count, last_accessed_at)
    on memory_items to alcove_app;

-- Posting a message costs one more row, and no round trip.
create function queue_message_index() returns trigger
    language plpgsql
    as $$
begin
    insert into message_index_queue (message_id, conversation_id, user_id)
    values (new.id, new.conversation_id, new.user_id);
    return null;
end
$$;
create trigger queue_index after insert on messages for each row execute function queue_message_index();
insert into message_index_queue (message_id, conversation_id, user_id) select id, conversation_id, user_id from messages;

-- Writes a memory of the caller's, or merges it into an older one that says the same: in the same words, or in fewer
-- that the new one begins with, and with vectors at least so alike. The older keeps its id and its counts; content is
-- the newer's, importance the greater. What was written by hand stays so. A null id: the caller has `most` already.
create function write_memory(
    new_content text, new_gist text, new_kind text, new_importance real, new_source text, new_conversation uuid,
    new_message uuid, vectors text[], same_words real, more_words real, most integer)
    returns table (id uuid, merged boolean)
    language plpgsql volatile
    as $$
declare
    written uuid;
    is_old boolean := true;
begin
    -- Two writers who would not see each other's could store the same twice.
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
           message_id = case when m.source = 'written' then m.message_id else new_message end
     where m.id = written
    returning m.id into written;
    if found then
        delete from memory_embeddings e where e.memory_id = written;
    elsif (select count(*) from memory_items m where m.user_id = app_user_id()) >= most then
        return query select null::uuid, false;
        return;
    else
        is_old := false;
        insert into memory_items as m (user_id, content, gist, kind, importance, source, conversation_id, message_id)
        values (app_user_id(), new_content, new_gist, coalesce(new_kind, 'fact'), coalesce(new_importance, 0.5), new_source,
                new_conversation, new_message)
        returning m.id into written;
    end if;
    insert into memory_embeddings (memory_id, part, user_id, embedding)
    select written, v.part, app_user_id(), v.vector::halfvec(384)
      from unnest(vectors) with ordinality as v (vector, part);
    return query select written, is_old;
end
$$;

insert into rate_limits (name, burst, every) values ('memory', 600, '0.2 seconds');

-- For tick: users whose messages have waited for the search's index, those who wait longest first.
create function find_unindexed_users(patience interval, amount integer) returns setof uuid
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select q.user_id from message_index_queue q join users u on u.id = q.user_id and u.is_active
         where q.enqueued_at < now() - patience
         group by q.user_id order by min(q.enqueued_at) limit least(amount, 1000);
    end;

grant execute on function
    write_memory(text, text, text, real, text, uuid, uuid, text[], real, real, integer), find_unindexed_users(interval, integer)
    to alcove_app;
