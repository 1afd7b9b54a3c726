-- Triggers of conversations and the queue.

create or replace function count_message() returns trigger
    language plpgsql security definer set search_path = public, pg_temp
    as $$
begin
    if tg_op = 'INSERT' then
        update conversations set message_count = message_count + 1, last_message_at = greatest(last_message_at, new.created_at)
         where id = new.conversation_id;
    else
        update conversations set message_count = message_count - 1 where id = old.conversation_id;
    end if;
    return null;
end
$$;

-- Queues a message for the search within the statement that stores it: no extra round trip.
create or replace function queue_message_index() returns trigger
    language plpgsql
    as $$
begin
    insert into message_index_queue (message_id, conversation_id, user_id)
    values (new.id, new.conversation_id, new.user_id);
    return null;
end
$$;

-- A clock that went back would let new users overtake waiting ones.
create or replace function advance_queue_clock() returns trigger
    language plpgsql set search_path = public, pg_temp
    as $$
begin
    insert into queue_turns as t (user_id, priority, turn, next_turn)
    values (null, old.priority, old.turn, old.turn)
    on conflict (user_id, priority) do update
       set turn = greatest(t.turn, excluded.turn), next_turn = greatest(t.turn, excluded.turn);
    return null;
end
$$;
