drop trigger conceal_cost on job_events;
update messages m set cost_usd = (c.concealed_costs ->> m.id::text)::numeric
  from ab_comparisons c, jsonb_object_keys(c.concealed_costs) as k (id)
 where c.preference is null and not c.is_void and m.id = k.id::uuid;
create or replace function export_rows(wanted text, after text, amount integer) returns table (key text, content jsonb)
    language plpgsql stable
    as $$
declare
    wanted_condition text;
    columns text;
    key_of text;
begin
    select t.condition into wanted_condition from exported_tables() t where t.name = wanted;
    if wanted_condition is null then
        return;
    end if;
    select string_agg(format('%L, r.%I', a.attname, a.attname), ', ' order by a.attnum) into columns
      from pg_attribute a
     where a.attrelid = to_regclass(quote_ident(wanted)) and a.attnum > 0 and not a.attisdropped
       and has_column_privilege(a.attrelid, a.attnum, 'select')
       and a.atttypid <> all (array['bytea', 'halfvec', 'vector', 'sparsevec']::regtype[]);
    select string_agg(format('r.%I::text', a.attname), ' || '':'' || ' order by k.place) into key_of
      from pg_index i, unnest(i.indkey) with ordinality as k (number, place)
      join pg_attribute a on a.attnum = k.number
     where i.indrelid = to_regclass(quote_ident(wanted)) and i.indisprimary and a.attrelid = i.indrelid;
    return query execute format(
        'select %1$s, jsonb_build_object(%2$s) from %3$I r where %4$s and ($1 is null or (%1$s) > $1 collate "C") '
        'order by (%1$s) collate "C" limit $2', key_of, columns, wanted, wanted_condition)
    using after, least(amount, 1000);
end
$$;
create or replace function end_side() returns trigger
    language plpgsql security definer set search_path = public, pg_temp
    as $$
declare
    compared ab_comparisons;
begin
    select * into compared from ab_comparisons c where c.first_job_id = new.id or c.second_job_id = new.id for update;
    if not found or compared.is_void then
        return null;
    end if;
    if new.status = 'completed' then
        update ab_comparisons c set concealed_prompts = c.concealed_prompts || jsonb_build_object(m.id, m.prompts)
          from messages m where c.id = compared.id and m.id = new.answer_id;
        update messages set pipeline = null, model = null, prompts = '[]' where id = new.answer_id;
    else
        update ab_comparisons set is_void = true where id = compared.id;
    end if;
    return null;
end
$$;
create or replace function reveal_sides() returns trigger
    language plpgsql security definer set search_path = public, pg_temp
    as $$
begin
    update messages m set pipeline = j.pipeline, model = j.model, prompts = coalesce(new.concealed_prompts -> m.id::text, m.prompts)
      from llm_jobs j
     where j.id in (new.first_job_id, new.second_job_id) and m.id = j.answer_id and m.model is null;
    return null;
end
$$;
drop function conceal_cost(), conceal(text, jsonb);
alter table ab_comparisons drop column concealed_costs;
drop trigger take_over on documents;
create or replace function claim_document(wanted_key text, version text, token uuid, lease interval)
    returns table (document_id uuid, owner_id uuid)
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    found_document documents;
begin
    select d.* into found_document
      from documents d join users u on u.id = d.owner_id and u.is_active
     where d.object_key = wanted_key and d.deleted_at is null
       for update of d;
    if not found or found_document.object_version = version then
        return;
    end if;
    if found_document.leased_until > now() then
        update documents d set recheck = true where d.id = found_document.id;
        return;
    end if;
    if found_document.attempts >= 5 then
        update documents d
           set status = 'failed', stage = null, object_version = version, lease_token = null, leased_until = null,
               attempts = 0, error_code = 'gave_up',
               error_message = 'Processing this file ended unexpectedly five times. Upload it again or in another format.'
         where d.id = found_document.id;
        return;
    end if;
    update documents d
       set lease_token = token, leased_until = now() + lease, attempts = d.attempts + 1, recheck = false,
           status = 'processing', stage = 'extracting', chunks_done = 0, chunks_total = null,
           error_code = null, error_message = null
     where d.id = found_document.id;
    return query select found_document.id, found_document.owner_id;
end
$$;
create or replace function find_documents_to_verify(patience interval, stale_before timestamptz)
    returns table (document_id uuid, object_key text, object_version text)
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        with due as (
            select d.id, d.status = 'processing' as abandoned
              from documents d join users u on u.id = d.owner_id and u.is_active
             where d.deleted_at is null
               and case d.status
                   when 'processing' then d.leased_until <= now()
                   when 'pending' then coalesce(greatest(d.updated_at, d.verified_at), d.updated_at) < now() - patience
                   else d.updated_at < now() - patience
                        and (d.verified_at is null or d.verified_at < d.updated_at or d.verified_at < stale_before)
                   end
             order by d.status in ('pending', 'processing') desc, d.verified_at nulls first limit 200
               for update of d skip locked)
        update documents d
           set verified_at = now(), lease_token = null, leased_until = null,
               object_version = case when due.abandoned then null else d.object_version end
          from due where d.id = due.id
        returning d.id, d.object_key, d.object_version;
    end;
create or replace function take_children_along() returns trigger
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
drop function take_over(), may_write(uuid, integer);
