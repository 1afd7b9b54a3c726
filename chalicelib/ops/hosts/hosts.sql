-- name: record
select record_host_metrics(%(host)s, %(interval)s, %(leaves)s, %(measurements)s)

-- name: list
select h.name, h.first_seen_at, h.last_seen_at, h.left_at, h.silent_since,
       l.cpu_percent, l.ram_percent, l.disk_percent, l.temperature_celsius, l.gpu_percent
  from hosts h
  left join lateral (select * from host_metrics m
                      where m.host = h.name and m.measured_at > now() - interval '1 day'
                      order by m.measured_at desc limit 1) l on true
 order by h.name

-- name: series
-- The first bits of `id` are the time of arrival, at most a day after the measurement, so Postgres skips partitions.
select date_bin(make_interval(secs => %(step)s), m.measured_at, 'epoch') as at, count(*) as samples,
       avg(m.cpu_percent) as cpu_percent, max(m.cpu_percent) as cpu_percent_max,
       avg(m.ram_percent) as ram_percent, max(m.ram_percent) as ram_percent_max,
       max(m.disk_percent) as disk_percent, max(m.disk_used_bytes) as disk_used_bytes,
       min(m.disk_free_bytes) as disk_free_bytes,
       avg(m.temperature_celsius) as temperature_celsius, max(m.temperature_celsius) as temperature_celsius_max,
       avg(m.gpu_percent) as gpu_percent, max(m.gpu_percent) as gpu_percent_max,
       max(m.gpu_memory_percent) as gpu_memory_percent, max(m.gpu_temperature_celsius) as gpu_temperature_celsius
  from host_metrics m
 where m.host = %(host)s and m.measured_at >= %(since)s and m.measured_at < %(until)s
   and m.id >= uuid_floor(greatest(%(since)s::timestamptz - interval '10 minutes', 'epoch'))
   and m.id < uuid_floor(greatest(%(until)s::timestamptz + interval '1 day', 'epoch'))
 group by 1 order by 1

-- name: measurements
select name, labels, value from service_measurements()

-- name: notice_silent
select notice_silent_hosts()

-- name: next_silence
select next_silence()
