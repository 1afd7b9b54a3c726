-- Documents of a shared space outlive their owner's place in it, and a comparison's export is as blind as the comparison.
-- compatible: trigger documents.take_over: refuses nothing; the former code's ingestion follows the new owner as well
-- compatible: trigger job_events.conceal_cost: refuses nothing, and takes nothing from an event but what it costs
-- compatible: constraint ab_comparisons.ab_comparisons_concealed_costs_check: the former code does not write the column

-- Whether a person may write to a space, by the rule of set_identity().
create function may_write(person uuid, wanted integer) returns boolean
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select exists (
            select from users u, spaces s
             where u.id = person and u.is_active and s.id = wanted
               and (s.user_id = u.id or (s.kind = 'org' and u.is_admin)
                    or exists (select from memberships m
                                where m.group_id = s.group_id and m.user_id = u.id and m.role in ('editor', 'admin'))));
    end;

-- Who gives a document new content, has it read again or brings it back becomes its owner, when its owner may not write
-- to its space any more: a document is ingested under its owner's identity.
create function take_over() returns trigger
    language plpgsql security definer set search_path = public, pg_temp
    as $$
begin
    if app_user_id() is null or new.owner_id = app_user_id() or new.owner_id <> old.owner_id
       or may_write(new.owner_id, new.space_id) then
        return new;
    end if;
    new.owner_id := app_user_id();
    -- The new owner may have the same bytes there: reading it again makes it their copy.
    if new.status = 'completed' and new.duplicate_of is null
       and exists (select from documents o
                    where o.owner_id = new.owner_id and o.space_id = new.space_id and o.content_sha256 = new.content_sha256
                      and o.id <> new.id and o.deleted_at is null and not o.is_archived and o.duplicate_of is null) then
        new.status := 'pending';
        new.object_version := null;
    end if;
    return new;
end
$$;
create trigger take_over before update on documents for each row
    when (old.announced_at <> new.announced_at or (old.deleted_at is not null and new.deleted_at is null)
          or (old.is_archived and not new.is_archived))
    execute function take_over();

-- As before, and copies by the same owner go along with what they are copies of.
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
    if new.owner_id <> old.owner_id then
        update documents a set owner_id = new.owner_id where a.duplicate_of = new.id and a.owner_id = old.owner_id;
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

-- As before, but what is shared is looked at whoever its owner is.
create or replace function find_documents_to_verify(patience interval, stale_before timestamptz)
    returns table (document_id uuid, object_key text, object_version text)
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        with due as (
            select d.id, d.status = 'processing' as abandoned
              from documents d join users u on u.id = d.owner_id join spaces s on s.id = d.space_id
             where d.deleted_at is null and (u.is_active or s.kind <> 'user')
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

-- As before, but a document of a shared space whose owner may not write there fails, and says what to do.
create or replace function claim_document(wanted_key text, version text, token uuid, lease interval)
    returns table (document_id uuid, owner_id uuid)
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    found_document documents;
begin
    select d.* into found_document
      from documents d join users u on u.id = d.owner_id join spaces s on s.id = d.space_id
     where d.object_key = wanted_key and d.deleted_at is null and (u.is_active or s.kind <> 'user')
       for update of d;
    if not found or found_document.object_version = version then
        return;
    end if;
    if found_document.leased_until > now() then
        update documents d set recheck = true where d.id = found_document.id;
        return;
    end if;
    if not may_write(found_document.owner_id, found_document.space_id) then
        update documents d
           set status = 'failed', stage = null, object_version = version, lease_token = null, leased_until = null,
               attempts = 0, error_code = 'owner_left',
               error_message = 'Whoever this document belongs to may not write here any more. Upload it again, or have it '
                               'read again (reindex): then it is yours.'
         where d.id = found_document.id;
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

-- What answers of an open comparison cost, which public prices turn into their models; shown with the vote.
alter table ab_comparisons
    add column concealed_costs jsonb not null default '{}' check (jsonb_typeof(concealed_costs) = 'object');

-- As before, and the cost is concealed and revealed like the prompts.
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
        update ab_comparisons c set concealed_prompts = c.concealed_prompts || jsonb_build_object(m.id, m.prompts),
                                    concealed_costs = c.concealed_costs || jsonb_build_object(m.id, m.cost_usd)
          from messages m where c.id = compared.id and m.id = new.answer_id;
        update messages set pipeline = null, model = null, prompts = '[]', cost_usd = null where id = new.answer_id;
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
    update messages m set pipeline = j.pipeline, model = j.model, prompts = coalesce(new.concealed_prompts -> m.id::text, m.prompts),
                          cost_usd = coalesce((new.concealed_costs ->> m.id::text)::numeric, m.cost_usd)
      from llm_jobs j
     where j.id in (new.first_job_id, new.second_job_id) and m.id = j.answer_id and m.model is null;
    return null;
end
$$;

-- The event `usage` of a side whose asker may not know yet which it is says no cost.
create function conceal_cost() returns trigger
    language plpgsql set search_path = public, pg_temp
    as $$
begin
    if is_blind(new.job_id) then
        new.data := new.data || '{"cost_usd": null}';
    end if;
    return new;
end
$$;
create trigger conceal_cost before insert on job_events for each row
    when (new.event = 'usage') execute function conceal_cost();

-- A row to be exported, without what would tell which side of an open comparison is whose.
create function conceal(wanted text, content jsonb) returns jsonb
    language sql stable
    return case
        when wanted = 'ab_comparisons' and content ->> 'preference' is null and not (content ->> 'is_void')::boolean
            then content - array['champion_id', 'challenger_id', 'champion_name', 'challenger_name', 'is_champion_first',
                                 'concealed_prompts', 'concealed_costs']
        when wanted = 'llm_jobs' and is_blind((content ->> 'id')::uuid)
            then content - array['pipeline', 'model', 'settings']
        when wanted = 'usage' and is_blind((content ->> 'job_id')::uuid)
            then content - array['model', 'provider', 'key_owner', 'cost_usd']
        else content end;
grant execute on function conceal(text, jsonb) to alcove_app;

-- As before, and blind where a comparison is.
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
        'select %1$s, conceal(%3$L, jsonb_build_object(%2$s)) from %3$I r where %4$s and ($1 is null or (%1$s) > $1 collate "C") '
        'order by (%1$s) collate "C" limit $2', key_of, columns, wanted, wanted_condition)
    using after, least(amount, 1000);
end
$$;
