-- name: unfinished_evals
select run_id, user_id from unfinished_evals(%(limit)s)
