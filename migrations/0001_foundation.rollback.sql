drop function ensure_partitions(integer);
drop function uuid_month_bounds(date);
drop procedure protect(regclass);
drop function touch_updated_at();
drop function app_writable_spaces();
drop function app_spaces();
drop function app_is_admin();
drop function app_user_id();
drop function uuid_floor(timestamptz);
drop function if exists public.uuidv7();
drop function uuidv7_portable();
alter default privileges grant execute on functions to public;
-- The extensions stay: on some servers only a superuser may drop them, and the next apply finds them.
