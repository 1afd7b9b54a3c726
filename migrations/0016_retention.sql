-- How long what grows by time is kept. Whole months go at once, by dropping their partition.

create table retention (
    name text primary key check (length(name) between 1 and 63),
    keep interval not null check (keep >= interval '1 day')
);
call protect('retention');
create policy read on retention for select to alcove_app using ((select app_is_admin()));
grant select on retention to alcove_app;
insert into retention (name, keep) values
    ('job_events', '60 days'), ('usage', '400 days'), ('audit_logs', '730 days'), ('login_attempts', '180 days'),
    ('conversations', '30 days'), ('self_healing_events', '90 days');

-- Drops the partitions in which nothing is young enough to be kept; returns how many. It waits for nobody longer than
-- two seconds: the next minute tries again.
create function drop_expired_partitions() returns integer
    language plpgsql volatile security definer set search_path = public, pg_temp set lock_timeout = '2s'
    as $$
declare
    expired record;
    dropped integer := 0;
begin
    for expired in
        select c.relname as partition
          from retention r
          join pg_inherits i on i.inhparent = to_regclass(r.name)
          join pg_class c on c.oid = i.inhrelid
         where c.relname ~ '_\d{4}_\d{2}$'
           and to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month' < (now() - r.keep) at time zone 'UTC'
         order by 1
    loop
        execute format('drop table %I', expired.partition);
        dropped := dropped + 1;
    end loop;
    return dropped;
end
$$;

-- Deleted conversations that can no longer be restored, with all that was said in them, a bounded number at a time; and
-- old events of self-healing. Returns how many rows went.
create function purge_expired() returns bigint
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        with conversations_gone as (
            delete from conversations c using retention r
             where r.name = 'conversations' and c.deleted_at < now() - r.keep
               and c.id in (select d.id from conversations d where d.deleted_at is not null order by d.deleted_at limit 500)
            returning 1),
        events_gone as (
            delete from self_healing_events e using retention r
             where r.name = 'self_healing_events' and e.created_at < now() - r.keep
            returning 1)
        select (select count(*) from conversations_gone) + (select count(*) from events_gone);
    end;
create index conversations_deleted on conversations (deleted_at) where deleted_at is not null;

grant execute on function drop_expired_partitions(), purge_expired() to alcove_app;
