drop index llm_jobs_finished, llm_jobs_started;
drop function queue_statistics(), prioritise_job(uuid, integer), spent_this_month();
drop table budgets, feedback, usage, agent_tool_calls, agent_traces, timing;
drop index messages_parent, messages_mistakes;
revoke update on messages from alcove_app;
alter table messages
    drop column rephrased_query,
    drop column tone,
    drop column behavior,
    drop column context_type,
    drop column signal_strength,
    drop column context_clarity,
    drop column needs_knowledge,
    drop column thinking,
    drop column prompts,
    drop column prompt_tokens,
    drop column completion_tokens,
    drop column cost_usd,
    drop column invented_citations,
    drop column is_mistake,
    drop column mistake_note;
alter table conversations drop column is_archived;
