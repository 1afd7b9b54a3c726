drop trigger audit_preferences on users;
drop table embedding_models, provider_keys, config_audit, dynamic_config, static_config, assistants, rerankers,
    llms, prompt_versions, prompts cascade;
drop domain setting_ratio, setting_temperature, setting_top_p, setting_top_k, setting_penalty, setting_amount,
    setting_answer_tokens, setting_prompt_tokens, setting_bound, setting_name, setting_languages, setting_text,
    setting_megabytes;
