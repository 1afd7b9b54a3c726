-- name: config
select ciphertext is not null as has_bot_token, chat_id, api_url, enabled, alert_thresholds, quiet_from, quiet_until,
       quiet_time_zone, critical_in_quiet_hours, updated_at
  from telegram_config

-- name: email_config
select email_enabled as enabled, email_recipients as recipients, updated_at from telegram_config

-- name: change_email_config
update telegram_config set email_enabled = %(enabled)s, email_recipients = %(recipients)s

-- name: change_config
update telegram_config
   set ciphertext = case when %(new_token)s then %(ciphertext)s::bytea else ciphertext end,
       wrapped_key = case when %(new_token)s then %(wrapped_key)s::bytea else wrapped_key end,
       master_key = case when %(new_token)s then %(master_key)s::text else master_key end,
       chat_id = %(chat_id)s, api_url = %(api_url)s, enabled = %(enabled)s, alert_thresholds = %(alert_thresholds)s,
       quiet_from = %(quiet_from)s, quiet_until = %(quiet_until)s, quiet_time_zone = %(quiet_time_zone)s,
       critical_in_quiet_hours = %(critical_in_quiet_hours)s

-- name: hold_config
select pg_advisory_xact_lock(hashtextextended('alcove.telegram_config', 0))

-- name: alert_configuration
select id, ciphertext, wrapped_key, master_key, chat_id, api_url, enabled, alert_thresholds, quiet_from, quiet_until,
       quiet_time_zone, critical_in_quiet_hours, email_enabled, email_recipients
  from alert_configuration()

-- name: observe
select hosts, events, failing, oldest_wait_seconds, subjects, has_webhooks from observe_for_alerts()

-- name: store
select store_alerts(%(subjects)s, %(alerts)s, %(channels)s)

-- name: claim
select alert_id, level, message, created_at, is_late from claim_alert_deliveries(%(channel)s, %(amount)s)

-- name: finish
select finish_alert_deliveries(%(ids)s, %(channel)s, %(arrived)s, %(error)s, %(pause)s)

-- name: list
select a.id, a.subject, a.kind, a.level, a.message, a.hold_until, a.created_at,
       (select coalesce(jsonb_agg(jsonb_build_object('channel', d.channel, 'attempts', d.attempts, 'sent_at', d.sent_at,
                                                     'error', d.error) order by d.channel), '[]')
          from alert_deliveries d where d.alert_id = a.id) as deliveries
  from alerts a
 where (%(after)s::uuid is null or a.id < %(after)s)
   and (%(level)s::text is null or a.level = %(level)s)
   and (%(kind)s::text is null or a.kind = %(kind)s)
   and (%(since)s::timestamptz is null or a.created_at >= %(since)s)
   and (%(until)s::timestamptz is null or a.created_at < %(until)s)
 order by a.id desc limit %(limit)s

-- name: next_alert
select next_alert()
