-- What /metrics shows: names without prefix, labels and values, for transactions that measure. Sums over everybody, and
-- nothing of one user.
create or replace function service_measurements() returns table (name text, labels jsonb, value double precision)
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        with recent as (
            select j.status, j.error_code, extract(epoch from j.finished_at - j.created_at)::double precision as seconds
              from llm_jobs j where j.finished_at > now() - interval '1 hour'),
        ingested as (
            select extract(epoch from d.indexed_at - d.announced_at)::double precision as seconds
              from documents d where d.indexed_at > now() - interval '1 hour' and d.status = 'completed'),
        spent as (
            select u.provider, sum(u.prompt_tokens) as prompt_tokens, sum(u.completion_tokens) as completion_tokens,
                   sum(u.cost_usd) as cost_usd
              from usage u
             where u.id >= uuid_floor(now() - interval '1 hour') group by u.provider)
        select m.name, m.labels, m.value from (
        select 'questions_waiting' as name, '{}'::jsonb as labels, q.waiting::double precision as value from queue_statistics() q
        union all select 'questions_in_work', '{}', q.processing::double precision from queue_statistics() q
        union all select 'oldest_question_wait_seconds', '{}', coalesce(q.oldest_wait_ms, 0) / 1000.0 from queue_statistics() q
        union all select 'jobs_last_hour', jsonb_build_object('status', r.status), count(*)::double precision
                    from recent r group by r.status
        union all select 'job_errors_last_hour', jsonb_build_object('code', r.error_code), count(*)::double precision
                    from recent r where r.error_code is not null group by r.error_code
        union all select 'job_seconds_last_hour', jsonb_build_object('quantile', s.share::text), s.seconds
                    from unnest(array[0.5, 0.95, 0.99]) share,
                         lateral (select share, percentile_cont(share) within group (order by r.seconds) as seconds
                                    from recent r where r.status = 'completed') s
                   where s.seconds is not null
        union all select 'documents_unfinished', jsonb_build_object('status', d.status), count(*)::double precision
                    from documents d where d.status in ('pending', 'processing') and d.deleted_at is null group by d.status
        union all select 'documents_ingested_last_hour', '{}', count(*)::double precision from ingested
        union all select 'ingestion_errors_last_hour', jsonb_build_object('code', coalesce(d.error_code, 'unknown')),
                         count(*)::double precision
                    from documents d where d.status = 'failed' and d.processed_at > now() - interval '1 hour'
                   group by d.error_code
        union all select 'ingestion_seconds_last_hour', jsonb_build_object('quantile', s.share::text), s.seconds
                    from unnest(array[0.5, 0.95, 0.99]) share,
                         lateral (select share, percentile_cont(share) within group (order by i.seconds) as seconds
                                    from ingested i) s
                   where s.seconds is not null
        union all select 'tokens_last_hour', jsonb_build_object('provider', s.provider, 'kind', k.kind),
                         case k.kind when 'prompt' then s.prompt_tokens else s.completion_tokens end::double precision
                    from spent s, unnest(array['prompt', 'completion']) k (kind)
        union all select 'cost_usd_last_hour', jsonb_build_object('provider', s.provider), s.cost_usd::double precision
                    from spent s
        union all select 'healing_events_last_hour',
                         jsonb_build_object('event_type', e.event_type, 'severity', e.severity), count(*)::double precision
                    from self_healing_events e where e.created_at > now() - interval '1 hour'
                   group by e.event_type, e.severity
        union all select 'workflow_failures_last_hour', jsonb_build_object('workflow', w.workflow_name),
                         count(*)::double precision
                    from workflow_activity w
                   where w.created_at > now() - interval '1 hour' and w.status = 'failed' group by w.workflow_name
        union all select 'host_last_seen_seconds', jsonb_build_object('host', h.name),
                         extract(epoch from now() - h.last_seen_at)::double precision
                    from hosts h where h.left_at is null
        union all select v.name, jsonb_build_object('host', l.host), v.value
                    from hosts h,
                         lateral (select * from host_metrics m where m.host = h.name
                                     and m.measured_at > now() - interval '15 minutes' order by m.measured_at desc limit 1) l,
                         lateral (values ('host_cpu_percent', l.cpu_percent::double precision),
                                         ('host_ram_percent', l.ram_percent::double precision),
                                         ('host_disk_percent', l.disk_percent::double precision),
                                         ('host_temperature_celsius', l.temperature_celsius::double precision),
                                         ('host_gpu_percent', l.gpu_percent::double precision),
                                         ('host_gpu_memory_percent', l.gpu_memory_percent::double precision),
                                         ('host_gpu_temperature_celsius', l.gpu_temperature_celsius::double precision))
                             v (name, value)
                   where v.value is not null) m where app_measures();
    end;
grant execute on function service_measurements() to alcove_app;
