-- The foundation: extensions, the application's role and its default rights.

create extension if not exists vector;
create extension if not exists pg_trgm;

-- The application's role. The migrate function sets its password; no file contains it.
do $$
begin
    if not exists (select from pg_roles where rolname = 'alcove_app') then
        create role alcove_app nologin;
    end if;
end
$$;

revoke all on schema public from public;
grant usage on schema public to alcove_app;

-- The application can execute only the functions that a file grants.
alter default privileges revoke execute on functions from public;
