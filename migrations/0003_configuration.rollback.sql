drop trigger audit_preferences on users;
drop table embedding_models, provider_keys, config_audit, dynamic_config, static_config, assistants, llms,
    prompt_versions, prompts cascade;
drop domain setting_ratio, setting_temperature, setting_penalty, setting_amount, setting_choices,
    setting_answer_tokens, setting_prompt_tokens, setting_bound, setting_name, setting_languages, setting_text, setting_languages, setting_megabytes;
