-- Conversations, and the index over their messages.

-- The answer to a question that the thread follows: of two compared answers the preferred one, or else the first; else the
-- newest. Null without an answer.
create or replace function answer_to_follow(question uuid) returns uuid
    language sql stable parallel safe
    return (select coalesce(
                (select j.answer_id
                   from ab_comparisons c join llm_jobs j on j.id in (c.first_job_id, c.second_job_id)
                  where c.question_id = question and j.answer_id is not null
                    and newest.id in (select a.answer_id from llm_jobs a where a.id in (c.first_job_id, c.second_job_id))
                  order by j.status = 'completed' desc,
                           (j.id = c.second_job_id) = (c.preference is not distinct from 'second') desc
                  limit 1),
                newest.id)
              from (select m.id from messages m where m.parent_message_id = question and m.role = 'assistant'
                     order by m.id desc limit 1) newest);
grant execute on function answer_to_follow(uuid) to alcove_app;

-- The parent of the next message: the newest message, or the answer that stands for it.
create or replace function conversation_head(conversation uuid) returns uuid
    language sql stable parallel safe
    return (select case when newest.role = 'user' then newest.id else answer_to_follow(newest.parent_message_id) end
              from (select m.id, m.parent_message_id, m.role from messages m
                     where m.conversation_id = conversation and m.role <> 'system'
                     order by m.id desc limit 1) newest);
grant execute on function conversation_head(uuid) to alcove_app;

-- For tick: users with unindexed messages older than `grace`, those with the oldest first.
create or replace function find_unindexed_users(grace interval, amount integer) returns setof uuid
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select q.user_id from message_index_queue q join users u on u.id = q.user_id and u.is_active
         where q.enqueued_at < now() - grace
         group by q.user_id order by min(q.enqueued_at) limit least(amount, 1000);
    end;
grant execute on function find_unindexed_users(interval, integer) to alcove_app;

-- For tick: when find_unindexed_users() finds somebody next, null while every message is indexed.
create or replace function next_message_index(grace interval) returns timestamptz
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select min(q.enqueued_at) + grace from message_index_queue q join users u on u.id = q.user_id and u.is_active;
    end;
grant execute on function next_message_index(interval) to alcove_app;
