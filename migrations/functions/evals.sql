-- Evaluations that tick goes on with.

-- The runs that have questions to ask or answers to measure, those first that tick has not looked at for longest, with
-- their users.
create or replace function unfinished_evals(most integer) returns table (run_id uuid, user_id uuid)
    language sql volatile security definer set search_path = public, pg_temp
    begin atomic
        update eval_runs r set advanced_at = now()
         where r.id in (select w.id from eval_runs w join users u on u.id = w.user_id
                         where u.is_active
                           and (w.status = 'running'
                                or exists (select from eval_results e where e.run_id = w.id and e.status = 'pending'))
                         order by w.advanced_at limit most for update of w skip locked)
        returning r.id, r.user_id;
    end;
grant execute on function unfinished_evals(integer) to alcove_app;
