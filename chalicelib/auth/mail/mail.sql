-- name: request
select request_mail(%(kind)s, %(address)s, %(language)s)

-- name: claim
select id, kind, recipient, language, attempts from claim_mails(%(amount)s)

-- name: prepare
select deployment_name, name, inviter, group_names, new_email, expires_at, numbers from prepare_mail(%(id)s, %(token_hash)s)

-- name: finish
select finish_mail(%(id)s, %(abandoned)s)

-- name: queue_digests
select queue_digests(%(amount)s)

-- name: next
select next_mail()

-- name: forget
select forget_expired_links()
