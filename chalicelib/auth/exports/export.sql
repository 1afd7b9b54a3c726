-- name: tables
select name from exported_tables() where name collate "C" >= %(first)s order by name collate "C"

-- name: rows
select key, content from export_rows(%(table)s, %(after)s, %(limit)s)

-- name: organisation_tables
select name from organisation_tables() where name collate "C" >= %(first)s order by name collate "C"

-- name: organisation_rows
select key, content from export_organisation_rows(%(table)s, %(after)s, %(limit)s)

-- name: is_recorded
-- Whether the audit log has this administrator's export of the last hour: an export is many pages.
select exists (select from audit_logs where user_id = app_user_id() and action = 'organisation.exported'
                                        and created_at > now() - interval '1 hour')
