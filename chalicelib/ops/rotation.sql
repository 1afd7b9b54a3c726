-- name: set_password
alter role {role} password {password}
