-- name: lock_pool
-- One administrator at a time changes the pool.
select pg_advisory_xact_lock(hashtextextended('ab_pool', 0))

-- name: create_variant
insert into ab_pool (name, settings, assistant_id, weight, is_champion, is_active, created_by)
select %(name)s,
       coalesce((select jsonb_strip_nulls(jsonb_build_object('active_model', l.name, 'system_prompt', a.system_prompt,
                                                             'task_prompt', a.task_prompt))
                   from assistants a left join llms l on l.id = a.llm_id where a.id = %(assistant_id)s), '{}')
       || %(settings)s::jsonb,
       %(assistant_id)s, %(weight)s, %(is_champion)s, %(is_active)s, app_user_id()
returning id

-- name: pool
select count(*) as variants, count(*) filter (where is_champion) as champions,
       count(*) filter (where is_active and not is_champion) as challengers
  from ab_pool where archived_at is null

-- name: variant
select v.*, usable_settings(v.settings) as is_usable from ab_pool v where v.id = %(id)s

-- name: variants
select v.*, usable_settings(v.settings) as is_usable
  from ab_pool v
 where (v.archived_at is not null) = %(archived)s and (%(after)s::uuid is null or v.id < %(after)s)
 order by v.id desc limit %(limit)s

-- name: change_variant
update ab_pool
   set name = coalesce(%(name)s, name), weight = coalesce(%(weight)s, weight),
       is_active = coalesce(%(is_active)s, is_active)
 where id = %(id)s and archived_at is null
returning id

-- name: delete_variant
-- Fails with a foreign key's violation for one that was ever compared.
delete from ab_pool where id = %(id)s

-- name: archive_variant
update ab_pool set is_champion = false, is_active = false, archived_at = now() where id = %(id)s

-- name: retire_champion
update ab_pool set is_champion = false, is_active = false where is_champion returning id

-- name: make_champion
update ab_pool set is_champion = true, is_active = true where id = %(id)s

-- name: enqueue
-- Stores a question and its comparison, and for each side a job, its place in the queue and its first event, which does
-- not say what answers; or nothing of all that.
with conversation as (
    select id, user_id, title from conversations where id = %(conversation_id)s and deleted_at is null),
drawn as materialized (
    select d.* from conversation, draw_variants() d),
side as materialized (
    select s.number, uuidv7() as job_id, effective_config(c.id) || s.settings as settings
      from conversation c, drawn d,
           lateral (values (1, case when d.is_champion_first then d.champion_settings else d.challenger_settings end),
                           (2, case when d.is_champion_first then d.challenger_settings else d.champion_settings end))
               as s (number, settings)),
load as (
    select q.mine, q.total,
           exists (select from side a where not exists (select from llms l where l.name = a.settings ->> 'active_model'
                                                                             and l.provider = 'extractive'))
           and (s.cost_usd >= s.allowed_cost_usd or s.tokens >= s.allowed_tokens) is true as spent
      from queue_load() q, month_spending() s),
admitted as (
    select c.* from conversation c, drawn, load l
     where l.mine + 2 <= %(user_limit)s and l.total + 2 <= %(total_limit)s and not l.spent),
question as (
    insert into messages (conversation_id, user_id, parent_message_id, role, content)
    select id, user_id, case when %(is_first)s then null else coalesce(%(parent)s, conversation_head(id)) end, 'user',
           %(content)s
      from admitted
    returning *),
titled as (
    update conversations c set title = %(title)s from admitted a where c.id = a.id and a.title = %(untitled)s),
job as (
    insert into llm_jobs (id, user_id, conversation_id, question_id, pipeline, model, settings, event_count)
    select s.job_id, q.user_id, q.conversation_id, q.id, s.settings ->> 'active_pipeline', s.settings ->> 'active_model',
           s.settings, 1
      from question q, side s
    returning id, user_id, priority, status),
queued as (
    insert into llm_queue (job_id, user_id, priority) select id, user_id, priority from job),
first_event as (
    insert into job_events (job_id, number, user_id, event, data)
    select id, 1, user_id, 'meta', jsonb_build_object('status', status) from job),
compared as (
    insert into ab_comparisons (user_id, conversation_id, question_id, first_job_id, second_job_id, champion_id,
                                challenger_id, champion_name, challenger_name, is_champion_first)
    select q.user_id, q.conversation_id, q.id, f.job_id, s.job_id, d.champion_id, d.challenger_id, d.champion_name,
           d.challenger_name, d.is_champion_first
      from question q, drawn d, side f, side s where f.number = 1 and s.number = 2
    returning id, conversation_id, question_id, first_job_id, second_job_id, created_at)
select exists (select from conversation) as found, exists (select from drawn) as drawn, l.mine, l.spent,
       (select to_jsonb(c) from compared c) as comparison
  from load l

-- name: find
-- One comparison, or a page of a conversation's.
select c.id, c.conversation_id, c.question_id as message_id,
       case when c.is_void then 'void'
            when c.preference is not null then 'voted'
            when s.first ->> 'status' = 'completed' and s.second ->> 'status' = 'completed' then 'open'
            else 'answering' end as status,
       s.first, s.second, c.preference, c.preferred_at, c.created_at
  from ab_comparisons c
  join conversations n on n.id = c.conversation_id and n.deleted_at is null,
       lateral (select comparison_side(c, true) as first, comparison_side(c, false) as second) s
 where (%(id)s::uuid is null or c.id = %(id)s)
   and (%(conversation_id)s::uuid is null or c.conversation_id = %(conversation_id)s)
   and (%(after)s::uuid is null or c.id < %(after)s)
 order by c.id desc limit %(limit)s

-- name: vote
update ab_comparisons c set preference = %(preference)s, preferred_at = now()
  from llm_jobs f, llm_jobs s, conversations n
 where c.id = %(id)s and c.preference is null and not c.is_void
   and f.id = c.first_job_id and f.status = 'completed' and s.id = c.second_job_id and s.status = 'completed'
   and n.id = c.conversation_id and n.deleted_at is null
returning c.id

-- name: votes
select * from comparison_votes()

-- name: sides
select * from comparison_sides()
