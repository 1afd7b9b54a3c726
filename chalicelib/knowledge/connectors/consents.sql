-- name: stored
select ciphertext, wrapped_key, master_key from connectors
 where id = %(id)s and ciphertext is not null and not ends_consent

-- name: replace
update connectors set ciphertext = %(ciphertext)s, wrapped_key = %(wrapped_key)s, master_key = %(master_key)s
 where id = %(id)s and ciphertext = %(former)s and not ends_consent
returning id

-- name: left
select connector_id, type, settings, mirrors_readers, allow_private_addresses, ciphertext, wrapped_key, master_key
  from left_consents(%(amount)s)

-- name: forget
select forget_consent(%(id)s, %(former)s)
