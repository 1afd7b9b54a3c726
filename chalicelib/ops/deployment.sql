-- name: set_password
alter role alcove_app login password {password}

-- name: has_administrator
select exists (select from users where is_admin)

-- name: make_administrator
insert into users (email, display_name, password_hash, is_admin)
values (%(email)s, 'Administrator', %(password_hash)s, true)
on conflict (email) do update set is_admin = true
returning id
