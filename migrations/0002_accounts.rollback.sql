drop table audit_logs, rate_limit_buckets, rate_limits, idempotency_keys, provider_logins, login_attempts, login_sources,
    api_keys, password_history, refresh_tokens, sessions, spaces, memberships, groups, users cascade;
