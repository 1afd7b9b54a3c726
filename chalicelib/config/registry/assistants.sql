-- name: create
insert into assistants (name, description, llm_id, system_prompt, task_prompt, starter_messages, filters, is_default,
                        is_visible, created_by)
values (%(name)s, %(description)s, %(llm_id)s, %(system_prompt)s, %(task_prompt)s, %(starter_messages)s, %(filters)s,
        %(is_default)s, %(is_visible)s, app_user_id())
returning *

-- name: clear_default
update assistants set is_default = false where is_default

-- name: get
select * from assistants where id = %(id)s and (is_visible or app_is_admin())

-- name: list
select * from assistants
 where (is_visible or app_is_admin()) and (%(after)s::uuid is null or id < %(after)s)
 order by id desc limit %(limit)s

-- name: change
update assistants a
   set (name, description, llm_id, system_prompt, task_prompt, starter_messages, filters, is_default, is_visible)
     = (select n.name, n.description, n.llm_id, n.system_prompt, n.task_prompt, n.starter_messages, n.filters,
               n.is_default, n.is_visible
          from jsonb_populate_record(a, %(changes)s) n)
 where a.id = %(id)s
returning *

-- name: delete
delete from assistants where id = %(id)s returning id
