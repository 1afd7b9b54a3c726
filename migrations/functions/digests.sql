-- Digests: what a user wants to be told of by e-mail, once a day at most and off by default.

-- Whether a document is still its owner's matter: of a group, while the owner is a member. Webhooks and digests ask.
create or replace function is_owners_matter(owner uuid, space integer) returns boolean
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select not exists (select from spaces s
                            where s.id = space and s.group_id is not null
                              and not exists (select from memberships m where m.group_id = s.group_id and m.user_id = owner));
    end;

-- What happened to a user in the last day, in numbers: documents that failed and that were read in part, and sources of the
-- user's that could not be brought up to date; and how much of the month's budget is spent in percent, from 80 on; else 0.
create or replace function digest_of(account_id uuid) returns jsonb
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select jsonb_build_object('failed', d.failed, 'warned', d.warned, 'connectors', n.failed,
                                  'percent', case when b.percent >= 80 then floor(b.percent) else 0 end)
          from (select count(*) filter (where o.status = 'failed') as failed,
                       count(*) filter (where o.status = 'completed' and o.warnings <> '[]') as warned
                  from documents o
                 where o.owner_id = account_id and o.status in ('failed', 'completed') and o.deleted_at is null
                   and o.processed_at > now() - interval '1 day' and is_owners_matter(account_id, o.space_id)) d,
               (select count(*) as failed from connectors c
                 where c.owner_id = account_id and c.status <> 'disabled'
                   and (c.status = 'error' or c.failures > 0 or c.error_code is not null) and c.updated_at > now() - interval '1 day') n,
               (select coalesce(max(greatest(100 * s.cost / nullif(g.monthly_cost_usd, 0),
                                             100 * s.tokens / nullif(g.monthly_tokens, 0))), 0) as percent
                  from budgets g,
                       (select coalesce(sum(u.cost_usd) filter (where u.key_owner is distinct from 'user'), 0) as cost,
                               coalesce(sum(u.prompt_tokens + u.completion_tokens), 0) as tokens
                          from usage u
                         where u.user_id = account_id
                           and u.id >= uuid_floor(date_trunc('month', now() at time zone 'UTC') at time zone 'UTC')) s
                 where g.user_id = account_id
                    or g.group_id in (select m.group_id from memberships m where m.user_id = account_id)) b;
    end;

-- For tick: writes a digest for each user who wants one, was not looked at for a day, and has something to be told. Returns how
-- many.
create or replace function queue_digests(amount integer) returns integer
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    one record;
    written integer := 0;
begin
    for one in
        update users u set notified_at = now()
         where u.id in (select o.id from users o
                         where o.is_active and o.email_verified and o.preferences @> '{"notify_by_email": true}'
                           and coalesce(o.notified_at, '-infinity') < now() - interval '1 day'
                         order by o.notified_at nulls first, o.id limit amount for update skip locked)
        returning u.id, u.email, digest_of(u.id) as digest
    loop
        if exists (select from jsonb_each_text(one.digest) n where n.value::numeric > 0) then
            perform queue_mail('digest', one.email, one.id, null, null);
            written := written + 1;
        end if;
    end loop;
    return written;
end
$$;
grant execute on function queue_digests(integer) to alcove_app;
