"""What must hold of all jobs, whatever was killed. Each statement finds what must not be; each row is one finding."""

# Of the job `j`, the words that its readers have kept: those after the last restart of the stream.
STREAMED = """(
    select coalesce(string_agg(e.data ->> 'text', '' order by e.number), '') from job_events e
     where e.job_id = j.id and e.event = 'token'
       and e.number > coalesce((select max(r.number) from job_events r
                                 where r.job_id = j.id and r.event = 'meta' and r.data ? 'restart'), 0))"""

JOBS = {
    "job that did not end, or whose end has no single last event": """
        select j.id from llm_jobs j left join job_events e on e.job_id = j.id
         group by j.id
        having j.status not in ('completed', 'failed', 'cancelled')
            or count(*) filter (where e.event in ('done', 'error', 'cancelled')) <> 1
            or max(e.number) filter (where e.event in ('done', 'error', 'cancelled')) <> j.event_count
            or min(case e.event when 'done' then 'completed' when 'error' then 'failed'
                                when 'cancelled' then 'cancelled' end) <> j.status""",
    "stream with a gap": """
        select j.id from llm_jobs j left join job_events e on e.job_id = j.id
         group by j.id, j.event_count
        having count(e.number) <> j.event_count or max(e.number) <> j.event_count""",
    "answer that is not what was streamed": f"""
        select j.id from llm_jobs j join messages m on m.id = j.answer_id where m.content <> {STREAMED}""",
}
