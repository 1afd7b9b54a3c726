-- name: votes
select * from comparison_votes()

-- name: sides
select * from comparison_sides()
