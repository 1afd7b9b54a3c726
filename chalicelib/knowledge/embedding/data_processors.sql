-- name: list
-- Everything that documents and questions are sent to, in use or on offer. What the functions compute themselves is left
-- out: built-in embedding models and the built-in reader.
select *
  from (select 'embedding_model' as kind, m.name, m.provider, m.base_url as address, null::jsonb as base_urls,
               case m.status when 'active' then 'in_use' else 'preparing' end as status,
               array['documents', 'questions'] as receives
          from embedding_models m
         where m.provider <> 'builtin' and m.status <> 'inactive'
        union all
        select 'language_model', l.name, l.provider, l.endpoint, s.provider_base_urls,
               case when l.name = coalesce(d.active_model, s.active_model) then 'in_use' else 'on_offer' end,
               array['chunks', 'questions', 'history']
          from llms l, dynamic_config d, static_config s
         where l.is_enabled and l.provider <> 'extractive' and is_offered(l.provider)
        union all
        select 'reranker', r.name, r.provider, r.base_url, null,
               case when r.name = coalesce(d.active_reranker, s.active_reranker) then 'in_use' else 'on_offer' end,
               array['chunks', 'questions']
          from rerankers r, dynamic_config d, static_config s) processor
 order by kind, status, name
 limit %(limit)s
