-- name: store
with job as (
    select id, user_id, pipeline, model, started_at, created_at from llm_jobs where id = %(job_id)s),
timed as (
    insert into timing (job_id, attempt, stage, user_id, started_at, milliseconds)
    select j.id, %(attempt)s, s.stage, j.user_id, s.started_at, s.milliseconds
      from job j, unnest(%(stages)s::text[], %(stage_starts)s::timestamptz[], %(stage_ms)s::float8[])
                      as s (stage, started_at, milliseconds)
    union all
    select id, %(attempt)s, 'waiting', user_id, created_at,
           greatest(extract(epoch from coalesce(started_at, now()) - created_at) * 1000, 0) from job
    union all
    select id, %(attempt)s, 'total', user_id, %(started_at)s, %(total_ms)s from job),
used as (
    insert into usage (user_id, job_id, model, provider, key_owner, prompt_tokens, completion_tokens, is_estimated, cost_usd)
    select user_id, id, model, %(provider)s, %(key_owner)s, %(prompt_tokens)s, %(completion_tokens)s, %(is_estimated)s,
           %(cost_usd)s
      from job where %(prompt_tokens)s + %(completion_tokens)s > 0),
trace as (
    insert into agent_traces (job_id, user_id, pipeline, model, status, events, total_tool_calls, total_tokens_used,
                              total_duration_ms, started_at)
    select id, user_id, pipeline, model, %(status)s::text, %(events)s, cardinality(%(tools)s::text[]), %(tokens)s, %(total_ms)s,
           %(started_at)s
      from job where %(status)s::text is not null
    returning id, user_id)
insert into agent_tool_calls (trace_id, user_id, step_number, tool_name, tool_args, tool_result, failed, milliseconds,
                              started_at)
select t.id, t.user_id, c.step, c.name, c.arguments, c.result, c.failed, c.milliseconds, c.started_at
  from trace t, unnest(%(tools)s::text[], %(arguments)s::jsonb[], %(results)s::text[], %(failures)s::boolean[],
                       %(tool_ms)s::float8[], %(tool_starts)s::timestamptz[])
                    with ordinality as c (name, arguments, result, failed, milliseconds, started_at, step)
