-- The identity of a transaction, as defaults and policies read it. functions/identity.sql sets it.

-- Identity, set once per transaction by begin_session(), assume_user() or assume_owner(); empty means no identity.
create or replace function app_user_id() returns uuid
    language sql stable parallel safe
    return nullif(current_setting('app.user_id', true), '')::uuid;
grant execute on function app_user_id() to alcove_app;

create or replace function app_is_admin() returns boolean
    language sql stable parallel safe
    return coalesce(current_setting('app.is_admin', true), '') = 'true';
grant execute on function app_is_admin() to alcove_app;

-- The spaces that the caller may read, and those that the caller may write. Null means none: a comparison with null is
-- never true. A coalesce would hide from the planner that app_spaces() reads no row, and a policy's `space_id = any
-- (app_spaces())` could not use an index.
create or replace function app_spaces() returns integer[]
    language sql stable parallel safe
    return nullif(current_setting('app.spaces', true), '')::integer[];
grant execute on function app_spaces() to alcove_app;

create or replace function app_writable_spaces() returns integer[]
    language sql stable parallel safe
    return coalesce(nullif(current_setting('app.writable_spaces', true), '')::integer[], '{}');
grant execute on function app_writable_spaces() to alcove_app;
