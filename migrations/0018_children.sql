-- What is packed into a document, an archive's files and an e-mail's attachments, as documents of their own.

alter table documents
    -- What it was packed into. Null once that is gone for good; what was taken out of it before then lives.
    add column parent_id uuid references documents on delete set null check (parent_id <> id),
    -- How many documents it is packed into, one within the other.
    add column depth smallint not null default 0 check (depth between 0 and 3),
    -- Why it is deleted, unless somebody deleted it: together with its parent, or its parent no longer holds it.
    add column deleted_by text check (deleted_by in ('parent', 'replacement'));
create index documents_parent on documents (parent_id) where parent_id is not null;

-- What was allowed stays so: other migrations add to it too.
do $$
declare
    rule record;
    known text[];
begin
    select c.conname, array(select m[1] from regexp_matches(pg_get_constraintdef(c.oid), '''([a-z_]+)''', 'g') as m) as kinds
      into strict rule
      from pg_constraint c
     where c.conrelid = 'documents'::regclass and c.contype = 'c' and pg_get_constraintdef(c.oid) like '%(source_type =%';
    known := rule.kinds || array['attachment', 'archive'];
    execute format('alter table documents drop constraint %I', rule.conname);
    execute format('alter table documents add constraint documents_source_type_check check (source_type = any (%L::text[]))',
                   known);
end
$$;

-- A document as its readers see it, now with what it is packed into and how many are packed into it. Several copies of
-- one document count once, as everywhere.
drop view readable_documents;
create view readable_documents with (security_invoker = true) as
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

-- What was restored is not deleted by anything any more.
create function forget_deletion() returns trigger
    language plpgsql set search_path = public, pg_temp
    as $$
begin
    new.deleted_by := null;
    return new;
end
$$;
create trigger forget_deletion before update on documents for each row
    when (old.deleted_at is not null and new.deleted_at is null) execute function forget_deletion();

-- Deleting, restoring, archiving and moving a document does the same to what is packed into it. What somebody deleted by
-- itself stays deleted. It runs with the rights of whoever changes the document: both are in one space.
create function take_children_along() returns trigger
    language plpgsql set search_path = public, pg_temp
    as $$
begin
    if new.deleted_at is not null and old.deleted_at is null then
        update documents c set deleted_at = new.deleted_at, deleted_by = 'parent'
         where c.parent_id = new.id and c.deleted_at is null;
        -- Somebody else's copy of what goes along lives on: it is read again for itself.
        update documents a set duplicate_of = null, content_sha256 = null, status = 'pending', object_version = null
         where new.deleted_by is not null and a.duplicate_of = new.id and a.deleted_at is null;
    end if;
    if new.deleted_at is null and old.deleted_at is not null then
        update documents c set deleted_at = null where c.parent_id = new.id and c.deleted_by = 'parent';
    end if;
    if new.is_archived <> old.is_archived then
        update documents c set is_archived = new.is_archived
         where c.parent_id = new.id and c.is_archived <> new.is_archived;
    end if;
    if new.space_id <> old.space_id or new.owner_id <> old.owner_id then
        update documents c set space_id = new.space_id, owner_id = new.owner_id
         where c.parent_id = new.id and (c.space_id <> new.space_id or c.owner_id <> new.owner_id);
    end if;
    if new.deleted_at is null and not new.is_archived then
        -- The same bytes may have been added again meanwhile: reading it again makes it their copy.
        update documents c set status = 'pending', object_version = null
         where c.parent_id = new.id and c.deleted_at is null and c.duplicate_of is null and c.status = 'completed'
           and exists (select from documents o
                        where o.owner_id = c.owner_id and o.space_id = c.space_id and o.content_sha256 = c.content_sha256
                          and o.id <> c.id and o.deleted_at is null and not o.is_archived and o.duplicate_of is null);
    end if;
    return null;
end
$$;
create trigger take_children_along after update on documents for each row
    when ((old.deleted_at is null) <> (new.deleted_at is null) or old.is_archived <> new.is_archived
          or old.space_id <> new.space_id or old.owner_id <> new.owner_id)
    execute function take_children_along();
