-- name: was_learned
select exists (select from memory_items where user_id = app_user_id() and message_id = %(message_id)s and source = 'learned')
