-- Comparisons are blind until the vote: triggers, and a policy helper.

-- Whether a job is one side of a comparison without a vote.
create or replace function is_blind(job uuid) returns boolean
    language sql stable parallel safe
    as $$
    select exists (select from ab_comparisons c
                    where (c.first_job_id = job or c.second_job_id = job) and c.preference is null and not c.is_void)
$$;
grant execute on function is_blind(uuid) to alcove_app;

-- Removes the cost from the event `usage` of a blind job.
create or replace function conceal_cost() returns trigger
    language plpgsql set search_path = public, pg_temp
    as $$
begin
    if is_blind(new.job_id) then
        new.data := new.data || '{"cost_usd": null}';
    end if;
    return new;
end
$$;

-- Runs when a job that is one side of a comparison ends. Until the vote, an answer shows neither model, pipeline and
-- prompts nor cost; a side that failed or was cancelled makes the comparison void.
create or replace function end_side() returns trigger
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
        update ab_comparisons c set concealed_prompts = c.concealed_prompts || jsonb_build_object(m.id, m.prompts),
                                    concealed_costs = c.concealed_costs || jsonb_build_object(m.id, m.cost_usd)
          from messages m where c.id = compared.id and m.id = new.answer_id;
        update messages set pipeline = null, model = null, prompts = '[]', cost_usd = null where id = new.answer_id;
    else
        update ab_comparisons set is_void = true where id = compared.id;
    end if;
    return null;
end
$$;

-- The vote, or the end of a void comparison, restores models, prompts and costs.
create or replace function reveal_sides() returns trigger
    language plpgsql security definer set search_path = public, pg_temp
    as $$
begin
    update messages m set pipeline = j.pipeline, model = j.model, prompts = coalesce(new.concealed_prompts -> m.id::text, m.prompts),
                          cost_usd = coalesce((new.concealed_costs ->> m.id::text)::numeric, m.cost_usd)
      from llm_jobs j
     where j.id in (new.first_job_id, new.second_job_id) and m.id = j.answer_id and m.model is null;
    return null;
end
$$;
