-- Events of self-healing: one that repeats becomes critical and is not written again for an hour.

-- Before an event is written: the fifth of its kind for one thing within a day becomes critical. After a critical event
-- of the same kind for the same thing, no other is written for an hour.
create or replace function escalate_healing_event() returns trigger
    language plpgsql
    as $$
declare
    last_critical timestamptz;
    earlier integer;
begin
    if new.entity_id is null then
        return new;
    end if;
    select max(e.created_at) into last_critical from self_healing_events e
     where e.entity_id = new.entity_id and e.event_type = new.event_type and e.severity = 'critical';
    if last_critical > now() - interval '1 hour' then
        return null;
    end if;
    if new.severity <> 'critical' then
        select count(*) into earlier from self_healing_events e
         where e.entity_id = new.entity_id and e.event_type = new.event_type
           and e.created_at > greatest(last_critical, now() - interval '1 day');
        if earlier >= 4 then
            new.severity := 'critical';
            new.description := left(new.description || ' This happened five times to the same thing.', 2000);
        end if;
    end if;
    return new;
end
$$;
