drop function find_documents_to_verify(interval, timestamptz);
create function find_documents_to_verify(patience interval)
    returns table (document_id uuid, object_key text, object_version text)
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        with due as (
            select d.id, d.status = 'processing' as abandoned
              from documents d join users u on u.id = d.owner_id and u.is_active
             where d.deleted_at is null
               and case d.status
                   when 'processing' then d.leased_until <= now()
                   when 'pending' then coalesce(greatest(d.updated_at, d.verified_at), d.updated_at) < now() - patience
                   else d.updated_at < now() - patience
                        and (d.verified_at is null or d.verified_at < d.updated_at
                             or d.verified_at < now() - interval '1 day')
                   end
             order by d.status in ('pending', 'processing') desc, d.verified_at nulls first limit 200
               for update of d skip locked)
        update documents d
           set verified_at = now(), lease_token = null, leased_until = null,
               object_version = case when due.abandoned then null else d.object_version end
          from due where d.id = due.id
        returning d.id, d.object_key, d.object_version;
    end;
grant execute on function find_documents_to_verify(interval) to alcove_app;
drop trigger forget_choice on llms;
drop trigger forget_choice on prompts;
drop function forget_choice(), effective_config(uuid), config_levels(uuid), preferred_settings(jsonb);
alter table llm_jobs drop column settings;
alter table conversations drop column assistant_id, drop column settings;
drop trigger revise on dynamic_config;
drop trigger audit on dynamic_config;
drop trigger audit on static_config;
drop function revise_config(), audit_config();
drop table config_audit;
update dynamic_config d
   set num_documents_to_retrieve = coalesce(d.num_documents_to_retrieve, s.num_documents_to_retrieve),
       bm25_weight = coalesce(d.bm25_weight, s.bm25_weight), semantic_weight = coalesce(d.semantic_weight, s.semantic_weight)
  from static_config s;
alter table dynamic_config
    drop column revision,
    drop column active_pipeline,
    drop column active_model,
    drop column temperature,
    drop column max_tokens,
    drop column top_p,
    drop column top_k,
    drop column repetition_penalty,
    drop column system_prompt,
    drop column task_prompt,
    drop column active_condense_prompt,
    drop column active_chat_prompt,
    drop column active_system_prompt,
    drop column use_hybrid_search,
    drop column history_tokens,
    drop column context_tokens,
    drop column ingestion_schedule,
    alter column num_documents_to_retrieve set default 10,
    alter column num_documents_to_retrieve set not null,
    alter column bm25_weight type numeric(3, 2),
    alter column bm25_weight set default 0.3,
    alter column bm25_weight set not null,
    alter column semantic_weight type numeric(3, 2),
    alter column semantic_weight set default 0.7,
    alter column semantic_weight set not null,
    add constraint dynamic_config_check check (bm25_weight + semantic_weight > 0);
alter table static_config
    drop column available_pipelines,
    drop column available_providers,
    drop column active_pipeline,
    drop column active_model,
    drop column temperature,
    drop column max_tokens,
    drop column top_p,
    drop column top_k,
    drop column repetition_penalty,
    drop column system_prompt,
    drop column task_prompt,
    drop column active_condense_prompt,
    drop column active_chat_prompt,
    drop column active_system_prompt,
    drop column num_documents_to_retrieve,
    drop column use_hybrid_search,
    drop column bm25_weight,
    drop column semantic_weight,
    drop column history_tokens,
    drop column context_tokens,
    drop column ingestion_schedule;
drop table assistants, llms, prompt_versions, prompts;
drop domain setting_text, setting_name, setting_prompt_tokens, setting_answer_tokens, setting_choices, setting_amount,
    setting_penalty, setting_temperature, setting_ratio;
