-- name: list
select s.kind as scope, s.group_id, g.name as group_name, s.used_bytes, storage_limit_of(s.id) as limit_bytes
  from spaces s left join groups g on g.id = s.group_id
 where s.id = any (app_spaces()) and s.kind <> 'readers'
 order by s.kind <> 'user', s.kind, s.id
