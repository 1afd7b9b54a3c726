-- name: get
select preferences from users where id = app_user_id()

-- name: change
update users set preferences = jsonb_strip_nulls(preferences || %(changes)s) where id = app_user_id()
returning preferences
