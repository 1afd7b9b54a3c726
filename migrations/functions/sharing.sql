-- Conversations that their users show to others.

-- Whether a share shows its conversation now: it has not ended, the conversation is not deleted, and its user may still share
-- it so: is active and, for a group, a member. Only the functions below call it.
create or replace function share_is_open(share conversation_shares) returns boolean
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select share.withdrawn_at is null and share.expires_at > now()
               and exists (select from conversations c where c.id = share.conversation_id and c.deleted_at is null)
               and exists (select from users u where u.id = share.user_id and u.is_active)
               and (share.group_id is null
                    or exists (select from memberships m where m.group_id = share.group_id and m.user_id = share.user_id));
    end;

-- Whether the caller reads a share now: it is open, and it is the caller's own, for a group that the caller is in, or the
-- caller has opened its link. Only the functions below call it.
create or replace function may_read_share(share conversation_shares) returns boolean
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select share_is_open(share)
               and (share.user_id = app_user_id()
                    or exists (select from memberships m where m.group_id = share.group_id and m.user_id = app_user_id())
                    or exists (select from share_readers r where r.share_id = share.id and r.user_id = app_user_id()));
    end;

-- For a caller with an account who has the link: from now on the caller reads the share. Its id, or null.
create or replace function open_share(presented bytea) returns uuid
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    opened uuid;
begin
    select s.id into opened from conversation_shares s
     where s.token_hash = presented and share_is_open(s)
       and exists (select from users u where u.id = app_user_id() and u.auth_provider <> 'anonymous');
    if found then
        insert into share_readers (share_id, user_id) values (opened, app_user_id()) on conflict do nothing;
    end if;
    return opened;
end
$$;
grant execute on function open_share(bytea) to alcove_app;

-- What others share with the caller, newest first; or one share.
create or replace function shared_conversations(one uuid, after uuid, amount integer)
    returns table (id uuid, title text, shared_by text, group_id uuid, expires_at timestamptz, created_at timestamptz)
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select s.id, c.title, u.display_name, s.group_id, s.expires_at, s.created_at
          from conversation_shares s
          join conversations c on c.id = s.conversation_id
          join users u on u.id = s.user_id
         where (s.id = one or (one is null and s.user_id <> app_user_id()
                               and (s.id in (select r.share_id from share_readers r where r.user_id = app_user_id())
                                    or s.group_id in (select m.group_id from memberships m where m.user_id = app_user_id()))))
           and (after is null or s.id < after) and may_read_share(s)
         order by s.id desc limit least(amount, 101);
    end;
grant execute on function shared_conversations(uuid, uuid, integer) to alcove_app;

-- The messages of a share that the caller reads, oldest first: what was asked and answered, without analysis, cost or notes.
-- `sources` are those of the user who shares: the caller's statement joins them with the documents that the caller sees.
create or replace function shared_messages(share uuid, after uuid, amount integer)
    returns table (id uuid, parent_message_id uuid, role text, content text, sources jsonb, finish_reason text,
                   created_at timestamptz)
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select m.id, m.parent_message_id, m.role, m.content, m.sources, m.finish_reason, m.created_at
          from conversation_shares s join messages m on m.conversation_id = s.conversation_id
         where s.id = share and may_read_share(s) and (s.last_message_id is null or m.id <= s.last_message_id)
           and m.role <> 'system'
           and (after is null or m.id > after)
         order by m.id limit least(amount, 10001);
    end;
grant execute on function shared_messages(uuid, uuid, integer) to alcove_app;

-- How many people have opened the link of one of the caller's shares.
create or replace function share_reader_count(share uuid) returns bigint
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select count(*) from share_readers r join conversation_shares s on s.id = r.share_id
         where r.share_id = share and s.user_id = app_user_id();
    end;
grant execute on function share_reader_count(uuid) to alcove_app;

-- Sources as the caller may see them, with the caller's rights: row-level security decides which documents the join finds.
-- Of a source whose document the caller does not see, the number alone is left.
create or replace function seen_sources(sources jsonb) returns jsonb
    language sql stable
    return (select coalesce(jsonb_agg(case when d.id is null then jsonb_build_object('number', s.source -> 'number')
                                           else s.source end order by s.place), '[]')
              from jsonb_array_elements(sources) with ordinality as s (source, place)
              left join documents d on d.id = (s.source ->> 'document_id')::uuid and d.deleted_at is null);
grant execute on function seen_sources(jsonb) to alcove_app;
