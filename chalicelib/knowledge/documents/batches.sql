-- name: get
with documents_of as (
    select * from documents where batch_id = %(batch)s and deleted_at is null and space_id = any (app_spaces()))
select %(batch)s::uuid as id, count(*) as total, count(*) filter (where status = 'pending') as pending,
       count(*) filter (where status = 'processing') as processing, count(*) filter (where status = 'completed') as completed,
       count(*) filter (where status = 'completed' and warnings <> '[]') as with_warnings,
       count(*) filter (where status = 'failed') as failed,
       (select jsonb_object_agg(s.stage, (select count(*) from documents_of d where d.stage = s.stage))
          from unnest(array['extracting', 'recognising', 'chunking', 'embedding', 'waiting', 'storing']) as s (stage)) as stages,
       coalesce(sum(chunks_done), 0)::bigint as chunks_done, coalesce(sum(chunks_total), 0)::bigint as chunks_total
  from documents_of having count(*) > 0
