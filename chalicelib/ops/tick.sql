-- name: queue
select waiting, processing, coalesce(oldest_wait_ms, 0) from queue_statistics()
