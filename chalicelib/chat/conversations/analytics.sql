-- name: tokens
-- An answer is counted once, with its last attempt. The models of an open comparison are hidden.
with blind as materialized (
    select unnest(array[c.first_job_id, c.second_job_id]) as job_id
      from ab_comparisons c where c.user_id = app_user_id() and c.preference is null and not c.is_void),
usage_rows as (
    select u.*, case when b.job_id is null then u.model else 'hidden' end as visible_model,
           case when b.job_id is null then u.provider else 'hidden' end as visible_provider
      from usage u left join blind b on b.job_id = u.job_id
     where u.user_id = app_user_id()
       and (%(since)s::timestamptz is null or (u.created_at >= %(since)s and u.id >= uuid_floor(greatest(%(since)s, 'epoch'))))
       and (%(until)s::timestamptz is null or u.created_at < %(until)s)),
attempts as (
    select t.*, t.id = last_value(t.id) over (partition by t.job_id order by t.id
                                              rows between unbounded preceding and unbounded following)
                and (j.id is null or j.status = 'completed') as is_answer
      from usage_rows t left join llm_jobs j on j.id = t.job_id
     where %(model)s::text is null or t.visible_model = %(model)s),
used as (
    select (a.created_at at time zone 'UTC')::date as day, a.visible_model as model, a.visible_provider as provider,
           sum(a.prompt_tokens)::bigint as prompt_tokens, sum(a.completion_tokens)::bigint as completion_tokens,
           sum(a.cost_usd)::float8 as cost_usd, count(*) filter (where a.is_answer) as answers
      from attempts a
     group by 1, 2, 3 order by 1 desc, 2 limit 1000)
select jsonb_build_object(
           'prompt_tokens', coalesce(sum(prompt_tokens), 0), 'completion_tokens', coalesce(sum(completion_tokens), 0),
           'cost_usd', coalesce(sum(cost_usd), 0), 'answers', coalesce(sum(answers), 0),
           'items', coalesce(jsonb_agg(to_jsonb(used) order by day desc, model), '[]'))
  from used

-- name: summary
select jsonb_build_object(
           'conversation_id', c.id, 'title', c.title, 'message_count', c.message_count,
           'prompt_tokens', coalesce(sum(m.prompt_tokens), 0), 'completion_tokens', coalesce(sum(m.completion_tokens), 0),
           'cost_usd', coalesce(sum(m.cost_usd), 0)::float8,
           'likes', (select count(*) from feedback f where f.conversation_id = c.id and f.kind = 'like'),
           'dislikes', (select count(*) from feedback f where f.conversation_id = c.id and f.kind = 'dislike'),
           'models', coalesce(jsonb_agg(distinct m.model) filter (where m.model is not null), '[]'),
           'answer_ms', (select percentile_cont(0.5) within group (order by t.milliseconds)
                           from llm_jobs j join timing t on t.job_id = j.id and t.stage = 'total'
                          where j.conversation_id = c.id))
  from conversations c left join messages m on m.conversation_id = c.id
 where c.id = %(id)s and c.deleted_at is null
 group by c.id
