-- Triggers of conversations and the queue.

-- Once a statement: a move stores messages by the hundred.
create or replace function count_messages() returns trigger
    language plpgsql security definer set search_path = public, pg_temp
    as $$
begin
    if tg_op = 'INSERT' then
        update conversations c
           set message_count = c.message_count + n.messages, last_message_at = greatest(c.last_message_at, n.newest)
          from (select a.conversation_id, count(*) as messages, max(a.created_at) as newest from added a group by 1) n
         where c.id = n.conversation_id;
    else
        update conversations c set message_count = c.message_count - n.messages
          from (select r.conversation_id, count(*) as messages from removed r group by 1) n
         where c.id = n.conversation_id;
    end if;
    return null;
end
$$;

-- Queues messages for the search within the statement that stores them: no extra round trip.
create or replace function queue_message_index() returns trigger
    language plpgsql
    as $$
begin
    insert into message_index_queue (message_id, conversation_id, user_id)
    select a.id, a.conversation_id, a.user_id from added a;
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
