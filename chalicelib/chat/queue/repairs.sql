-- name: wake_lost_jobs
select job_id from wake_lost_jobs(%(patience)s)
