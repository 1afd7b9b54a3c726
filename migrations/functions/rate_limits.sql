-- Rate limits, shared by all functions of the deployment.

-- What counts as one address: one of IPv4, the /64 of IPv6.
create or replace function network_of(address inet) returns text
    language sql immutable parallel safe
    return case when family(address) = 6 then network(set_masklen(address, 64))::text
                else coalesce(host(address), 'unknown') end;

-- Charges one use to a bucket. Returns null, or after how many seconds there may be another one.
create or replace function charge_bucket(limit_name text, charged text) returns integer
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    moment constant timestamptz := clock_timestamp();
    rule rate_limits;
begin
    select l.* into strict rule from rate_limits l where l.name = limit_name;
    insert into rate_limit_buckets as b (name, subject, full_at) values (limit_name, charged, moment + rule.every)
    on conflict (name, subject) do update set full_at = greatest(b.full_at, moment) + rule.every
       where greatest(b.full_at, moment) + rule.every <= moment + rule.every * rule.burst;
    if found then
        return null;
    end if;
    return (select greatest(1, ceil(extract(epoch from b.full_at + rule.every - rule.every * rule.burst - moment)))
              from rate_limit_buckets b where b.name = limit_name and b.subject = charged)::integer;
end
$$;

-- Charges one request to the caller's bucket: of the user by session or API key, else of the address. A
-- credential that is not valid is charged to its address as `invalid`: whoever tries many is told to wait.
-- Returns null, or after how many seconds the caller may retry.
create or replace function charge(limit_name text, session uuid, presented bytea, address inet) returns integer
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
declare
    moment constant timestamptz := clock_timestamp();
    charged text := coalesce((select s.user_id from sessions s
                               where s.id = session and s.revoked_at is null and s.expires_at > moment),
                             (select k.user_id from api_keys k
                               where k.key_hash = presented and k.revoked_at is null and (k.expires_at is null or k.expires_at > moment)))::text;
begin
    if charged is null then
        if session is not null or presented is not null then
            limit_name := 'invalid';
        end if;
        charged := network_of(address);
    end if;
    return charge_bucket(limit_name, charged);
end
$$;
grant execute on function charge(text, uuid, bytea, inet) to alcove_app;
