-- Alerts: what tick looks at, and the way of each alert through its channels.

-- For tick: the configuration of alerts, with the sealed token of the bot.
create or replace function alert_configuration() returns setof telegram_config
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select * from telegram_config;
    end;
grant execute on function alert_configuration() to alcove_app;

-- For tick: what alerts are decided by, all of this moment. No row while another tick decides. Events are returned once:
-- they are marked. `hosts`: the newest measurements of each host, if they are not older than ten minutes.
create or replace function observe_for_alerts()
    returns table (hosts jsonb, events jsonb, failing jsonb, oldest_wait_seconds double precision, subjects jsonb,
                   has_webhooks boolean)
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
begin
    if not pg_try_advisory_xact_lock(hashtextextended('alcove.alerts', 0)) then
        return;
    end if;
    return query
    with marked as (
        update self_healing_events e set is_alerted = true
         where not e.is_alerted
        returning e.event_type, e.severity, e.description, e.created_at)
    select (select coalesce(jsonb_agg(jsonb_build_object(
                       'host', h.name, 'is_silent', h.silent_since is not null, 'cpu', m.cpu_percent, 'ram', m.ram_percent,
                       'disk', m.disk_percent, 'gpu', m.gpu_percent,
                       'temperature', greatest(m.temperature_celsius, m.gpu_temperature_celsius)) order by h.name), '[]')
              from hosts h
              left join lateral (select * from host_metrics l
                                  where l.host = h.name and l.measured_at > now() - interval '10 minutes'
                                  order by l.measured_at desc limit 1) m on true),
           (select coalesce(jsonb_agg(to_jsonb(g) order by g.event_type), '[]')
              from (select k.event_type, count(*) as number, bool_or(k.severity = 'critical') as is_critical,
                           left((array_agg(k.description order by k.created_at desc))[1], 300) as description
                      from marked k
                     where k.severity <> 'info' and k.event_type not in ('host_silent', 'host_returned')
                     group by k.event_type) g),
           (select coalesce((select w.counts -> 'failed' from workflow_activity w
                              where w.workflow_name = 'tick' order by w.id desc limit 1), '[]')),
           (select coalesce(q.oldest_wait_ms, 0) / 1000 from queue_statistics() q),
           (select coalesce(jsonb_agg(to_jsonb(s)), '[]') from alert_subjects s),
           exists (select from webhooks w
                    where w.user_id is null and w.is_enabled and 'alert.raised' = any (w.events));
end
$$;
grant execute on function observe_for_alerts() to alcove_app;

-- For tick: stores what was decided: the changed rows of alert_subjects, and the new alerts with a delivery for each
-- channel. Returns the alerts' ids.
create or replace function store_alerts(changed_subjects jsonb, new_alerts jsonb, channels text[]) returns setof uuid
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        insert into alert_subjects as a (subject, level, reported_level, reported_at, pending)
        select s.subject, s.level, s.reported_level, s.reported_at, s.pending
          from jsonb_populate_recordset(null::alert_subjects, changed_subjects) s
            on conflict (subject) do update
               set level = excluded.level, reported_level = excluded.reported_level, reported_at = excluded.reported_at,
                   pending = excluded.pending, changed_at = now();
        with added as (
            insert into alerts (subject, kind, level, message, hold_until)
            select n.subject, n.kind, n.level, n.message, n.hold_until
              from jsonb_populate_recordset(null::alerts, new_alerts) n
            returning id, hold_until),
        deliveries as (
            insert into alert_deliveries (alert_id, channel, due_at)
            select a.id, c.channel, coalesce(a.hold_until, now()) from added a, unnest(channels) c (channel))
        select a.id from added a;
    end;
grant execute on function store_alerts(jsonb, jsonb, text[]) to alcove_app;

-- For tick: the alerts that are due on a channel, the oldest first. Their next attempt is put off, by more each time, so
-- that no other tick sends them meanwhile, and a channel that is down is asked every quarter of an hour at most.
create or replace function claim_alert_deliveries(by_channel text, amount integer)
    returns table (alert_id uuid, level text, message text, created_at timestamptz, is_late boolean)
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        with due as (
            select d.alert_id from alert_deliveries d
             where d.channel = by_channel and d.sent_at is null and d.due_at <= now()
             order by d.alert_id limit amount for update skip locked),
        claimed as (
            update alert_deliveries d
               set attempts = d.attempts + 1,
                   due_at = now() + least(interval '1 minute' * 2 ^ least(d.attempts + 1, 6), interval '15 minutes')
              from due where d.alert_id = due.alert_id and d.channel = by_channel
            returning d.alert_id, d.attempts)
        select a.id, a.level, a.message, a.created_at, a.hold_until is not null or c.attempts > 1
          from claimed c join alerts a on a.id = c.alert_id order by a.id;
    end;
grant execute on function claim_alert_deliveries(text, integer) to alcove_app;

-- For tick and the test message: deliveries that arrived, `failure` saying at whom they did not, or that failed and are
-- tried after `pause`.
create or replace function finish_alert_deliveries(
    alert_ids uuid[], by_channel text, arrived boolean, failure text, pause interval)
    returns void
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        update alert_deliveries d
           set sent_at = case when arrived then now() end, attempts = greatest(d.attempts, 1), error = left(failure, 500),
               due_at = case when pause is null then d.due_at else now() + pause end
         where d.alert_id = any (alert_ids) and d.channel = by_channel and d.sent_at is null;
    end;
grant execute on function finish_alert_deliveries(uuid[], text, boolean, text, interval) to alcove_app;

-- For tick: when alerts must be looked at next, null for never: an event that no alert has read, a delivery, or the end
-- of a cooldown that keeps something back.
create or replace function next_alert() returns timestamptz
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select least(
            (select min(d.due_at) from alert_deliveries d, telegram_config c
              where d.sent_at is null
                and ((d.channel = 'telegram' and c.enabled) or (d.channel = 'email' and c.email_enabled))),
            (select now() from self_healing_events e where not e.is_alerted limit 1),
            (select min(s.reported_at + make_interval(
                            mins => coalesce((c.alert_thresholds ->> 'cooldown_minutes')::integer, 15)))
               from alert_subjects s, telegram_config c
              where s.pending > 0 or (s.level <> 'ok' and s.reported_level = 'ok' and s.reported_at is not null)));
    end;
grant execute on function next_alert() to alcove_app;
