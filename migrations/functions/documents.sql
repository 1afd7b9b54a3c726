-- Documents as their readers see them, and write access to spaces.

-- Documents as their readers see them, deleted ones included. `parent_id` is the document that it is packed into,
-- `child_count` the number of documents packed into it; several copies of one document count once. The view has the
-- caller's rights.
create or replace view readable_documents with (security_invoker = true) as
    select d.id, d.title, d.filename, s.kind as scope, s.group_id, d.space_id, d.source_type, d.content_type, d.size_bytes,
           d.status, d.stage, d.chunks_done, d.chunks_total, d.chunk_count, d.duplicate_of, d.batch_id as batch,
           d.is_archived, d.created_at, d.updated_at, d.indexed_at, d.deleted_at,
           case when d.error_code is not null
                then jsonb_build_object('code', d.error_code, 'message', d.error_message) end as error,
           d.parent_id,
           (select count(distinct coalesce(c.duplicate_of, c.id))::integer
              from documents c where c.parent_id = d.id and c.deleted_at is null) as child_count
      from documents d join spaces s on s.id = d.space_id;
grant select on readable_documents to alcove_app;

-- Whether a user may write to a space, by the rule of set_full_identity().
create or replace function may_write(person uuid, target integer) returns boolean
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select exists (
            select from users u, spaces s
             where u.id = person and u.is_active and s.id = target
               and (s.user_id = u.id or (s.kind = 'org' and u.is_admin)
                    or exists (select from memberships m
                                where m.group_id = s.group_id and m.user_id = u.id and role_may_write(m.role))));
    end;

-- How well a name matches a query, which may be misspelt: 1 and above when the name contains the query, else the
-- trigram similarity of the name's most similar run of words (0 to 1).
create or replace function name_rank(query text, name text) returns real
    language sql immutable parallel safe
    return case when strpos(lower(name), lower(query)) > 0 then 1 + similarity(query, name)
                else strict_word_similarity(query, name) end;
grant execute on function name_rank(text, text) to alcove_app;
