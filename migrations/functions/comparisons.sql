-- A/B comparisons: the drawn variants, the sides as their user sees them, and the votes.

-- Whether the pipeline, the model and the prompts of these settings exist and are enabled.
create or replace function usable_settings(settings jsonb) returns boolean
    language sql stable parallel safe
    return not exists (select from jsonb_each_text(settings) s where not is_usable_choice(s.key, s.value));
grant execute on function usable_settings(jsonb) to alcove_app;

-- The champion, a challenger drawn by weight (Efraimidis and Spirakis 2006: the least of exponential clocks with the
-- weights as rates), and a random order. No row when there is no usable pair.
create or replace function draw_variants()
    returns table (champion_id uuid, champion_name text, champion_settings jsonb, challenger_id uuid, challenger_name text,
                   challenger_settings jsonb, is_champion_first boolean)
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        select k.id, k.name, k.settings, c.id, c.name, c.settings, random() < 0.5
          from ab_pool k, ab_pool c
         where k.is_champion and c.is_active and not c.is_champion and app_user_id() is not null
           and usable_settings(k.settings) and usable_settings(c.settings)
         order by -ln(1 - random()) / c.weight limit 1;
    end;
grant execute on function draw_variants() to alcove_app;

-- One side of a comparison as its user sees it. The variant is named after the vote, and when no vote is possible.
create or replace function comparison_side(compared ab_comparisons, is_first boolean) returns jsonb
    language sql stable parallel safe
    return (select jsonb_build_object(
                       'job_id', j.id, 'status', job_status(j.id, j.status),
                       'error', case when j.error_code is not null
                                     then jsonb_build_object('code', j.error_code, 'message', j.error_message) end,
                       'answer', (select jsonb_build_object('id', m.id, 'content', m.content, 'sources', m.sources,
                                                            'finish_reason', m.finish_reason)
                                    from messages m where m.id = j.answer_id),
                       'variant', case when (compared).preference is not null or (compared).is_void
                                       then jsonb_build_object('id', v.id, 'name', v.name, 'is_champion', v.is_champion,
                                                               'pipeline', j.pipeline, 'model', j.model) end)
              from (values (true, (compared).champion_id, (compared).champion_name),
                           (false, (compared).challenger_id, (compared).challenger_name)) as v (is_champion, id, name)
              join llm_jobs j on j.id = case when is_first then (compared).first_job_id else (compared).second_job_id end
             where v.is_champion = ((compared).is_champion_first = is_first));
grant execute on function comparison_side(ab_comparisons, boolean) to alcove_app;

-- For administrators: the votes of each pair of champion and challenger.
create or replace function comparison_votes()
    returns table (champion_id uuid, champion_name text, challenger_id uuid, challenger_name text, is_current boolean,
                   comparisons bigint, open bigint, void bigint, wins bigint, losses bigint, ties bigint, both_bad bigint,
                   first_preferred bigint)
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        with rated as (
            select c.*, c.preference = case when c.is_champion_first then 'second' else 'first' end as won,
                   c.preference = case when c.is_champion_first then 'first' else 'second' end as beaten
              from ab_comparisons c where app_is_admin())
        select k.id, k.name, v.id, v.name, k.is_champion and v.is_active, count(*),
               count(*) filter (where t.preference is null and not t.is_void), count(*) filter (where t.is_void),
               count(*) filter (where t.won), count(*) filter (where t.beaten), count(*) filter (where t.preference = 'tie'),
               count(*) filter (where t.preference = 'both_bad'), count(*) filter (where t.preference = 'first')
          from rated t join ab_pool k on k.id = t.champion_id join ab_pool v on v.id = t.challenger_id
         group by k.id, v.id order by 5 desc, max(t.created_at) desc limit 100;
    end;
grant execute on function comparison_votes() to alcove_app;

-- The same pairs: the jobs of each side. Milliseconds are the worker's, from the start of an attempt to its end.
create or replace function comparison_sides()
    returns table (champion_id uuid, challenger_id uuid, is_champion boolean, jobs bigint, completed bigint, failed bigint,
                   cancelled bigint, latency_p50_ms double precision, latency_p95_ms double precision,
                   cost_usd double precision, prompt_tokens bigint, completion_tokens bigint)
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select c.champion_id, c.challenger_id, s.is_champion, count(*), count(*) filter (where j.status = 'completed'),
               count(*) filter (where j.status = 'failed'), count(*) filter (where j.status = 'cancelled'),
               percentile_cont(0.5) within group (order by t.milliseconds) filter (where j.status = 'completed'),
               percentile_cont(0.95) within group (order by t.milliseconds) filter (where j.status = 'completed'),
               coalesce(sum(u.cost_usd), 0)::float8, coalesce(sum(u.prompt_tokens), 0)::bigint,
               coalesce(sum(u.completion_tokens), 0)::bigint
          from ab_comparisons c,
               lateral (values (c.is_champion_first, c.first_job_id), (not c.is_champion_first, c.second_job_id))
                   as s (is_champion, job_id)
          join llm_jobs j on j.id = s.job_id
          left join lateral (select w.milliseconds from timing w where w.job_id = j.id and w.stage = 'total'
                              order by w.attempt desc limit 1) t on true
          left join lateral (select sum(w.cost_usd) as cost_usd, sum(w.prompt_tokens) as prompt_tokens,
                                    sum(w.completion_tokens) as completion_tokens
                               from usage w where w.job_id = j.id) u on true
         where app_is_admin()
         group by 1, 2, 3;
    end;
grant execute on function comparison_sides() to alcove_app;

-- A row for an export, without the columns that identify the variants of an open comparison.
create or replace function conceal(table_name text, content jsonb) returns jsonb
    language sql stable
    return case
        when table_name = 'ab_comparisons' and content ->> 'preference' is null and not (content ->> 'is_void')::boolean
            then content - array['champion_id', 'challenger_id', 'champion_name', 'challenger_name', 'is_champion_first',
                                 'concealed_prompts', 'concealed_costs']
        when table_name = 'llm_jobs' and is_blind((content ->> 'id')::uuid)
            then content - array['pipeline', 'model', 'settings']
        when table_name = 'usage' and is_blind((content ->> 'job_id')::uuid)
            then content - array['model', 'provider', 'key_owner', 'cost_usd']
        else content end;
grant execute on function conceal(text, jsonb) to alcove_app;
