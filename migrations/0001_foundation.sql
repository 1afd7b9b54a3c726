-- What everything else stands on: extensions, the application's role and what it may by default.

create extension if not exists vector;
create extension if not exists pg_trgm;

-- The application's role. Its password is set by the migrate function, never by a file.
do $$
begin
    if not exists (select from pg_roles where rolname = 'alcove_app') then
        create role alcove_app nologin;
    end if;
end
$$;

revoke all on schema public from public;
grant usage on schema public to alcove_app;

-- Nothing is executable by the application unless a file grants it.
alter default privileges revoke execute on functions from public;
