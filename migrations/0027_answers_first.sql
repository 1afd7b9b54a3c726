-- A worker that has answered sees to the messages' index only when nobody waits to be answered.
create function anybody_waits() returns boolean
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select exists (select from llm_queue
                        where (leased_until is null or leased_until <= now()) and available_at <= now());
    end;
revoke execute on function anybody_waits() from public;
grant execute on function anybody_waits() to alcove_app;
