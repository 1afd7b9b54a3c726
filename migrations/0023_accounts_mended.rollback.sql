drop function recent_passwords_of(uuid);
drop function adopt_person(text, jsonb, uuid, inet, text);
drop function apply_claims(uuid, jsonb, boolean, inet, text);
create or replace function absorb_user(source uuid, target uuid) returns void
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    place record;
    one record;
    source_key text;
    target_key text;
begin
    perform from users where id in (source, target) order by id for update;
    -- A row that points at another row of its user follows that one. The second round finds none left behind.
    for round in 1..2 loop
        for place in
            select c.conrelid::regclass as child, a.attname as field, c.confrelid = 'spaces'::regclass as is_space
              from pg_constraint c join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
             where c.contype = 'f' and c.conparentid = 0 and cardinality(c.conkey) = 1
               and c.confrelid in ('users'::regclass, 'spaces'::regclass)
               and c.conrelid::regclass::text <> all (array['spaces', 'sessions', 'memberships', 'provider_keys',
                                                            'provider_logins', 'api_keys', 'password_history'])
             order by 1, 2
        loop
            source_key := case when place.is_space then (select id::text from spaces where user_id = source) else source::text end;
            target_key := case when place.is_space then (select id::text from spaces where user_id = target) else target::text end;
            for one in execute format('select tableoid::regclass as part, ctid as place from %s where %I = %L',
                                      place.child, place.field, source_key)
            loop
                begin
                    execute format('update %s set %I = %L where ctid = $1', one.part, place.field, target_key) using one.place;
                exception
                    when unique_violation then
                        null; -- the target has its own
                    when foreign_key_violation then
                        if round = 2 then
                            raise;
                        end if;
                end;
            end loop;
        end loop;
    end loop;
    update users t set preferences = s.preferences || t.preferences from users s where t.id = target and s.id = source;
    delete from users where id = source;
end
$$;

create function apply_claims(wanted uuid, claimed jsonb, administrator boolean) returns void
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
begin
    if claimed is not null then
        insert into groups (name) select distinct c ->> 'name' from jsonb_array_elements(claimed) c
        on conflict (name) do nothing;
        delete from memberships m using groups g
         where m.user_id = wanted and m.source = 'claims' and g.id = m.group_id
           and g.name not in (select c ->> 'name' from jsonb_array_elements(claimed) c);
        insert into memberships (group_id, user_id, role, source)
        select distinct on (g.id) g.id, wanted, c ->> 'role', 'claims'
          from jsonb_array_elements(claimed) c join groups g on g.name = c ->> 'name'
         order by g.id, array_position(array['admin', 'editor', 'member'], c ->> 'role')
        on conflict (group_id, user_id) do update set role = excluded.role where memberships.source = 'claims';
    end if;
    if administrator is not null then
        perform pg_advisory_xact_lock(hashtextextended('alcove.administrators', 0));
        -- The last administrator stays, whatever a claim says (require_other_administrator).
        update users u set is_admin = administrator or not u.admin_from_claims,
                           admin_from_claims = administrator
         where u.id = wanted and u.is_admin <> administrator and (administrator or u.admin_from_claims)
           and (administrator or exists (select from users o where o.is_admin and o.is_active and o.id <> wanted));
        if found then
            insert into audit_logs (user_id, action, entity_type, entity_id, details)
            values (wanted, 'user.claims_applied', 'user', wanted, jsonb_build_object('administrator', administrator));
        end if;
    end if;
end
$$;

create function adopt_person(asked text, person jsonb, anonymous uuid) returns uuid
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    made uuid := anonymous;
begin
    if made is null then
        insert into users (display_name, auth_provider) values (person ->> 'display_name', asked) returning id into made;
    else
        perform end_credentials(made);
    end if;
    update users set auth_provider = asked, anonymous_hash = null, email = person ->> 'email',
                     username = case when not exists (select from users o where o.username = person ->> 'username')
                                     then person ->> 'username' end,
                     display_name = person ->> 'display_name', github_id = (person ->> 'github_id')::bigint,
                     oidc_issuer = person ->> 'issuer', oidc_subject = person ->> 'subject'
     where id = made;
    insert into audit_logs (user_id, action, entity_type, entity_id, details)
    values (made, 'user.registered', 'user', made, jsonb_build_object('from', asked));
    return made;
end
$$;

create or replace function finish_provider_login(
    asked text, person jsonb, present uuid, refresh_hash bytea, lifetime interval, address inet, agent text, request text)
    returns table (session_id uuid, user_id uuid)
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    known uuid;
    starter users;
begin
    perform pg_advisory_xact_lock(hashtextextended(
        concat_ws(' ', person ->> 'issuer', person ->> 'subject', person ->> 'github_id'), 0));
    select u.* into starter from users u where u.id = present and u.is_active for update;
    select u.id into known from users u
     where u.github_id = (person ->> 'github_id')::bigint
        or (u.oidc_issuer, u.oidc_subject) = (person ->> 'issuer', person ->> 'subject');
    if known is null and starter.id is not null and starter.auth_provider <> 'anonymous' then
        update users u set github_id = coalesce((person ->> 'github_id')::bigint, u.github_id),
                           oidc_issuer = coalesce(person ->> 'issuer', u.oidc_issuer),
                           oidc_subject = coalesce(person ->> 'subject', u.oidc_subject)
         where u.id = starter.id and case asked when 'github' then u.github_id is null else u.oidc_subject is null end;
        if not found then
            return; -- somebody else of this provider is linked already
        end if;
        insert into audit_logs (user_id, action, entity_type, entity_id, details, ip_address, request_id)
        values (starter.id, 'user.linked', 'user', starter.id, jsonb_build_object('provider', asked), address, request);
        known := starter.id;
    elsif known is null then
        if not (person ->> 'create')::boolean then
            return;
        end if;
        known := adopt_person(asked, person, starter.id);
    elsif starter.auth_provider = 'anonymous' then
        perform absorb_user(starter.id, known);
        insert into audit_logs (user_id, action, entity_type, entity_id, details, ip_address, request_id)
        values (known, 'user.absorbed', 'user', starter.id, '{"from": "anonymous"}', address, request);
    end if;
    update users u set github_username = coalesce(person ->> 'github_username', u.github_username) where u.id = known;
    perform apply_claims(known, nullif(person -> 'groups', 'null'), (person ->> 'administrator')::boolean);
    if exists (select from users u where u.id = known and u.is_active) then
        return query select open_session(known, asked, refresh_hash, lifetime, address, agent, request), known;
    end if;
end
$$;

alter policy remove on memberships
    using ((select app_is_admin()) or group_id = any ((select app_administered_groups())::uuid[]));
alter policy change on groups
    using ((select app_is_admin()) or id = any ((select app_administered_groups())::uuid[]));
