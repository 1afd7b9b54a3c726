-- Write access to spaces, and how well a name matches a query.

-- Whether a user may write to a space, by the rule of set_full_identity(); to a set of readers, by that of assume_owner().
create or replace function may_write(person uuid, target integer) returns boolean
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select exists (
            select from users u, spaces s left join connectors c on c.id = s.connector_id
             where u.id = person and u.is_active and s.id = target
               and (s.user_id = u.id or (s.kind = 'org' and u.is_admin)
                    or (s.kind = 'readers' and c.owner_id = u.id and u.is_admin)
                    or exists (select from memberships m
                                where m.group_id = s.group_id and m.user_id = u.id and role_may_write(m.role))));
    end;

-- Whose rights a document's ingestion has: of a connector's document, the connector's present owner's while this user may
-- write to the space; else `otherwise`.
create or replace function keeper_of(connector uuid, space integer, otherwise uuid) returns uuid
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select coalesce((select c.owner_id from connectors c where c.id = connector and may_write(c.owner_id, space)), otherwise);
    end;

-- How well a name matches a query, which may be misspelt: 1 and above when the name contains the query, else the
-- trigram similarity of the name's most similar run of words (0 to 1).
create or replace function name_rank(query text, name text) returns real
    language sql immutable parallel safe
    return case when strpos(lower(name), lower(query)) > 0 then 1 + similarity(query, name)
                else strict_word_similarity(query, name) end;
grant execute on function name_rank(text, text) to alcove_app;

-- The tags of a document that the caller sees, by name: its own and global ones.
create or replace function document_tags(document uuid) returns jsonb
    language sql stable cost 1000 set search_path = public, pg_temp
    as $$
    select coalesce(jsonb_agg(jsonb_build_object('id', t.id, 'name', t.name, 'is_global', t.owner_id is null)
                              order by lower(t.name), t.id), '[]')
      from entity_tags e join tags t on t.id = e.tag_id
     where e.document_id = document
    $$;
grant execute on function document_tags(uuid) to alcove_app;

-- After a move: takes a document, its copies and what is packed into it out of the repositories whose readers cannot
-- all see it any more. Repositories of others are among them. The caller must be able to write the document.
create or replace function leave_repositories(moved uuid) returns void
    language sql volatile security definer set search_path = public, pg_temp
    as $$
    with recursive moving as (
        select d.id, d.space_id from documents d
         where d.id = moved and d.space_id = any (app_writable_spaces())
         union
        select c.id, c.space_id from moving m join documents c on c.parent_id = m.id or c.duplicate_of = m.id)
    delete from repo_documents r
     using moving m, spaces s
     where r.document_id = m.id and s.id = r.space_id and s.kind <> 'user' and m.space_id not in (1, r.space_id)
    $$;
grant execute on function leave_repositories(uuid) to alcove_app;

-- The versions of a document that the caller can read, the newest first, with the names of who sent them.
create or replace function versions_of(document uuid, after uuid, amount integer)
    returns table (id uuid, version integer, filename text, size_bytes bigint, sent_by text, created_at timestamptz)
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select v.id, v.version, v.filename, v.size_bytes, u.display_name, v.created_at
          from document_versions v left join users u on u.id = v.sent_by
         where v.document_id = document and v.space_id = any (app_spaces()) and (after is null or v.id < after)
         order by v.id desc limit least(amount, 101);
    end;
grant execute on function versions_of(uuid, uuid, integer) to alcove_app;
