drop function end_job_of_inactive_user(uuid, uuid, text, text);
drop function finish_judged_login(uuid, text, text, boolean, text, bytea, interval, inet, text, text);
