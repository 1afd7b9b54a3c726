-- name: record
insert into audit_logs (action, entity_type, entity_id, details, ip_address, request_id)
values (%(action)s, %(entity_type)s, %(entity_id)s, %(details)s, %(ip_address)s, %(request_id)s)
