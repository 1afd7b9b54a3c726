-- name: create
insert into budgets (user_id, group_id, monthly_cost_usd, monthly_tokens)
values (%(user_id)s, %(group_id)s, %(monthly_cost_usd)s, %(monthly_tokens)s)
returning *

-- name: delete
delete from budgets where user_id = %(user_id)s::uuid or group_id = %(group_id)s::uuid returning id

-- name: of_group
select * from budgets where group_id = %(group_id)s

-- name: list
select * from budgets where %(after)s::uuid is null or id < %(after)s order by id desc limit %(limit)s

-- name: spending
select cost_usd, tokens, allowed_cost_usd, allowed_tokens from month_spending()

-- name: is_spent
select (cost_usd >= allowed_cost_usd or tokens >= allowed_tokens) is true from month_spending()
