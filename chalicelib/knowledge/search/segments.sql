-- name: extend
select extend_segments(%(least)s, %(most)s, %(postings)s)

-- name: check
select check_segment(%(age)s, %(anew)s)
