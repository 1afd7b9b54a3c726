-- Anonymous users, and how they become accounts.

-- Runs before identity exists: a client's secret opens a session of its user, whom the first call creates. Returns no
-- row when anonymous use is closed, or the user is deactivated, or new while registration is closed.
create or replace function open_anonymous_session(
    client_hash bytea, refresh_hash bytea, lifetime interval, address inet, agent text, request text)
    returns table (session_id uuid, user_id uuid)
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    client uuid;
begin
    if not (select anonymous_allowed from static_config) then
        return;
    end if;
    insert into users (display_name, auth_provider, anonymous_hash)
    select 'Anonymous', 'anonymous', client_hash where registration_is_open()
    on conflict (anonymous_hash) do nothing;
    select u.id into client from users u where u.anonymous_hash = client_hash and u.is_active;
    if found then
        return query select open_session(client, 'anonymous', refresh_hash, lifetime, address, agent, request), client;
    end if;
end
$$;
grant execute on function open_anonymous_session(bytea, bytea, interval, inet, text, text) to alcove_app;

-- The caller, an anonymous user, becomes a local account: its row and all of its data stay. Its anonymous sessions and
-- its client's secret end. Returns the new session, or null when the caller is not anonymous.
create or replace function upgrade_anonymous(
    new_email text, new_username text, new_display_name text, new_password_hash text,
    refresh_hash bytea, lifetime interval, address inet, agent text, request text) returns uuid
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    caller constant uuid := app_user_id();
begin
    perform refuse_verified_email(new_email);
    update users set auth_provider = 'local', anonymous_hash = null, email = new_email, username = new_username,
                     display_name = new_display_name, password_hash = new_password_hash
     where id = caller and auth_provider = 'anonymous' and registration_is_open() and not registration_awaits_verification();
    if not found then
        return null;
    end if;
    perform end_credentials(caller);
    insert into audit_logs (user_id, action, entity_type, entity_id, details, ip_address, request_id)
    values (caller, 'user.registered', 'user', caller, '{"from": "anonymous"}', address, request);
    return open_session(caller, 'local', refresh_hash, lifetime, address, agent, request);
end
$$;
grant execute on function upgrade_anonymous(text, text, text, text, bytea, interval, inet, text, text) to alcove_app;

-- The caller's account takes over the data of an active anonymous session's user. False when there is no such session.
create or replace function absorb_anonymous(anonymous_session uuid, address inet, request text) returns boolean
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    source uuid;
begin
    select u.id into source from users u join sessions s on s.user_id = u.id
     where s.id = anonymous_session and s.revoked_at is null and s.expires_at > now()
       and u.auth_provider = 'anonymous' and u.is_active and u.id <> app_user_id();
    if not found then
        return false;
    end if;
    perform absorb_user(source, app_user_id());
    insert into audit_logs (user_id, action, entity_type, entity_id, details, ip_address, request_id)
    values (app_user_id(), 'user.absorbed', 'user', source, '{"from": "anonymous"}', address, request);
    return true;
end
$$;
grant execute on function absorb_anonymous(uuid, inet, text) to alcove_app;

-- Moves the source's rows to the target and deletes the source. The catalogue lists every table that refers to users or
-- spaces, so none is missed. Credentials are not moved: they end with their user. Where only one row, or one value of a
-- preference, can exist, the target's stays, and the source's is deleted with everything that refers to it.
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
    -- Of two tags with the same name, the target's stays, on everything that either was attached to.
    update entity_tags e set tag_id = target_tag.id, owner_id = target
      from tags source_tag join tags target_tag on target_tag.owner_id = target and lower(target_tag.name) = lower(source_tag.name)
     where source_tag.owner_id = source and e.tag_id = source_tag.id
       and not exists (select from entity_tags o
                        where o.tag_id = target_tag.id
                          and (o.document_id, o.repository_id, o.conversation_id, o.memory_id)
                              is not distinct from (e.document_id, e.repository_id, e.conversation_id, e.memory_id));
    -- Of two repositories with the same name, both stay, because their contents differ; the source's is renamed.
    update repositories r set name = left(r.name, 246) || ' ' || right(r.id::text, 8)
      from spaces source_space, spaces target_space, repositories same
     where source_space.user_id = source and r.space_id = source_space.id and target_space.user_id = target
       and same.space_id = target_space.id and lower(same.name) = lower(r.name);
    -- A row can refer to another row of the same user that is moved later. The second round moves those that were left.
    for round in 1..2 loop
        for place in
            select c.conrelid::regclass as child, a.attname as field, c.confrelid = 'spaces'::regclass as is_space
              from pg_constraint c join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
             where c.contype = 'f' and c.conparentid = 0 and cardinality(c.conkey) = 1
               and c.confrelid in ('users'::regclass, 'spaces'::regclass)
               and c.conrelid::regclass::text <> all (array['spaces', 'sessions', 'memberships', 'provider_keys',
                                                            'provider_logins', 'api_keys', 'password_history', 'account_tokens',
                                                            'outgoing_mails', 'email_changes', 'second_factors',
                                                            'recovery_codes'])
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
                        null; -- the target has its own row
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
