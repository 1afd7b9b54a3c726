drop function adopt_person(text, jsonb, uuid);
drop function finish_provider_login(text, jsonb, uuid, bytea, interval, inet, text, text);
drop function take_provider_login(bytea, bytea, text);
drop function start_provider_login(bytea, bytea, text, text);
drop function absorb_anonymous(uuid, inet, text);
drop function upgrade_anonymous(text, text, text, text, bytea, interval, inet, text, text);
drop function open_anonymous_session(bytea, bytea, interval, inet, text, text);
drop function apply_claims(uuid, jsonb, boolean);
drop function end_credentials(uuid);
drop function absorb_user(uuid, uuid);
drop function open_session(uuid, text, bytea, interval, inet, text, text);
drop function set_identity(uuid, boolean);
alter function set_full_identity(uuid, boolean) rename to set_identity;

do $$
declare
    link record;
begin
    for link in select c.conname, c.conrelid::regclass as child, pg_get_constraintdef(c.oid) as definition
                  from pg_constraint c
                 where c.contype = 'f' and c.conparentid = 0 and cardinality(c.conkey) > 1 and c.confupdtype = 'c'
                   and exists (select from pg_attribute a where a.attrelid = c.conrelid
                                and a.attnum = any (c.conkey) and a.attname = 'user_id')
    loop
        execute format('alter table %s drop constraint %I', link.child, link.conname);
        execute format('alter table %s add constraint %I %s', link.child, link.conname,
                       replace(link.definition, ' ON UPDATE CASCADE', ''));
    end loop;
end
$$;

drop table provider_keys, provider_logins;
alter table static_config
    drop column provider_base_urls, drop column anonymous_reads_organisation, drop column anonymous_allowed;
drop trigger adopt_membership on memberships;
drop function adopt_membership();
alter table memberships drop column source;
delete from rate_limits where name in ('anonymous', 'provider_login', 'provider_key');
alter table users
    drop column admin_from_claims, drop column oidc_subject, drop column oidc_issuer, drop column github_username,
    drop column github_id, drop column anonymous_hash;
