-- Triggers that write an event into the outbox of every webhook that asked for it, in the transaction of the event.

-- An event of a user (`subject`), which the user's own webhooks get, and the organisation's too if it is shared. `once`:
-- a webhook is told of this alone once.
create or replace function queue_webhook_event(event_name text, subject uuid, is_shared boolean, contents jsonb, once_name text default null)
    returns void
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
begin
    insert into webhook_deliveries (webhook_id, user_id, event, payload, once)
    select w.id, w.user_id, event_name,
           jsonb_build_object('type', event_name, 'data', contents, 'timestamp',
                              to_char(now() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')),
           once_name
      from webhooks w
     where w.is_enabled and event_name = any (w.events) and (w.user_id = subject or (w.user_id is null and is_shared))
    on conflict (webhook_id, once) do nothing;
end
$$;

-- Documents of the organisation's space are also the organisation's webhooks' matter; others are their owner's alone.
create or replace function notify_webhooks_of_document() returns trigger
    language plpgsql security definer set search_path = public, pg_temp
    as $$
declare
    kind constant text := (select s.kind from spaces s where s.id = new.space_id);
begin
    perform queue_webhook_event(
        case when new.deleted_at is not null then 'document.deleted' else 'document.' || new.status end,
        case when is_owners_matter(new.owner_id, new.space_id) then new.owner_id end, kind = 'org',
        jsonb_build_object('document_id', new.id, 'scope', kind, 'status', new.status, 'batch_id', new.batch_id,
                           'chunk_count', new.chunk_count, 'warnings', jsonb_array_length(new.warnings),
                           'error', case when new.error_code is not null
                                         then jsonb_build_object('code', new.error_code, 'message', new.error_message) end));
    return null;
end
$$;

-- A source that cannot be brought up to date is its owner's matter, and that of the organisation if it feeds its space.
-- The code alone: the sentence can name what is at the source, such as a page's address.
create or replace function notify_webhooks_of_connector() returns trigger
    language plpgsql security definer set search_path = public, pg_temp
    as $$
declare
    kind constant text := (select s.kind from spaces s where s.id = new.space_id);
begin
    perform queue_webhook_event(
        'connector.failed', new.owner_id, kind = 'org',
        jsonb_build_object('connector_id', new.id, 'scope', kind, 'type', new.type,
                           'error', case when new.error_code is not null
                                         then jsonb_build_object('code', new.error_code) end));
    return null;
end
$$;

-- Neither text nor model: an answer of a comparison is blind until the vote.
create or replace function notify_webhooks_of_answer() returns trigger
    language plpgsql security definer set search_path = public, pg_temp
    as $$
begin
    perform queue_webhook_event(
        'answer.' || new.status, new.user_id, false,
        jsonb_build_object('job_id', new.id, 'conversation_id', new.conversation_id, 'question_id', new.question_id,
                           'message_id', new.answer_id, 'status', new.status,
                           'error', case when new.error_code is not null
                                         then jsonb_build_object('code', new.error_code, 'message', new.error_message) end));
    return null;
end
$$;

-- Once a month when 80 % of a budget are used, and once when all of it is.
create or replace function notify_webhooks_of_spending() returns trigger
    language plpgsql security definer set search_path = public, pg_temp
    as $$
declare
    month constant text := to_char(now() at time zone 'UTC', 'YYYY-MM');
    spent record;
    share numeric;
begin
    if not exists (select from webhooks w
                    where w.is_enabled and w.events && array['budget.nearing', 'budget.spent']
                      and (w.user_id = new.user_id or w.user_id is null)) then
        return null;
    end if;
    select * into spent from month_spending_of(new.user_id);
    share := greatest(case when spent.allowed_cost_usd > 0 then spent.cost_usd / spent.allowed_cost_usd
                           when spent.allowed_cost_usd = 0 then 1 end,
                      case when spent.allowed_tokens > 0 then spent.tokens / spent.allowed_tokens
                           when spent.allowed_tokens = 0 then 1 end);
    if share >= 0.8 then
        perform queue_webhook_event(
            n.event, new.user_id, true,
            jsonb_build_object('user_id', new.user_id, 'month', month, 'cost_usd', spent.cost_usd, 'tokens', spent.tokens,
                               'monthly_cost_usd', spent.allowed_cost_usd, 'monthly_tokens', spent.allowed_tokens),
            format('%s %s %s', n.event, new.user_id, month))
           from unnest(case when share >= 1 then array['budget.nearing', 'budget.spent'] else array['budget.nearing'] end) n (event);
    end if;
    return null;
end
$$;

create or replace function notify_webhooks_of_alert() returns trigger
    language plpgsql security definer set search_path = public, pg_temp
    as $$
begin
    perform queue_webhook_event(
        'alert.raised', null, true,
        jsonb_build_object('alert_id', new.id, 'event_type', new.event_type, 'severity', new.severity,
                           'description', new.description, 'action_taken', new.action_taken, 'entity_id', new.entity_id));
    return null;
end
$$;

-- Alerts about measurements and services. Those about events of self-healing are sent with the event.
create or replace function notify_webhooks_of_condition() returns trigger
    language plpgsql security definer set search_path = public, pg_temp
    as $$
begin
    perform queue_webhook_event(
        'alert.raised', null, true,
        jsonb_build_object('alert_id', new.id, 'event_type', new.kind,
                           'severity', case new.level when 'ok' then 'info' else new.level end,
                           'description', new.message, 'action_taken', 'Nothing was changed.', 'entity_id', null));
    return null;
end
$$;
