-- name: create
insert into users (email, email_verified, display_name, password_hash)
values (%(email)s, true, 'First requests of a deployment', %(password_hash)s)

-- name: erase
select erase_account_of(u.id) from users u where u.email like 'probe-%%@alcove.invalid' and not u.is_admin
