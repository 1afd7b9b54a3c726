-- part: invitation
i.id, i.created_by, i.email, i.is_admin, i.expires_at, i.accepted_at, i.accepted_by, i.withdrawn_at, i.created_at,
(select coalesce(jsonb_agg(jsonb_build_object('group_id', ig.group_id, 'role', ig.role,
                                              'name', (select g.name from groups g where g.id = ig.group_id))
                           order by ig.group_id), '[]')
   from invitation_groups ig where ig.invitation_id = i.id) as groups

-- name: create
select invite(%(email)s, %(is_admin)s, %(groups)s, make_interval(days => %(days)s), %(link_hash)s, %(language)s)

-- name: get
select {{invitation}} from invitations i where i.id = %(id)s

-- name: list
select {{invitation}} from invitations i
 where %(after)s::uuid is null or i.id < %(after)s
 order by i.id desc limit %(limit)s

-- name: withdraw
update invitations set withdrawn_at = now()
 where id = %(id)s and withdrawn_at is null and accepted_at is null returning id

-- name: show
select email, is_admin, inviter, group_names, expires_at from show_invitation(%(token_hash)s)

-- name: accept
select * from accept_invitation(%(token_hash)s, %(email)s, %(username)s, %(display_name)s, %(password_hash)s, %(language)s,
                                %(ip_address)s, %(request_id)s)

-- name: join
select join_invitation(%(token_hash)s, %(ip_address)s, %(request_id)s)
