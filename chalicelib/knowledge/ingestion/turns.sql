-- name: next_before
select next_document_before(%(key)s)
