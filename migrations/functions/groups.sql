-- Groups and their members.

-- Members of a group can see each other's names; row-level security shows them nothing else of each other.
create or replace function group_members(listed_group uuid, after uuid, amount integer)
    returns table (user_id uuid, display_name text, username text, role text, created_at timestamptz)
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select m.user_id, u.display_name, u.username, m.role, m.created_at
          from memberships m join users u on u.id = m.user_id
         where m.group_id = listed_group and (after is null or m.user_id > after)
           and (app_is_admin() or exists (
                   select from memberships own where own.group_id = listed_group and own.user_id = app_user_id()))
         order by m.user_id limit least(amount, 101);
    end;
grant execute on function group_members(uuid, uuid, integer) to alcove_app;

-- Deletes a group with its space and its deleted documents. Returns 'deleted', 'not_empty' while it has documents,
-- 'forbidden' for a member who does not administer it, and null for everyone else.
create or replace function delete_group(listed_group uuid) returns text
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    shared integer;
begin
    if not app_is_admin() and not listed_group = any (app_administered_groups()) then
        return (select 'forbidden' from memberships m where m.group_id = listed_group and m.user_id = app_user_id());
    end if;
    select s.id into shared from spaces s where s.group_id = listed_group for update;
    if not found then
        return null;
    end if;
    if exists (select from documents d where d.space_id = shared and d.deleted_at is null) then
        return 'not_empty';
    end if;
    insert into object_deletions (object_key)
    select d.object_key from documents d where d.space_id = shared on conflict do nothing;
    delete from documents d where d.space_id = shared;
    delete from groups g where g.id = listed_group;
    return 'deleted';
end
$$;
grant execute on function delete_group(uuid) to alcove_app;

-- For who administers a group: the person with exactly this verified address, or this username. A claimed address finds
-- nobody: the person would be somebody else.
create or replace function find_person(for_group uuid, address text, name text)
    returns table (user_id uuid, display_name text, username text)
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select u.id, u.display_name, u.username from users u
         where (app_is_admin() or for_group = any (app_administered_groups()))
           and exists (select from groups g where g.id = for_group)
           and u.is_active and u.auth_provider <> 'anonymous'
           and ((u.email = address and u.email_verified) or u.username = name);
    end;
grant execute on function find_person(uuid, text, text) to alcove_app;

-- Gives a group a title, for who administers it; null removes it. Returns whether it did.
create or replace function retitle_group(titled uuid, new_title text) returns boolean
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
begin
    update groups g set title = new_title
     where g.id = titled and (app_is_admin() or g.id = any (app_administered_groups()));
    return found;
end
$$;
grant execute on function retitle_group(uuid, text) to alcove_app;
