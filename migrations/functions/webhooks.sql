-- Webhooks: what tick sends, and what becomes of it.

-- Claims deliveries that are due, for one worker; a worker that dies is given up after `lease`. One of a webhook that
-- fails is claimed each minute, and several of one that works. Returns the sealed secrets, and whether the one before the
-- present one still signs.
create or replace function claim_webhook_deliveries(amount integer, lease interval)
    returns table (id uuid, webhook_id uuid, payload jsonb, attempts smallint, url text, allow_private_addresses boolean,
                   signs_with_previous boolean, ciphertext bytea, wrapped_key bytea, master_key text)
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        with ready as (
            select w.id, w.failing_since
              from webhooks w left join users u on u.id = w.user_id
             where w.is_enabled and (w.user_id is null or u.is_active)
               and (w.failing_since is null or w.attempted_at is null or w.attempted_at < now() - interval '50 seconds')
               and exists (select from webhook_deliveries d
                            where d.webhook_id = w.id and d.status = 'pending' and d.next_attempt_at <= now())
             order by w.attempted_at nulls first limit amount
               for no key update of w skip locked),
        due as (
            select d.id
              from ready r
              cross join lateral (select e.id from webhook_deliveries e
                                   where e.webhook_id = r.id and e.status = 'pending' and e.next_attempt_at <= now()
                                   order by e.next_attempt_at, e.id
                                   limit case when r.failing_since is null then 8 else 1 end
                                     for update skip locked) d
             limit amount),
        claimed as (
            update webhook_deliveries d set attempts = d.attempts + 1, next_attempt_at = now() + lease
              from due where d.id = due.id
            returning d.id, d.webhook_id, d.payload, d.attempts),
        tried as (
            update webhooks w set attempted_at = now() where w.id in (select c.webhook_id from claimed c))
        select c.id, c.webhook_id, c.payload, c.attempts, w.url,
               w.allow_private_addresses and (w.user_id is null or u.is_admin),
               coalesce(w.previous_secret_until > now(), false), w.ciphertext, w.wrapped_key, w.master_key
          from claimed c join webhooks w on w.id = c.webhook_id left join users u on u.id = w.user_id
         order by c.id;
    end;
grant execute on function claim_webhook_deliveries(integer, interval) to alcove_app;

-- Records an attempt. `failure` is null after a success; `retry_in` is null when no further attempt follows. A webhook
-- whose receiver is gone, or that has failed for longer than `disable_after`, is disabled; its administrators see an event.
create or replace function record_webhook_attempt(delivery uuid, attempt smallint, answered integer, failure text,
                                                  took integer, retry_in interval, is_final boolean, disable_after interval)
    returns void
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    recorded webhook_deliveries;
    disabled webhooks;
begin
    update webhook_deliveries d
       set status = case when failure is null then 'delivered' when retry_in is null then 'failed' else 'pending' end,
           delivered_at = case when failure is null then now() end,
           next_attempt_at = now() + coalesce(retry_in, interval '0'), response_status = answered, error = failure,
           milliseconds = took
     where d.id = delivery and d.attempts = attempt and d.status = 'pending'
    returning * into recorded;
    if not found then
        return;
    end if;
    if failure is null then
        update webhooks w set failing_since = null where w.id = recorded.webhook_id and w.failing_since is not null;
        return;
    end if;
    update webhooks w set failing_since = coalesce(w.failing_since, now()) where w.id = recorded.webhook_id;
    update webhooks w
       set is_enabled = false, disabled_reason = case when is_final then 'gone' else 'failing' end
     where w.id = recorded.webhook_id and w.is_enabled and (is_final or w.failing_since < now() - disable_after)
    returning * into disabled;
    if found then
        update webhook_deliveries d set status = 'failed', error = 'The webhook was disabled.'
         where d.webhook_id = disabled.id and d.status = 'pending';
        insert into self_healing_events (event_type, severity, description, action_taken, entity_id)
        values ('webhook_disabled', 'warning',
                case when is_final then 'A webhook''s receiver answered that it is gone for good.'
                     else 'A webhook''s receiver took no delivery for days.' end,
                'The webhook was disabled. Its owner can enable it again.', disabled.id);
    end if;
end
$$;
grant execute on function record_webhook_attempt(uuid, smallint, integer, text, integer, interval, boolean, interval)
   to alcove_app;

-- Deletes old deliveries; returns the number of rows.
create or replace function forget_webhook_deliveries() returns bigint
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        with old as (
            select id from webhook_deliveries
             where created_at < now() - (select retention_period('webhook_deliveries')) order by created_at limit 10000),
        deleted as (
            delete from webhook_deliveries d using old where d.id = old.id returning 1)
        select count(*) from deleted;
    end;
grant execute on function forget_webhook_deliveries() to alcove_app;

-- For tick: when a delivery is due next, null while none is pending.
create or replace function next_webhook() returns timestamptz
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select min(greatest(d.next_attempt_at,
                            case when w.failing_since is not null then w.attempted_at + interval '50 seconds' end))
          from webhooks w join webhook_deliveries d on d.webhook_id = w.id left join users u on u.id = w.user_id
         where w.is_enabled and (w.user_id is null or u.is_active) and d.status = 'pending';
    end;
grant execute on function next_webhook() to alcove_app;
