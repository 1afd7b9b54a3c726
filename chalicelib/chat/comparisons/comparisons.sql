-- name: enqueue
-- Stores a question, its comparison and a job for each side, all or nothing. Without a champion and a challenger to draw,
-- nothing is stored.
with {{conversation}},
drawn as materialized (
    select d.* from conversation, draw_variants() d),
side as materialized (
    select s.number, uuidv7() as job_id, job_settings(c.id, s.settings) || {{scope}} as settings, true as is_blind
      from conversation c, drawn d,
           lateral (values (1, case when d.is_champion_first then d.champion_settings else d.challenger_settings end),
                           (2, case when d.is_champion_first then d.challenger_settings else d.champion_settings end))
               as s (number, settings)),
{{enqueued}},
compared as (
    insert into ab_comparisons (user_id, conversation_id, question_id, first_job_id, second_job_id, champion_id,
                                challenger_id, champion_name, challenger_name, is_champion_first)
    select q.user_id, q.conversation_id, q.id, f.job_id, s.job_id, d.champion_id, d.challenger_id, d.champion_name,
           d.challenger_name, d.is_champion_first
      from question q, drawn d, side f, side s where f.number = 1 and s.number = 2
    returning id, conversation_id, question_id, first_job_id, second_job_id, created_at)
select {{admission}}, (select to_jsonb(c) from compared c) as comparison
  from load l

-- name: is_offered
select exists (select from draw_variants())

-- name: find
-- One comparison by its id, or a page of the comparisons of a conversation.
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
