drop trigger take_children_along on documents;
drop trigger forget_deletion on documents;
drop function take_children_along(), forget_deletion();
drop view readable_documents;
create view readable_documents with (security_invoker = true) as
    select d.id, d.title, d.filename, s.kind as scope, s.group_id, d.space_id, d.source_type, d.content_type, d.size_bytes,
           d.status, d.stage, d.chunks_done, d.chunks_total, d.chunk_count, d.duplicate_of, d.batch_id as batch,
           d.is_archived, d.created_at, d.updated_at, d.indexed_at, d.deleted_at,
           case when d.error_code is not null
                then jsonb_build_object('code', d.error_code, 'message', d.error_message) end as error
      from documents d join spaces s on s.id = d.space_id;
grant select on readable_documents to alcove_app;
-- Their bytes lie in the bucket as those of an upload do.
update documents set source_type = 'upload' where source_type in ('attachment', 'archive');
-- The kinds go back into the form that they had: the migration reads them from there when it is applied again.
do $$
declare
    rule record;
begin
    select c.conname, (select string_agg(quote_literal(kind), ', ')
                         from unnest(substring(pg_get_constraintdef(c.oid) from '\{.*\}')::text[]) kind
                        where kind not in ('attachment', 'archive')) as kinds
      into strict rule
      from pg_constraint c
     where c.conrelid = 'documents'::regclass and c.contype = 'c' and pg_get_constraintdef(c.oid) like '%(source_type =%';
    execute format('alter table documents drop constraint %I', rule.conname);
    execute format('alter table documents add constraint documents_source_type_check check (source_type in (%s))',
                   rule.kinds);
end
$$;
drop index documents_parent;
alter table documents drop column deleted_by, drop column depth, drop column parent_id;
