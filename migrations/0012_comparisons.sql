-- A/B comparisons: the pool of variants, and questions that two of them answered side by side.

-- A variant is a snapshot of settings; they never change, so that all its votes are about the same thing. At most one
-- is the champion. Who has been compared is archived, never deleted.
create table ab_pool (
    id uuid primary key default uuidv7(),
    name text not null check (length(name) between 1 and 100),
    settings jsonb not null check (jsonb_typeof(settings) = 'object' and length(settings::text) <= 300000),
    assistant_id uuid references assistants on delete set null,
    weight double precision not null default 1 check (weight > 0 and weight <= 1000),
    is_champion boolean not null default false,
    is_active boolean not null default true,
    archived_at timestamptz,
    created_by uuid references users on delete set null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    check (is_active or not is_champion),
    check (archived_at is null or not is_active)
);
create unique index ab_pool_name on ab_pool (name) where archived_at is null;
create unique index ab_pool_one_champion on ab_pool (is_champion) where is_champion;
create index ab_pool_assistant on ab_pool (assistant_id) where assistant_id is not null;
create trigger touch before update on ab_pool for each row execute function touch_updated_at();
call protect('ab_pool');
create policy read on ab_pool for select to alcove_app using ((select app_is_admin()));
create policy add on ab_pool for insert to alcove_app with check ((select app_is_admin()));
create policy change on ab_pool for update to alcove_app using ((select app_is_admin()));
create policy remove on ab_pool for delete to alcove_app using ((select app_is_admin()));
grant select, insert, delete on ab_pool to alcove_app;
grant update (name, weight, is_champion, is_active, archived_at) on ab_pool to alcove_app;

-- One question, the two jobs that answer it, and which answer its asker prefers. The jobs belong to the question, and
-- the question to the user: a second key with the user in it would be updated from two sides when a user becomes
-- another one.
alter table llm_jobs add unique (id, question_id);
create table ab_comparisons (
    id uuid primary key default uuidv7(),
    user_id uuid not null,
    conversation_id uuid not null,
    question_id uuid not null,
    first_job_id uuid not null unique,
    second_job_id uuid not null unique,
    champion_id uuid not null references ab_pool,
    challenger_id uuid not null references ab_pool,
    champion_name text not null check (length(champion_name) between 1 and 100),
    challenger_name text not null check (length(challenger_name) between 1 and 100),
    is_champion_first boolean not null,
    preference text check (preference in ('first', 'second', 'tie', 'both_bad')),
    preferred_at timestamptz,
    is_void boolean not null default false,
    concealed_prompts jsonb not null default '{}' check (jsonb_typeof(concealed_prompts) = 'object'),
    created_at timestamptz not null default now(),
    foreign key (question_id, conversation_id, user_id) references messages (id, conversation_id, user_id)
        on delete cascade on update cascade,
    foreign key (first_job_id, question_id) references llm_jobs (id, question_id) on delete cascade,
    foreign key (second_job_id, question_id) references llm_jobs (id, question_id) on delete cascade,
    check (first_job_id <> second_job_id),
    check (champion_id <> challenger_id),
    check ((preference is null) = (preferred_at is null)),
    check (preference is null or not is_void)
);
create index ab_comparisons_question on ab_comparisons (question_id);
create index ab_comparisons_conversation on ab_comparisons (conversation_id, id);
create index ab_comparisons_pair on ab_comparisons (challenger_id, champion_id);
create index ab_comparisons_champion on ab_comparisons (champion_id);
create index usage_job on usage (job_id);
call protect('ab_comparisons');
create policy read on ab_comparisons for select to alcove_app using (user_id = (select app_user_id()));
create policy add on ab_comparisons for insert to alcove_app with check (user_id = (select app_user_id()));
-- A vote that was cast stays: no row that has one can be updated.
create policy vote on ab_comparisons for update to alcove_app
    using (user_id = (select app_user_id()) and preference is null) with check (user_id = (select app_user_id()));
grant select on ab_comparisons to alcove_app;
grant insert (user_id, conversation_id, question_id, first_job_id, second_job_id, champion_id, challenger_id,
              champion_name, challenger_name, is_champion_first) on ab_comparisons to alcove_app;
grant update (preference, preferred_at) on ab_comparisons to alcove_app;

-- Whether everything that these settings name is there and switched on.
create function usable_settings(settings jsonb) returns boolean
    language sql stable parallel safe
    return (select (not settings ? 'active_pipeline' or settings ->> 'active_pipeline' = any (s.available_pipelines))
               and (not settings ? 'active_model'
                    or exists (select from llms l where l.name = settings ->> 'active_model' and l.is_enabled
                                                    and l.provider = any (s.available_providers)))
               and not exists (select from unnest(array['condense', 'chat', 'system']) k
                                where settings ? ('active_' || k || '_prompt')
                                  and not exists (select from prompts p
                                                   where p.kind = k and p.name = settings ->> ('active_' || k || '_prompt')))
              from static_config s);

-- The champion, a challenger by weight (Efraimidis and Spirakis 2006: the least of exponential clocks with the weights
-- as rates), and a coin for their order. No row: there is nobody to compare.
create function draw_variants()
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

-- Whether a job is one side of a comparison whose asker may not know yet which side it is.
create function is_blind(job uuid) returns boolean
    language sql stable parallel safe
    return exists (select from ab_comparisons c
                    where (c.first_job_id = job or c.second_job_id = job) and c.preference is null and not c.is_void);

