-- name: fail_interrupted
select fail_interrupted_updates(%(longest)s)
