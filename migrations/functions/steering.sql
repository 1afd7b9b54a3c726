-- What administrators see of the use of the service: numbers, and never words.

-- For an administrator: use by user, group, model or day, the most used first (days: the newest first). A user counts
-- for each group of theirs. No row for another caller.
create or replace function usage_report(dimension text, since timestamptz, until timestamptz, amount integer)
    returns table (key text, label text, answers bigint, prompt_tokens bigint, completion_tokens bigint, cost_usd numeric,
                   answers_without_sources bigint, failed_questions bigint, likes bigint, dislikes bigint, mistakes bigint,
                   failed_documents bigint)
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        with paid as (
            select u.user_id, u.model, u.created_at, u.prompt_tokens::bigint as prompt_tokens,
                   u.completion_tokens::bigint as completion_tokens, u.cost_usd, 0 as answers, 0 as without_sources,
                   0 as failed, 0 as likes, 0 as dislikes, 0 as mistakes, 0 as documents
              from usage u
             where app_is_admin() and u.id >= uuid_floor(since) and u.created_at >= since and u.created_at < until
            union all
            select m.user_id, coalesce(m.model, ''), m.created_at, 0, 0, 0, 1, (m.sources = '[]')::integer, 0, 0, 0, m.is_mistake::integer, 0
              from messages m
             where app_is_admin() and m.role = 'assistant' and m.created_at >= since and m.created_at < until
            union all
            select j.user_id, j.model, j.created_at, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0
              from llm_jobs j
             where app_is_admin() and j.status = 'failed' and j.created_at >= since and j.created_at < until
            union all
            select f.user_id, coalesce(m.model, ''), f.created_at, 0, 0, 0, 0, 0, 0, (f.kind = 'like')::integer,
                   (f.kind = 'dislike')::integer, 0, 0
              from feedback f join messages m on m.id = f.message_id
             where app_is_admin() and f.created_at >= since and f.created_at < until
            union all
            -- No language model read a document.
            select d.owner_id, '', d.processed_at, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1
              from documents d
             where app_is_admin() and dimension <> 'model' and d.status = 'failed' and d.deleted_at is null
               and d.processed_at >= since and d.processed_at < until),
        keyed as (
            select case dimension when 'user' then p.user_id::text when 'group' then g.id::text when 'model' then coalesce(p.model, '')
                                  else (p.created_at at time zone 'UTC')::date::text end as key,
                   case dimension when 'user' then coalesce(a.email, a.username, a.display_name) when 'group' then g.name end as label,
                   p.*
              from paid p
              left join users a on dimension = 'user' and a.id = p.user_id
              left join memberships w on dimension = 'group' and w.user_id = p.user_id
              left join groups g on g.id = w.group_id
             where dimension <> 'group' or g.id is not null)
        select k.key, min(k.label), sum(k.answers), sum(k.prompt_tokens)::bigint, sum(k.completion_tokens)::bigint,
               sum(k.cost_usd), sum(k.without_sources), sum(k.failed), sum(k.likes), sum(k.dislikes), sum(k.mistakes),
               sum(k.documents)
          from keyed k group by k.key
         order by case when dimension = 'day' then k.key end desc, sum(k.cost_usd) desc, sum(k.answers) desc, k.key
         limit least(amount, 1000);
    end;
grant execute on function usage_report(text, timestamptz, timestamptz, integer) to alcove_app;

-- For an administrator: what the spaces of users, groups and the organisation hold, the fullest first.
create or replace function storage_report(amount integer)
    returns table (kind text, key text, label text, documents bigint, failed_documents bigint,
                   documents_with_warnings bigint, used_bytes bigint, limit_bytes bigint)
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select s.kind, coalesce(s.user_id, s.group_id)::text, coalesce(u.email, u.username, u.display_name, g.name),
               d.documents, d.failed, d.warned, s.used_bytes, storage_limit_of(s.id)
          from spaces s
          left join users u on u.id = s.user_id
          left join groups g on g.id = s.group_id
          cross join lateral (
              select count(*) as documents, count(*) filter (where o.status = 'failed') as failed,
                     count(*) filter (where o.status = 'completed' and o.warnings <> '[]') as warned
                from documents o
               where (o.space_id = s.id
                      or s.kind = 'org' and o.space_id in (select r.id from spaces r where r.kind = 'readers'))
                 and o.deleted_at is null) d
         where app_is_admin() and s.kind <> 'readers' order by s.used_bytes desc, s.id limit least(amount, 1000);
    end;
grant execute on function storage_report(integer) to alcove_app;

-- For an administrator: the MB that one user's or group's space may hold in place of the settings' limit; null: the
-- settings'. Returns whether there is such a space.
create or replace function set_storage_limit(of_user uuid, of_group uuid, megabytes integer) returns boolean
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
begin
    update spaces s set storage_mb = megabytes where app_is_admin() and (s.user_id = of_user or s.group_id = of_group);
    return found;
end
$$;
grant execute on function set_storage_limit(uuid, uuid, integer) to alcove_app;
