-- name: record
insert into audit_logs (action, entity_type, entity_id, details, ip_address, request_id)
values (%(action)s, %(entity_type)s, %(entity_id)s, %(details)s, %(ip_address)s, %(request_id)s)

-- name: list
-- The first bits of `id` are the time, so the bounds on `id` let Postgres skip partitions. An entry's id is created
-- shortly after its transaction began: the bounds allow an hour.
select id, user_id, action, entity_type, entity_id, details, host(ip_address) as ip_address, request_id, created_at
  from audit_logs
 where (%(after)s::uuid is null or id < %(after)s)
   and (%(user_id)s::uuid is null or user_id = %(user_id)s)
   and (%(action)s::text is null or action = %(action)s)
   and (%(entity_type)s::text is null or entity_type = %(entity_type)s)
   and (%(entity_id)s::uuid is null or entity_id = %(entity_id)s)
   and (%(since)s::timestamptz is null or (created_at >= %(since)s and id >= uuid_floor(greatest(%(since)s, 'epoch'))))
   and (%(until)s::timestamptz is null
        or (created_at < %(until)s and id < uuid_floor(%(until)s::timestamptz + interval '1 hour')))
 order by id desc limit %(limit)s
