-- name: replay
select jsonb_build_object('conversation_id', c.id, 'title', c.title, 'messages', (
           select coalesce(jsonb_agg(to_jsonb(m) || jsonb_build_object('delay_ms', m.delay_ms) order by m.id), '[]')
             from (select n.*, coalesce(extract(epoch from n.created_at - lag(n.created_at) over (order by n.id)) * 1000, 0)
                          as delay_ms
                     from (select w.*, sum(length(w.content) + coalesce(length(w.thinking), 0)) over (order by w.id) as characters
                             from messages w where w.conversation_id = c.id order by w.id limit 1000) n
                    where n.characters <= 1500000) m))
  from conversations c where c.id = %(id)s and c.deleted_at is null
