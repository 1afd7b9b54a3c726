-- name: free_expired_jobs
select job_id from free_expired_jobs(%(older_than)s)

-- name: next_job_repair
select next_job_repair(%(older_than)s)
