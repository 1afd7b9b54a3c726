-- name: unfinished_evals
select run_id, user_id from unfinished_evals(%(limit)s)

-- name: due_eval_schedules
select schedule_id, user_id from due_eval_schedules(%(limit)s)

-- name: next_eval_schedule
select next_eval_schedule()
