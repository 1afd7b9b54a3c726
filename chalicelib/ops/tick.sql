-- name: queue
select waiting, processing, coalesce(oldest_wait_ms, 0), every_answer_fails() from queue_statistics()
