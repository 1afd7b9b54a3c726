-- Write access to spaces, and how well a name matches a query.

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
