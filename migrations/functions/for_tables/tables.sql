-- What every table has: the time of the last change, and row-level security.

-- A row that is being moved in from another system (importers/) has the time of its last change there.
create or replace function touch_updated_at() returns trigger
    language plpgsql
    as $$
begin
    if coalesce(current_setting('app.moving_in', true), '') <> 'true' then
        new.updated_at := now();
    end if;
    return new;
end
$$;

-- Enables and forces row-level security. The owner's own policy lets SECURITY DEFINER functions and migrations see
-- rows; the application's policies follow each table.
create or replace procedure protect(target regclass)
    language plpgsql
    as $$
begin
    execute format('alter table %s enable row level security', target);
    execute format('alter table %s force row level security', target);
    if not exists (select from pg_policy where polrelid = target and polname = 'owner') then
        execute format('create policy owner on %s to alcove_owner using (true) with check (true)', target);
    end if;
end
$$;
