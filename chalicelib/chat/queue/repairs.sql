-- name: free_expired_jobs
select job_id from free_expired_jobs(%(older_than)s)
