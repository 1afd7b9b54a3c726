-- name: wrapped_by_another_key
select {key}, ciphertext, wrapped_key, master_key from {table}
 where master_key <> %(master_key)s
 order by {key} limit %(limit)s

-- name: next_wrapped_by_another_key
select {key}, ciphertext, wrapped_key, master_key from {table}
 where master_key <> %(master_key)s and ({key}) > ({values})
 order by {key} limit %(limit)s

-- name: replace_wrapping
update {table} set wrapped_key = %(new_wrapped_key)s, master_key = %(new_master_key)s
 where ({key}) = ({values}) and wrapped_key = %(wrapped_key)s
