-- Budgets: what a user may spend in a month.

-- The caller's cost and tokens of this month, and the lowest limits of the budgets of the caller and the caller's groups.
create or replace function month_spending()
    returns table (cost_usd numeric, tokens numeric, allowed_cost_usd numeric, allowed_tokens bigint)
    language sql stable parallel safe
    begin atomic
        select coalesce(u.cost_usd, 0), coalesce(u.tokens, 0), b.cost_usd, b.tokens
          from (select sum(w.cost_usd) filter (where w.key_owner is distinct from 'user') as cost_usd,
                       sum(w.prompt_tokens + w.completion_tokens) as tokens
                  from usage w
                 where w.user_id = app_user_id()
                   and w.id >= uuid_floor(date_trunc('month', now() at time zone 'UTC') at time zone 'UTC')) u,
               (select min(g.monthly_cost_usd) as cost_usd, min(g.monthly_tokens) as tokens from budgets g
                 where g.user_id = app_user_id()
                    or g.group_id in (select m.group_id from memberships m where m.user_id = app_user_id())) b;
    end;
grant execute on function month_spending() to alcove_app;
