drop table share_readers, conversation_shares, eval_results, eval_schedules, eval_runs, eval_questions, eval_sets, entity_tags, message_index_queue, message_embeddings, message_terms, memory_embeddings, memory_items,
    agent_tool_calls, agent_traces, ab_comparisons, ab_pool, feedback, budgets, usage, timing, job_events,
    queue_turns, event_streams, llm_queue, llm_jobs, messages, conversation_document_overrides, conversations cascade;
