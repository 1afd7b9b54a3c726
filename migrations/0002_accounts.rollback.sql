drop function rotate_refresh_token(bytea, bytea);
drop function finish_login(uuid, text, boolean, text, bytea, interval, inet, text, text);
drop function find_login(text);
drop function register_user(text, text, text, text, inet, text);
drop function assume_user(uuid);
drop function begin_session(uuid);
drop function set_identity(uuid, boolean);
drop table idempotency_keys, audit_logs, login_attempts, refresh_tokens, sessions, spaces, memberships, groups, users;
drop function create_space();
