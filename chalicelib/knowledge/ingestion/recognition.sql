-- name: request
select request_recognition(%(id)s, %(token)s, %(version)s, %(languages)s, %(pages)s::integer[])

-- name: requested
select page, content, words, confidence, doubtful_words, doubtful, is_open
  from requested_recognition(%(id)s, %(token)s, %(version)s, %(languages)s)

-- name: claim
select document_id, object_key, object_version, languages, filename, content_type, pages
  from claim_recognition(%(token)s, %(lease)s, %(amount)s)

-- name: store
select store_recognised(%(token)s, %(id)s, %(page)s, %(content)s, %(words)s, %(confidence)s, %(doubtful_words)s,
                        %(doubtful)s::text[], %(lease)s)

-- name: release
select release_recognition(%(token)s, %(id)s, %(failed)s)
