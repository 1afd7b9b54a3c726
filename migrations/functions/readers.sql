-- Readers as a connector's source names them: which spaces a user sees by them, and what a run stores of them.

-- The spaces of readers that a user is among: by the verified address, as a member of a group at the source, by the
-- address's domain, as everybody who has an account, or as the owner of a connector whose source does not tell who
-- reads. Only set_full_identity() calls this.
create or replace function spaces_by_source(person uuid) returns table (space_id integer)
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select r.space_id from users u join space_readers r
            on r.principal in ('person:' || u.email, 'domain:' || split_part(u.email, '@', 2))
         where u.id = person and u.email_verified
        union
        select r.space_id from users u
          join source_members m on m.email = u.email
          join space_readers r on r.connector_id = m.connector_id and r.principal = m.principal
         where u.id = person and u.email_verified
        union
        select r.space_id from users u join space_readers r on r.principal = 'everyone'
         where u.id = person and u.auth_provider <> 'anonymous'
        union
        select r.space_id from connectors c join space_readers r on r.connector_id = c.id and r.principal = 'owner:' || person
         where c.owner_id = person and may_write(person, c.space_id);
    end;

-- Whether the caller is the owner of this connector, and may write what it brings.
create or replace function owns_connector(target uuid) returns boolean
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select exists (select from connectors c
                        where c.id = target and c.mirrors_readers and c.owner_id = app_user_id()
                          and c.space_id = any (app_writable_spaces()));
    end;

-- The space of a set of readers of the caller's connector, which this transaction may then read and write; made when
-- the source names the set for the first time. Null for another caller, 0 when the connector has `most` sets already.
create or replace function reader_space(target uuid, principals text[], most integer) returns integer
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    -- A document whose readers are unknown is of this owner, and of no later one before a run of theirs has listed it.
    named constant text[] := array(select distinct case p when 'owner' then 'owner:' || app_user_id() else p end collate "C"
                                     from unnest(principals) p order by 1);
    hash constant bytea := sha256(convert_to(to_jsonb(named)::text, 'UTF8'));
    set_space integer;
begin
    if not owns_connector(target) then
        return null;
    end if;
    select s.id into set_space from spaces s where s.connector_id = target and s.readers_hash = hash for key share;
    if set_space is null then
        if (select count(*) from spaces s where s.connector_id = target) >= most then
            return 0;
        end if;
        insert into spaces (kind, connector_id, readers_hash) values ('readers', target, hash) returning id into set_space;
        insert into space_readers (space_id, connector_id, principal) select set_space, target, p from unnest(named) p;
    end if;
    if not set_space = any (app_writable_spaces()) then
        perform set_config('app.spaces', array_append(app_spaces(), set_space)::text, true),
                set_config('app.writable_spaces', array_append(app_writable_spaces(), set_space)::text, true);
    end if;
    return set_space;
end
$$;
grant execute on function reader_space(uuid, text[], integer) to alcove_app;

-- The groups among the readers of the caller's connector whose members this run did not read yet.
create or replace function groups_to_read(target uuid, run uuid, amount integer) returns setof text
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select distinct r.principal
          from space_readers r
          left join source_groups g on g.connector_id = r.connector_id and g.principal = r.principal
         where r.connector_id = target and r.principal like 'group:%' and g.run_id is distinct from run
           and owns_connector(target)
         order by 1 limit amount;
    end;
grant execute on function groups_to_read(uuid, uuid, integer) to alcove_app;

-- The members of a group as this run read them. Does nothing for a connector that is not the caller's.
create or replace function store_group_members(target uuid, group_name text, run uuid, emails text[]) returns void
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
begin
    if not owns_connector(target) then
        return;
    end if;
    insert into source_groups (connector_id, principal, run_id) values (target, group_name, run)
    on conflict (connector_id, principal) do update set run_id = excluded.run_id;
    delete from source_members m where m.connector_id = target and m.principal = group_name and m.email <> all (emails);
    insert into source_members (connector_id, principal, email)
    select target, group_name, e from unnest(emails) e on conflict do nothing;
end
$$;
grant execute on function store_group_members(uuid, text, uuid, text[]) to alcove_app;

-- How many documents a connector has, for those who see the connector; some of the documents may not be theirs to see.
create or replace function connector_document_count(target uuid) returns integer
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select count(*)::integer from connector_items i join connectors c on c.id = i.connector_id
         where c.id = target and i.document_id is not null
           and (c.owner_id = app_user_id() or c.space_id = any (app_writable_spaces()));
    end;
grant execute on function connector_document_count(uuid) to alcove_app;

-- For tick: deletes up to `amount` documents whose readers nobody keeps up to date because their connector is gone, and
-- forgets sets of readers without documents, and groups that no set names. Returns how many documents and sets.
create or replace function forget_readers(amount integer) returns integer
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    deleted integer;
    forgotten integer;
begin
    with left_over as (
        select d.id from spaces s join documents d on d.space_id = s.id and d.deleted_at is null
         where s.kind = 'readers' and s.connector_id is null limit amount)
    update documents d set deleted_at = now(), deleted_by = 'source' from left_over l where d.id = l.id;
    get diagnostics deleted = row_count;
    delete from spaces s
     where s.id in (select e.id from spaces e
                     where e.kind = 'readers'
                       and not exists (select from documents d where d.space_id = e.id)
                       and not exists (select from connector_items i where i.space_id = e.id)
                     limit amount for update skip locked);
    get diagnostics forgotten = row_count;
    delete from source_groups g
     where not exists (select from space_readers r where r.connector_id = g.connector_id and r.principal = g.principal);
    return deleted + forgotten;
end
$$;
grant execute on function forget_readers(integer) to alcove_app;
