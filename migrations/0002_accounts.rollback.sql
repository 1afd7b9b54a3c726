drop table recovery_codes, second_factors, email_changes, account_tokens, outgoing_mails, invitation_groups, invitations, audit_logs, rate_limit_buckets, rate_limits, idempotency_keys, provider_logins, login_attempts, login_sources,
    api_keys, password_history, refresh_tokens, sessions, spaces, memberships, groups, users cascade;
