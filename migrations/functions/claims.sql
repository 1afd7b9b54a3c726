-- What can be claimed, and claims as people see them; queue.sql gives claims to workers.

-- A job's status as people read it: no job is processing while no worker holds it.
create or replace function job_status(job uuid, stored text) returns text
    language sql stable parallel safe
    return case when stored = 'processing' and not exists (select from llm_queue q
                                                            where q.job_id = job and q.leased_until > now())
                then 'pending' else stored end;
grant execute on function job_status(uuid, text) to alcove_app;

-- Whether a job waits for another one: the question before its own in the thread has a job without an end.
create or replace function is_blocked(follows_question uuid) returns boolean
    language sql stable parallel safe
    return follows_question is not null
           and exists (select from llm_queue q where q.question_id = follows_question);
grant execute on function is_blocked(uuid) to alcove_app;
