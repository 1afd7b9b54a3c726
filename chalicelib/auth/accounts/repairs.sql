-- name: delete_old_account_data
select forget_old_accounts_data()

-- name: next_object_deletion
select next_object_deletion()
