-- name: delete_old_account_data
select forget_old_accounts_data()
