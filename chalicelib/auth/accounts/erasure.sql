-- name: erase_account
select erase_account(%(session)s)

-- name: erase_documents
select erase_documents(%(session)s, %(amount)s)

-- name: claim_object_deletions
select claim_object_deletions(%(amount)s)

-- name: finish_object_deletions
select finish_object_deletions(%(keys)s)
