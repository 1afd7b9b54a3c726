-- Dead letters: messages that failed five times.

-- For tick: records a dead letter, and returns whether it is to be sent once more. The same message within a day is not:
-- it came back, stays where it is, and is a critical event, once.
create or replace function store_dead_letter(from_queue text, message_fingerprint bytea, about_object text, why text)
    returns boolean
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    letter dead_letters;
    about uuid;
begin
    select d.id into about from documents d where d.object_key = about_object;
    select * into letter from dead_letters l where l.queue = from_queue and l.fingerprint = message_fingerprint for update;
    if found and letter.redriven_at > now() - interval '1 day' then
        if letter.returned_at is null then
            update dead_letters l set returned_at = now() where l.id = letter.id;
            insert into self_healing_events (event_type, severity, description, action_taken, entity_id)
            values ('dead_letter_returned', 'critical',
                    left(format('A message of the queue %s failed again: %s', from_queue, why), 2000),
                    'It stays in the dead-letter queue. Remove the cause, then delete or redrive it.', about);
        end if;
        return false;
    end if;
    insert into dead_letters as l (queue, fingerprint, object_key, reason)
    values (from_queue, message_fingerprint, about_object, why)
        on conflict (queue, fingerprint) do update
           set reason = excluded.reason, redriven_at = now(), returned_at = null;
    insert into self_healing_events (event_type, severity, description, action_taken, entity_id)
    values ('dead_letter_redriven', 'warning',
            left(format('A message of the queue %s failed five times: %s', from_queue, why), 2000),
            'It was sent once more.', about);
    return true;
end
$$;
grant execute on function store_dead_letter(text, bytea, text, text) to alcove_app;
