-- A login is judged between two transactions. What was judged has to be the account's password still when the session
-- opens: `stale` says that it was changed meanwhile, and nothing was done or counted. Without a judged hash the user has
-- proved otherwise who they are. The row lock makes parallel logins and changes of the password follow each other.
create function finish_judged_login(
    wanted uuid, given_identifier text, judged text, password_matches boolean, rehashed text, refresh_hash bytea,
    session_lifetime interval, address inet, agent text, request text) returns table (session_id uuid, stale boolean)
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    present text;
begin
    select u.password_hash into present from users u where u.id = wanted for update;
    if found and judged is not null and present is distinct from judged then
        return query select null::uuid, true;
        return;
    end if;
    return query select finish_login(wanted, given_identifier, password_matches, rehashed, refresh_hash, session_lifetime,
                                     address, agent, request), false;
end
$$;
revoke execute on function finish_judged_login(uuid, text, text, boolean, text, bytea, interval, inet, text, text)
    from public;
grant execute on function finish_judged_login(uuid, text, text, boolean, text, bytea, interval, inet, text, text)
    to alcove_app;

-- Ends a held job whose asker was deactivated: under their identity nothing can be written any more. Returns whether it did.
create function end_job_of_inactive_user(wanted uuid, token uuid, code text, message text) returns boolean
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    ended llm_jobs;
begin
    delete from llm_queue q using users u
     where q.job_id = wanted and q.lease_token = token and u.id = q.user_id and not u.is_active;
    if not found then
        return false;
    end if;
    update llm_jobs set status = 'failed', error_code = code, error_message = message, finished_at = now(),
                        event_count = event_count + 1
     where id = wanted returning * into ended;
    insert into job_events (job_id, number, user_id, event, data)
    values (ended.id, ended.event_count, ended.user_id, 'error', jsonb_build_object('code', code, 'message', message));
    return true;
end
$$;
revoke execute on function end_job_of_inactive_user(uuid, uuid, text, text) from public;
grant execute on function end_job_of_inactive_user(uuid, uuid, text, text) to alcove_app;
