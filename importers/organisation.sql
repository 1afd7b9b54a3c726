-- name: namesake
-- Another row of the organisation with the same name, as the table's own index has it unique.
select id from groups where %(table)s = 'groups' and name = %(name)s and id <> %(id)s
union all
select id from prompts where %(table)s = 'prompts' and name = %(name)s and kind = %(kind)s and id <> %(id)s
union all
select id from llms where %(table)s = 'llms' and name = %(name)s and id <> %(id)s
union all
select id from rerankers where %(table)s = 'rerankers' and name = %(name)s and id <> %(id)s
union all
select id from assistants where %(table)s = 'assistants' and name = %(name)s and id <> %(id)s
union all
select id from ab_pool where %(table)s = 'ab_pool' and name = %(name)s and archived_at is null and id <> %(id)s
union all
select id from repositories
 where %(table)s = 'repositories' and lower(name) = lower(%(name)s) and space_id = 1 and id <> %(id)s
union all
select id from tags where %(table)s = 'tags' and lower(name) = lower(%(name)s) and owner_id is null and id <> %(id)s

-- name: other_default
select id from assistants where is_default and id <> %(id)s
