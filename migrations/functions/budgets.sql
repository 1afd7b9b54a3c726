-- Budgets: what a user may spend in a month.

-- A user's cost and tokens of this month, and the lowest limits of the budgets of the user and the user's groups.
create or replace function month_spending_of(spender uuid)
    returns table (cost_usd numeric, tokens numeric, allowed_cost_usd numeric, allowed_tokens bigint)
    language sql stable parallel safe
    begin atomic
        select coalesce(u.cost_usd, 0), coalesce(u.tokens, 0), b.cost_usd, b.tokens
          from (select sum(w.cost_usd) filter (where w.key_owner is distinct from 'user') as cost_usd,
                       sum(w.prompt_tokens + w.completion_tokens) as tokens
                  from usage w
                 where w.user_id = spender
                   and w.id >= uuid_floor(date_trunc('month', now() at time zone 'UTC') at time zone 'UTC')) u,
               (select min(g.monthly_cost_usd) as cost_usd, min(g.monthly_tokens) as tokens from budgets g
                 where g.user_id = spender
                    or g.group_id in (select m.group_id from memberships m where m.user_id = spender)) b;
    end;
grant execute on function month_spending_of(uuid) to alcove_app;

create or replace function month_spending()
    returns table (cost_usd numeric, tokens numeric, allowed_cost_usd numeric, allowed_tokens bigint)
    language sql stable parallel safe
    begin atomic
        select s.cost_usd, s.tokens, s.allowed_cost_usd, s.allowed_tokens from month_spending_of(app_user_id()) s;
    end;
grant execute on function month_spending() to alcove_app;
