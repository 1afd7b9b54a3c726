-- name: of_conversation
select conversation_filters(c.id) from conversations c where c.id = %(conversation_id)s::uuid and c.deleted_at is null
