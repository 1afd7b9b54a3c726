-- name: tables
select name from exported_tables() where name collate "C" >= %(first)s order by name collate "C"

-- name: rows
select key, content from export_rows(%(table)s, %(after)s, %(limit)s)

-- name: organisation_tables
select name from organisation_tables() where name collate "C" >= %(first)s order by name collate "C"

-- name: organisation_rows
select key, content from export_organisation_rows(%(table)s, %(after)s, %(limit)s)
