-- Measurements of hosts, and what /metrics shows.

-- Whether this transaction may send and read measurements: its route requires the scope `metrics`, which the caller has.
create or replace function app_measures() returns boolean
    language sql stable parallel safe
    return coalesce(current_setting('app.measures', true), '') = 'on';
grant execute on function app_measures() to alcove_app;

-- Stores measurements of one host, an array of rows of host_metrics, and that it was heard. False when the caller has no
-- right to, or when the host is new and there are a thousand already. A measurement that is stored already is left out.
create or replace function record_host_metrics(sender text, sender_interval integer, leaves boolean, measurements jsonb)
    returns boolean
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
begin
    if not app_measures() then
        return false;
    end if;
    if not exists (select from hosts h where h.name = sender) then
        perform pg_advisory_xact_lock(hashtextextended('alcove.limit:hosts', 0));
        if (select count(*) from hosts) >= 1000 then
            return false;
        end if;
    end if;
    insert into hosts as h (name, interval_seconds, left_at) values (sender, sender_interval, case when leaves then now() end)
        on conflict (name) do update
           set interval_seconds = excluded.interval_seconds, last_seen_at = now(), left_at = excluded.left_at;
    insert into host_metrics (host, measured_at, cpu_percent, ram_percent, ram_used_bytes, disk_percent, disk_used_bytes,
                              disk_free_bytes, temperature_celsius, gpu_percent, gpu_memory_percent, gpu_temperature_celsius)
    select sender, m.measured_at, m.cpu_percent, m.ram_percent, m.ram_used_bytes, m.disk_percent, m.disk_used_bytes,
           m.disk_free_bytes, m.temperature_celsius, m.gpu_percent, m.gpu_memory_percent, m.gpu_temperature_celsius
      from jsonb_populate_recordset(null::host_metrics, measurements) m
     where not exists (select from host_metrics k where k.host = sender and k.measured_at = m.measured_at);
    return true;
end
$$;
grant execute on function record_host_metrics(text, integer, boolean, jsonb) to alcove_app;

-- For tick: records hosts that went silent, and those that are heard again; returns how many changed. A host is silent
-- when it did not leave and was not heard for three of its intervals, five minutes at least.
create or replace function notice_silent_hosts() returns bigint
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        with rated as (
            select h.name, h.silent_since is not null as was_silent,
                   h.left_at is null
                       and h.last_seen_at < now() - greatest(make_interval(secs => 3 * h.interval_seconds), interval '5 minutes')
                       as is_silent
              from hosts h),
        changed as (
            update hosts h set silent_since = case when j.is_silent then now() end
              from rated j where j.name = h.name and j.is_silent <> j.was_silent
            returning h.name, j.is_silent),
        events as (
            insert into self_healing_events (event_type, severity, description, action_taken)
            select case when c.is_silent then 'host_silent' else 'host_returned' end,
                   case when c.is_silent then 'warning' else 'info' end,
                   format(case when c.is_silent then 'The host %s sends no measurements.'
                               else 'The host %s sends measurements again.' end, c.name),
                   'Nothing was changed.'
              from changed c returning 1)
        select count(*) from events;
    end;
grant execute on function notice_silent_hosts() to alcove_app;

-- For tick: when the next host counts as silent, null for none.
create or replace function next_silence() returns timestamptz
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select min(h.last_seen_at + greatest(make_interval(secs => 3 * h.interval_seconds), interval '5 minutes'))
          from hosts h where h.left_at is null and h.silent_since is null;
    end;
grant execute on function next_silence() to alcove_app;
