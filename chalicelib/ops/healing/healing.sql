-- name: events
select id, event_type, severity, description, action_taken, entity_id, created_at
  from self_healing_events
 where (%(after)s::uuid is null or id < %(after)s)
   and (%(severity)s::text is null or severity = %(severity)s)
   and (%(event_type)s::text is null or event_type = %(event_type)s)
   and (%(entity_id)s::uuid is null or entity_id = %(entity_id)s)
   and (%(since)s::timestamptz is null or created_at >= %(since)s)
   and (%(until)s::timestamptz is null or created_at < %(until)s)
 order by id desc limit %(limit)s

-- name: runs
select id, workflow_name, status, duration_ms, counts, error, created_at
  from workflow_activity
 where (%(after)s::uuid is null or id < %(after)s)
   and (%(workflow_name)s::text is null or workflow_name = %(workflow_name)s)
   and (%(status)s::text is null or status = %(status)s)
   and (%(since)s::timestamptz is null or created_at >= %(since)s)
   and (%(until)s::timestamptz is null or created_at < %(until)s)
 order by id desc limit %(limit)s

-- name: dead_letters
select id, queue, object_key, reason, redriven_at, returned_at
  from dead_letters
 where (%(after)s::uuid is null or id < %(after)s)
 order by id desc limit %(limit)s

-- name: store_letter
select store_dead_letter(%(queue)s, %(fingerprint)s, %(object_key)s, %(reason)s)
