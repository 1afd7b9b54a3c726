-- Conversations, and the index over their messages.

-- The parent of the next message: the newest message; of two compared answers the preferred one, or else the first.
create or replace function conversation_head(conversation uuid) returns uuid
    language sql stable parallel safe
    return (select coalesce(
                (select j.answer_id
                   from ab_comparisons c join llm_jobs j on j.id in (c.first_job_id, c.second_job_id)
                  where c.question_id = newest.parent_message_id and j.answer_id is not null
                    and exists (select from llm_jobs a
                                 where a.id in (c.first_job_id, c.second_job_id) and a.answer_id = newest.id)
                  order by j.status = 'completed' desc,
                           (j.id = c.second_job_id) = (c.preference is not distinct from 'second') desc
                  limit 1),
                newest.id)
              from (select m.id, m.parent_message_id from messages m where m.conversation_id = conversation
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
