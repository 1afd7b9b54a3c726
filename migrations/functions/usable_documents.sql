-- What a caller's searches, answers, tools and every other door may use. Both functions have the caller's rights, and
-- the planner puts their text into the statement that calls them: they have no search_path of their own.

-- Selection: documents that the caller excluded by default, unless this conversation includes them, and documents that
-- this conversation excludes.
create or replace function unselected_documents(conversation uuid) returns table (document_id uuid)
    language sql stable
    begin atomic
        select d.document_id
          from user_document_defaults d
         where d.user_id = app_user_id() and not d.enabled
           and not exists (select from conversation_document_overrides o
                            where o.conversation_id = conversation and o.document_id = d.document_id and o.enabled)
        union all
        select o.document_id
          from conversation_document_overrides o
         where o.conversation_id = conversation and o.user_id = app_user_id() and not o.enabled;
    end;
grant execute on function unselected_documents(uuid) to alcove_app;

-- The documents that the caller may use in a conversation (null: in none): visible, neither deleted nor archived,
-- selected, and within the filters. `with_tags` and `in_repositories` are lists of lists: a document needs one of
-- each; `with_metadata` is a list of pairs, a name and a list of values (collections/scopes.py). A copy is not among them, its original is. A filter that is null is no condition;
-- a new filter is one more parameter and one more line. The arrays are computed first, so that the cost of a rare tag
-- or a small repository depends on its own size, not on how many documents the caller can see.
create or replace function usable_documents(
        conversation uuid, among uuid[] default null, of_types text[] default null, with_tags jsonb default null,
        in_repositories jsonb default null, later_than timestamptz default null, earlier_than timestamptz default null,
        modified_later timestamptz default null, modified_earlier timestamptz default null,
        with_metadata jsonb default null)
    returns table (id uuid, title text, status text, chunk_count integer, metadata jsonb, original_url text,
                   content_type text)
    language sql stable
    begin atomic
        select d.id, d.title, d.status, d.chunk_count, d.metadata, d.original_url, d.content_type
          from documents d
         where d.space_id = any (app_spaces()) and d.deleted_at is null and not d.is_archived and d.duplicate_of is null
           and d.id not in (select u.document_id from unselected_documents(conversation) u)
           and (among is null or d.id = any (among))
           and (of_types is null or d.source_type = any (of_types))
           and (with_tags is null or d.id = any (array(
                   select f.document_id
                     from (select s.number, t.document_id
                             from jsonb_array_elements(with_tags) with ordinality s (tags, number)
                             join entity_tags t on t.tag_id in (select e::uuid from jsonb_array_elements_text(s.tags) e)
                            where t.document_id is not null
                            union all
                           select s.number, r.document_id
                             from jsonb_array_elements(with_tags) with ordinality s (tags, number)
                             join entity_tags t on t.tag_id in (select e::uuid from jsonb_array_elements_text(s.tags) e)
                             join repo_documents r on r.repository_id = t.repository_id) f
                    group by f.document_id having count(distinct f.number) = jsonb_array_length(with_tags))))
           and (in_repositories is null or d.id = any (array(
                   select r.document_id
                     from jsonb_array_elements(in_repositories) with ordinality s (repositories, number)
                     join repo_documents r
                       on r.repository_id in (select e::uuid from jsonb_array_elements_text(s.repositories) e)
                    group by r.document_id having count(distinct s.number) = jsonb_array_length(in_repositories))))
           and (later_than is null or d.created_at > later_than)
           and (earlier_than is null or d.created_at < earlier_than)
           and (modified_later is null or d.file_modified_at > modified_later)
           and (modified_earlier is null or d.file_modified_at < modified_earlier)
           and (with_metadata is null
                or not exists (select from jsonb_array_elements(with_metadata) c
                                where not exists (select from jsonb_array_elements(c -> 1) v
                                                   where d.metadata -> (c ->> 0) = v)));
    end;
grant execute on function usable_documents(uuid, uuid[], text[], jsonb, jsonb, timestamptz, timestamptz, timestamptz,
                                           timestamptz, jsonb) to alcove_app;
