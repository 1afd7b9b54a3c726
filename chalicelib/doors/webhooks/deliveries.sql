-- part: shown
id, event, payload, status, attempts, case when status = 'pending' then next_attempt_at end as next_attempt_at,
       response_status, error, milliseconds, delivered_at, created_at

-- name: list
select {{shown}} from webhook_deliveries
 where webhook_id = %(webhook_id)s and (%(after)s::uuid is null or id < %(after)s)
   and (%(status)s::text is null or status = %(status)s)
 order by id desc limit %(limit)s

-- name: send_again
update webhook_deliveries set status = 'pending', attempts = 0, next_attempt_at = now(), delivered_at = null
 where webhook_id = %(webhook_id)s and id = %(id)s
returning {{shown}}

-- name: announce_test
-- A delivery that this request sends itself: tick takes it only if the request dies.
insert into webhook_deliveries (webhook_id, user_id, event, payload, attempts, next_attempt_at)
select w.id, w.user_id, 'webhook.test',
       jsonb_build_object('type', 'webhook.test', 'data', jsonb_build_object('webhook_id', w.id), 'timestamp',
                          to_char(now() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')),
       1, now() + %(lease)s
  from webhooks w where w.id = %(webhook_id)s
returning id, webhook_id, payload, attempts,
          (select w.url from webhooks w where w.id = %(webhook_id)s) as url,
          (select w.allow_private_addresses and (select app_is_admin()) from webhooks w where w.id = %(webhook_id)s)
              as allow_private_addresses,
          (select coalesce(w.previous_secret_until > now(), false) from webhooks w where w.id = %(webhook_id)s)
              as signs_with_previous,
          (select w.ciphertext from webhooks w where w.id = %(webhook_id)s) as ciphertext,
          (select w.wrapped_key from webhooks w where w.id = %(webhook_id)s) as wrapped_key,
          (select w.master_key from webhooks w where w.id = %(webhook_id)s) as master_key

-- name: get
select {{shown}} from webhook_deliveries where webhook_id = %(webhook_id)s and id = %(id)s

-- name: claim
select * from claim_webhook_deliveries(%(amount)s, %(lease)s)

-- name: record
select record_webhook_attempt(%(delivery)s, %(attempt)s::smallint, %(answered)s::integer, %(failure)s, %(took)s::integer,
                              %(retry_in)s::interval, %(is_final)s, %(disable_after)s)

-- name: forget
select forget_webhook_deliveries()

-- name: next_webhook
select next_webhook()
