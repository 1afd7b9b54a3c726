drop policy blind on agent_traces;
drop trigger end_side on llm_jobs;
drop trigger reveal_sides on ab_comparisons;
drop function end_side(), reveal_sides(), conversation_head(uuid), draw_variants(), comparison_votes(), comparison_sides(),
    comparison_side(ab_comparisons, boolean);
drop function is_blind(uuid), usable_settings(jsonb);
drop table ab_comparisons, ab_pool;
drop index usage_job;
alter table llm_jobs drop constraint llm_jobs_id_question_id_key;
