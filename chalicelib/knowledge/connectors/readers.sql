-- name: spaces
select reader_space(%(connector)s, array(select jsonb_array_elements_text(g.principals)), %(most)s)
  from unnest(%(sets)s::jsonb[]) with ordinality as g (principals, place) order by g.place

-- name: moving
-- The documents whose readers changed, each with what is packed into it.
with recursive moving as (
    select d.id as document_id, g.space_id, d.id
      from unnest(%(source_ids)s::text[], %(spaces)s::integer[]) as g (source_id, space_id)
      join connector_items i on i.connector_id = %(connector)s and i.source_id = g.source_id
      join documents d on d.id = i.document_id
     where d.space_id <> g.space_id
    union all
    select m.document_id, m.space_id, c.id from moving m join documents c on c.parent_id = m.id)
select m.document_id, m.space_id, array_agg(d.id) as documents, sum(d.chunk_count)::integer as chunks
  from moving m join documents d on d.id = m.id
 group by 1, 2 order by 1

-- name: unread
select d.object_key from documents d where d.id = any (%(documents)s::uuid[]) and d.status = 'pending'

-- name: move
-- What is packed into a document follows by a trigger.
update documents d set space_id = g.space_id
  from unnest(%(documents)s::uuid[], %(targets)s::integer[]) as g (id, space_id)
 where d.id = g.id

-- name: move_items
update connector_items i set space_id = g.space_id
  from unnest(%(source_ids)s::text[], %(spaces)s::integer[]) as g (source_id, space_id)
 where i.connector_id = %(connector)s and i.source_id = g.source_id and i.space_id <> g.space_id

-- name: groups_to_read
select groups_to_read(%(connector)s, %(run)s, %(amount)s)

-- name: store_members
select store_group_members(%(connector)s, %(group)s, %(run)s, %(emails)s::text[])
