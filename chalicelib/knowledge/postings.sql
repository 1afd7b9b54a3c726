-- name: extend
select extend_segments(%(least)s, %(most)s)

-- name: check
select check_segment(%(age)s)