-- One side of a comparison as its asker sees it: which variant it was once the vote is cast, or cannot be.
create function comparison_side(compared ab_comparisons, is_first boolean) returns jsonb
    language sql stable parallel safe
    return (select jsonb_build_object(
                       'job_id', j.id, 'status', j.status,
                       'error', case when j.error_code is not null
                                     then jsonb_build_object('code', j.error_code, 'message', j.error_message) end,
                       'answer', (select jsonb_build_object('id', m.id, 'content', m.content, 'sources', m.sources)
                                    from messages m where m.id = j.answer_id),
                       'variant', case when (compared).preference is not null or (compared).is_void
                                       then jsonb_build_object('id', v.id, 'name', v.name, 'is_champion', v.is_champion,
                                                               'pipeline', j.pipeline, 'model', j.model) end)
              from (values (true, (compared).champion_id, (compared).champion_name),
                           (false, (compared).challenger_id, (compared).challenger_name)) as v (is_champion, id, name)
              join llm_jobs j on j.id = case when is_first then (compared).first_job_id else (compared).second_job_id end
             where v.is_champion = ((compared).is_champion_first = is_first));

-- The end of a job that is one side of a comparison. An answer keeps silent about what made it until the vote; a side
-- that failed or was stopped makes the comparison void.
create function end_side() returns trigger
    language plpgsql security definer set search_path = public, pg_temp
    as $$
declare
    compared ab_comparisons;
begin
    select * into compared from ab_comparisons c where c.first_job_id = new.id or c.second_job_id = new.id for update;
    if not found or compared.is_void then
        return null;
    end if;
    if new.status = 'completed' then
        update ab_comparisons c set concealed_prompts = c.concealed_prompts || jsonb_build_object(m.id, m.prompts)
          from messages m where c.id = compared.id and m.id = new.answer_id;
        update messages set pipeline = null, model = null, prompts = '[]' where id = new.answer_id;
    else
        update ab_comparisons set is_void = true where id = compared.id;
    end if;
    return null;
end
$$;
create trigger end_side after update of status on llm_jobs for each row
    when (new.status in ('completed', 'failed', 'cancelled') and old.status in ('pending', 'processing'))
    execute function end_side();

create function reveal_sides() returns trigger
    language plpgsql security definer set search_path = public, pg_temp
    as $$
begin
    update messages m set pipeline = j.pipeline, model = j.model, prompts = coalesce(new.concealed_prompts -> m.id::text, m.prompts)
      from llm_jobs j
     where j.id in (new.first_job_id, new.second_job_id) and m.id = j.answer_id and m.model is null;
    return null;
end
$$;
create trigger reveal_sides after update of preference, is_void on ab_comparisons for each row
    when (old.preference is null and not old.is_void and (new.preference is not null or new.is_void))
    execute function reveal_sides();

-- A trace names model, pipeline and prompts. The transaction that writes one reads it back, hence the first condition.
create policy blind on agent_traces as restrictive for select to alcove_app
    using (completed_at = now() or not is_blind(job_id));

-- The message that the next one follows: the newest; of two compared answers the preferred one, or else the first.
create function conversation_head(conversation uuid) returns uuid
    language sql stable parallel safe
    return (select coalesce(
                (select j.answer_id
                   from ab_comparisons c join llm_jobs j on j.id in (c.first_job_id, c.second_job_id)
                  where c.question_id = newest.parent_message_id and j.answer_id is not null
                    and exists (select from llm_jobs a
                                 where a.id in (c.first_job_id, c.second_job_id) and a.answer_id = newest.id)
                  order by j.status = 'completed' desc,
                           (j.id = c.second_job_id) = (c.preference is not distinct from 'second') desc
                  limit 1),
                newest.id)
              from (select m.id, m.parent_message_id from messages m where m.conversation_id = conversation
                     order by m.id desc limit 1) newest);

-- For administrators, in numbers: how each challenger did against each champion that it met.
create function comparison_votes()
    returns table (champion_id uuid, champion_name text, challenger_id uuid, challenger_name text, is_current boolean,
                   comparisons bigint, open bigint, void bigint, wins bigint, losses bigint, ties bigint, both_bad bigint,
                   first_preferred bigint)
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        with told as (
            select c.*, c.preference = case when c.is_champion_first then 'second' else 'first' end as won,
                   c.preference = case when c.is_champion_first then 'first' else 'second' end as lost
              from ab_comparisons c where app_is_admin())
        select k.id, k.name, v.id, v.name, k.is_champion and v.is_active, count(*),
               count(*) filter (where t.preference is null and not t.is_void), count(*) filter (where t.is_void),
               count(*) filter (where t.won), count(*) filter (where t.lost), count(*) filter (where t.preference = 'tie'),
               count(*) filter (where t.preference = 'both_bad'), count(*) filter (where t.preference = 'first')
          from told t join ab_pool k on k.id = t.champion_id join ab_pool v on v.id = t.challenger_id
         group by k.id, v.id order by 5 desc, max(t.created_at) desc limit 100;
    end;

-- The same pairs: what each side took. Milliseconds are a worker's, from taking the job up to its end.
create function comparison_sides()
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

grant execute on function usable_settings(jsonb), draw_variants(), is_blind(uuid), conversation_head(uuid),
    comparison_side(ab_comparisons, boolean), comparison_votes(), comparison_sides() to alcove_app;
