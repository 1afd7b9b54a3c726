"""A method for each operation of the service, for asyncio.

Written by generate.py; do not edit.
"""

from abc import ABC, abstractmethod
from datetime import datetime
from typing import Any, Literal, TypeVar
from uuid import UUID

from pydantic import AwareDatetime, BaseModel

from alcove import models
from alcove.transport import UNSET, Request, Unset, request

_Result = TypeVar("_Result", bound=BaseModel)


class AsyncOperations(ABC):
    """Every operation by its operationId. docs/api.md of the service says what each takes and refuses."""

    @abstractmethod
    async def call(self, request: Request, result: type[_Result]) -> _Result:
        """Send a request; returns the response. Raises ApiError or UnreachableError."""

    @abstractmethod
    async def call_optional(self, request: Request, result: type[_Result]) -> _Result | None:
        """Like `call`; None for a response without content."""

    @abstractmethod
    async def call_text(self, request: Request) -> str:
        """Like `call`, for a response that is text; empty without content."""

    async def get_root(self) -> models.Root:
        """Get the service's name, its version, and the addresses of its description."""
        return await self.call(request("GET", "/"), models.Root)

    async def get_comparison_metrics(self) -> models.ComparisonReport:
        """Get the votes for each champion and challenger, and whether they are enough for a verdict. Numbers
        only.
        """
        return await self.call(request("GET", "/ab/metrics"), models.ComparisonReport)

    async def list_variants(
        self, *, limit: int | Unset = UNSET, cursor: str | Unset = UNSET, archived: bool | Unset = UNSET
    ) -> models.VariantPage:
        """List the variants of the pool, newest first."""
        return await self.call(
            request("GET", "/ab/pool", query={"limit": limit, "cursor": cursor, "archived": archived}),
            models.VariantPage,
        )

    async def create_variant(
        self,
        *,
        name: str,
        settings: models.VariantSettings | Unset | None = UNSET,
        assistant_id: UUID | str | Unset | None = UNSET,
        weight: float | Unset | None = UNSET,
        is_champion: bool | Unset | None = UNSET,
        is_active: bool | Unset | None = UNSET,
    ) -> models.Variant:
        """Add a champion or a challenger to the pool."""
        return await self.call(
            request(
                "POST",
                "/ab/pool",
                body={
                    "name": name,
                    "settings": settings,
                    "assistant_id": assistant_id,
                    "weight": weight,
                    "is_champion": is_champion,
                    "is_active": is_active,
                },
            ),
            models.Variant,
        )

    async def delete_variant(self, variant_id: UUID | str) -> None:
        """Remove a variant from the pool; one with comparisons is archived with its votes. 409 `in_use` for a
        champion.
        """
        await self.call_text(request("DELETE", "/ab/pool/{variant_id}", path={"variant_id": variant_id}))

    async def get_variant(self, variant_id: UUID | str) -> models.Variant:
        """Get a variant, archived or not."""
        return await self.call(request("GET", "/ab/pool/{variant_id}", path={"variant_id": variant_id}), models.Variant)

    async def update_variant(
        self,
        variant_id: UUID | str,
        *,
        name: str | Unset | None = UNSET,
        weight: float | Unset | None = UNSET,
        is_active: bool | Unset | None = UNSET,
    ) -> models.Variant:
        """Change a variant's name or weight, or activate or deactivate it. Its settings never change."""
        return await self.call(
            request(
                "PATCH",
                "/ab/pool/{variant_id}",
                path={"variant_id": variant_id},
                body={"name": name, "weight": weight, "is_active": is_active},
            ),
            models.Variant,
        )

    async def promote_variant(self, variant_id: UUID | str) -> models.Variant:
        """Make a challenger the champion, and its settings the settings of the service."""
        return await self.call(
            request("POST", "/ab/pool/{variant_id}/promote", path={"variant_id": variant_id}), models.Variant
        )

    async def list_alerts(
        self,
        *,
        limit: int | Unset = UNSET,
        cursor: str | Unset = UNSET,
        level: Literal["ok", "warning", "critical"] | Unset = UNSET,
        kind: Literal["metric", "service", "healing", "test"] | Unset = UNSET,
        from_: datetime | Unset = UNSET,
        to: datetime | Unset = UNSET,
    ) -> models.AlertPage:
        """Alerts with their deliveries, newest first."""
        return await self.call(
            request(
                "GET",
                "/alerts",
                query={"limit": limit, "cursor": cursor, "level": level, "kind": kind, "from": from_, "to": to},
            ),
            models.AlertPage,
        )

    async def get_email_alerts(self) -> models.EmailAlertsConfig:
        """Who gets alerts by e-mail. Thresholds and quiet hours are those of `/alerts/telegram`."""
        return await self.call(request("GET", "/alerts/email"), models.EmailAlertsConfig)

    async def update_email_alerts(
        self, *, enabled: bool | Unset | None = UNSET, recipients: list[str] | Unset | None = UNSET
    ) -> models.EmailAlertsConfig:
        """Change who gets alerts by e-mail. 409 `mail_off` where the deployment sends no e-mails."""
        return await self.call(
            request("PATCH", "/alerts/email", body={"enabled": enabled, "recipients": recipients}),
            models.EmailAlertsConfig,
        )

    async def test_email_alerts(self) -> None:
        """Have a test message sent within a minute. `GET /alerts?kind=test` says whether it arrived."""
        await self.call_text(request("POST", "/alerts/email/test"))

    async def get_telegram_config(self) -> models.TelegramConfig:
        """The configuration of alerts to Telegram, without the bot's token."""
        return await self.call(request("GET", "/alerts/telegram"), models.TelegramConfig)

    async def update_telegram_config(
        self,
        *,
        bot_token: str | Unset | None = UNSET,
        chat_id: str | Unset | None = UNSET,
        api_url: str | Unset | None = UNSET,
        enabled: bool | Unset | None = UNSET,
        alert_thresholds: models.AlertThresholds | Unset | None = UNSET,
        quiet_from: str | Unset | None = UNSET,
        quiet_until: str | Unset | None = UNSET,
        quiet_time_zone: str | Unset | None = UNSET,
        critical_in_quiet_hours: bool | Unset | None = UNSET,
    ) -> models.TelegramConfig:
        """Change the configuration of alerts to Telegram. The token is stored encrypted and never returned."""
        return await self.call(
            request(
                "PATCH",
                "/alerts/telegram",
                body={
                    "bot_token": bot_token,
                    "chat_id": chat_id,
                    "api_url": api_url,
                    "enabled": enabled,
                    "alert_thresholds": alert_thresholds,
                    "quiet_from": quiet_from,
                    "quiet_until": quiet_until,
                    "quiet_time_zone": quiet_time_zone,
                    "critical_in_quiet_hours": critical_in_quiet_hours,
                },
            ),
            models.TelegramConfig,
        )

    async def test_telegram(self) -> None:
        """Send a test message. 502 `telegram_failed` says why it was not accepted."""
        await self.call_text(request("POST", "/alerts/telegram/test"))

    async def compare_conversations(self, *, first: UUID | str, second: UUID | str) -> models.ConversationComparison:
        """Compare two of the caller's conversations in numbers."""
        return await self.call(
            request("POST", "/analytics/compare", body={"first": first, "second": second}),
            models.ConversationComparison,
        )

    async def get_token_analytics(
        self, *, since: datetime | Unset = UNSET, until: datetime | Unset = UNSET, model: str | Unset = UNSET
    ) -> models.TokenAnalytics:
        """Get the caller's tokens and cost, by day and model."""
        return await self.call(
            request("GET", "/analytics/tokens", query={"since": since, "until": until, "model": model}),
            models.TokenAnalytics,
        )

    async def list_announcements(
        self, *, limit: int | Unset = UNSET, cursor: str | Unset = UNSET, all: bool | Unset = UNSET
    ) -> models.AnnouncementPage:
        """What administrators tell everybody now, or with `all` ever, newest first."""
        return await self.call(
            request("GET", "/announcements", query={"limit": limit, "cursor": cursor, "all": all}),
            models.AnnouncementPage,
        )

    async def create_announcement(
        self,
        *,
        message: str,
        ends_at: AwareDatetime,
        severity: Literal["info", "warning"] | Unset | None = UNSET,
        starts_at: AwareDatetime | Unset | None = UNSET,
    ) -> models.Announcement:
        """Tell everybody something, from now or a later time on."""
        return await self.call(
            request(
                "POST",
                "/announcements",
                body={"message": message, "ends_at": ends_at, "severity": severity, "starts_at": starts_at},
            ),
            models.Announcement,
        )

    async def delete_announcement(self, announcement_id: UUID | str) -> None:
        """Delete an announcement."""
        await self.call_text(
            request("DELETE", "/announcements/{announcement_id}", path={"announcement_id": announcement_id})
        )

    async def get_announcement(self, announcement_id: UUID | str) -> models.Announcement:
        """One announcement."""
        return await self.call(
            request("GET", "/announcements/{announcement_id}", path={"announcement_id": announcement_id}),
            models.Announcement,
        )

    async def list_assistants(self, *, limit: int | Unset = UNSET, cursor: str | Unset = UNSET) -> models.AssistantPage:
        """Assistants, newest first. Administrators also get hidden ones."""
        return await self.call(
            request("GET", "/assistants", query={"limit": limit, "cursor": cursor}), models.AssistantPage
        )

    async def create_assistant(
        self,
        *,
        name: str,
        description: str | Unset | None = UNSET,
        llm_id: UUID | str | Unset | None = UNSET,
        system_prompt: str | Unset | None = UNSET,
        task_prompt: str | Unset | None = UNSET,
        starter_messages: list[str] | Unset | None = UNSET,
        filters: models.SearchFilters | Unset | None = UNSET,
        is_default: bool | Unset | None = UNSET,
        is_visible: bool | Unset | None = UNSET,
    ) -> models.Assistant:
        """Create an assistant."""
        return await self.call(
            request(
                "POST",
                "/assistants",
                body={
                    "name": name,
                    "description": description,
                    "llm_id": llm_id,
                    "system_prompt": system_prompt,
                    "task_prompt": task_prompt,
                    "starter_messages": starter_messages,
                    "filters": filters,
                    "is_default": is_default,
                    "is_visible": is_visible,
                },
            ),
            models.Assistant,
        )

    async def delete_assistant(self, assistant_id: UUID | str) -> None:
        """Delete an assistant. Its conversations continue without one."""
        await self.call_text(request("DELETE", "/assistants/{assistant_id}", path={"assistant_id": assistant_id}))

    async def get_assistant(self, assistant_id: UUID | str) -> models.Assistant:
        """An assistant."""
        return await self.call(
            request("GET", "/assistants/{assistant_id}", path={"assistant_id": assistant_id}), models.Assistant
        )

    async def update_assistant(
        self,
        assistant_id: UUID | str,
        *,
        name: str | Unset | None = UNSET,
        description: str | Unset | None = UNSET,
        llm_id: UUID | str | Unset | None = UNSET,
        system_prompt: str | Unset | None = UNSET,
        task_prompt: str | Unset | None = UNSET,
        starter_messages: list[str] | Unset | None = UNSET,
        filters: models.SearchFilters | Unset | None = UNSET,
        is_default: bool | Unset | None = UNSET,
        is_visible: bool | Unset | None = UNSET,
    ) -> models.Assistant:
        """Change an assistant. The change applies to its conversations at once."""
        return await self.call(
            request(
                "PATCH",
                "/assistants/{assistant_id}",
                path={"assistant_id": assistant_id},
                body={
                    "name": name,
                    "description": description,
                    "llm_id": llm_id,
                    "system_prompt": system_prompt,
                    "task_prompt": task_prompt,
                    "starter_messages": starter_messages,
                    "filters": filters,
                    "is_default": is_default,
                    "is_visible": is_visible,
                },
            ),
            models.Assistant,
        )

    async def list_audit_logs(
        self,
        *,
        limit: int | Unset = UNSET,
        cursor: str | Unset = UNSET,
        user_id: UUID | str | Unset = UNSET,
        action: str | Unset = UNSET,
        entity_type: str | Unset = UNSET,
        entity_id: UUID | str | Unset = UNSET,
        from_: datetime | Unset = UNSET,
        to: datetime | Unset = UNSET,
    ) -> models.AuditEntryPage:
        """Changes with who made them, when and from where; newest first."""
        return await self.call(
            request(
                "GET",
                "/audit-logs",
                query={
                    "limit": limit,
                    "cursor": cursor,
                    "user_id": user_id,
                    "action": action,
                    "entity_type": entity_type,
                    "entity_id": entity_id,
                    "from": from_,
                    "to": to,
                },
            ),
            models.AuditEntryPage,
        )

    async def log_in_anonymously(self, *, client_id: str) -> models.Tokens:
        """Open a session without an account. The same `client_id` is the same user. 403 `anonymous_off`."""
        return await self.call(request("POST", "/auth/anonymous", body={"client_id": client_id}), models.Tokens)

    async def upgrade_anonymous_user(
        self, *, register: models.Registration | Unset | None = UNSET, login: models.LoginRequest | Unset | None = UNSET
    ) -> models.Tokens:
        """Turn an anonymous user into an account, with all its data. `register` creates a local account;
        `login` moves the data into an existing account. For an account of another provider, begin
        that provider's login with the anonymous access token. 409 `not_anonymous`.
        """
        return await self.call(
            request("POST", "/auth/anonymous/upgrade", body={"register": register, "login": login}), models.Tokens
        )

    async def finish_github_login(
        self, *, state: str, code: str | Unset = UNSET, error: str | Unset = UNSET, iss: str | Unset = UNSET
    ) -> models.Tokens:
        """Finish a login with GitHub. 400 `login_state_invalid` in another browser, and for a second use. A
        login that began with `return_to` ends there (302), with `refresh_token` or `error`, and
        `state`, in the fragment.
        """
        return await self.call(
            request("GET", "/auth/github/callback", query={"state": state, "code": code, "error": error, "iss": iss}),
            models.Tokens,
        )

    async def start_github_login(
        self,
        *,
        redirect_uri: str | Unset = UNSET,
        mode: Literal["redirect", "json"] | Unset = UNSET,
        return_to: str | Unset = UNSET,
        state: str | Unset = UNSET,
    ) -> models.LoginStart:
        """Begin a login with GitHub: a redirect to GitHub (302), or its address with `mode=json`. With an
        access token, the login belongs to that user: an anonymous user becomes the account, another
        user's account is linked, which requires a recent login (403 `recent_login_required`).
        """
        return await self.call(
            request(
                "GET",
                "/auth/github/start",
                query={"redirect_uri": redirect_uri, "mode": mode, "return_to": return_to, "state": state},
            ),
            models.LoginStart,
        )

    async def show_invitation(self, *, token: str) -> models.ShownInvitation:
        """What an invitation gives, for who has its link. 400 `invitation_invalid`."""
        return await self.call(request("POST", "/auth/invitation", body={"token": token}), models.ShownInvitation)

    async def accept_invitation(
        self,
        *,
        token: str,
        password: str,
        email: str | Unset | None = UNSET,
        username: str | Unset | None = UNSET,
        display_name: str | Unset | None = UNSET,
        language: Literal["en", "de"] | Unset | None = UNSET,
    ) -> models.User:
        """Create an account by an invitation, also while registration is closed. 400 `invitation_invalid`, 409
        `email_taken`: log in to the account, and accept the invitation there.
        """
        return await self.call(
            request(
                "POST",
                "/auth/invitation/acceptance",
                body={
                    "token": token,
                    "password": password,
                    "email": email,
                    "username": username,
                    "display_name": display_name,
                    "language": language,
                },
            ),
            models.User,
        )

    async def log_in(
        self,
        *,
        password: str,
        email: str | Unset | None = UNSET,
        device_token: str | Unset | None = UNSET,
        code: str | Unset | None = UNSET,
        username: str | Unset | None = UNSET,
    ) -> models.Tokens:
        """Open a session. 401 `bad_credentials` for every reason. After the right password, 401
        `code_required` without a code of the account's second factor, and 403 `email_unverified`
        while the address must be verified first.
        """
        return await self.call(
            request(
                "POST",
                "/auth/login",
                body={
                    "password": password,
                    "email": email,
                    "device_token": device_token,
                    "code": code,
                    "username": username,
                },
            ),
            models.Tokens,
        )

    async def log_out(self) -> None:
        """End the session of this access token, at once."""
        await self.call_text(request("POST", "/auth/logout"))

    async def log_out_everywhere(self, *, keep_api_keys: bool | Unset = UNSET) -> None:
        """End every session of the caller and, unless `keep_api_keys` is true, every API key, at once."""
        await self.call_text(request("POST", "/auth/logout-all", query={"keep_api_keys": keep_api_keys}))

    async def finish_oidc_login(
        self, *, state: str, code: str | Unset = UNSET, error: str | Unset = UNSET, iss: str | Unset = UNSET
    ) -> models.Tokens:
        """Finish a login with the OpenID provider. 400 `login_state_invalid` in another browser, and for a
        second use. A login that began with `return_to` ends there (302), with `refresh_token` or
        `error`, and `state`, in the fragment.
        """
        return await self.call(
            request("GET", "/auth/oidc/callback", query={"state": state, "code": code, "error": error, "iss": iss}),
            models.Tokens,
        )

    async def start_oidc_login(
        self,
        *,
        redirect_uri: str | Unset = UNSET,
        mode: Literal["redirect", "json"] | Unset = UNSET,
        return_to: str | Unset = UNSET,
        state: str | Unset = UNSET,
    ) -> models.LoginStart:
        """Begin a login with the OpenID provider: a redirect to it (302), or its address with `mode=json`.
        With an access token, the login belongs to that user: an anonymous user becomes the account,
        another user's account is linked, which requires a recent login (403
        `recent_login_required`).
        """
        return await self.call(
            request(
                "GET",
                "/auth/oidc/start",
                query={"redirect_uri": redirect_uri, "mode": mode, "return_to": return_to, "state": state},
            ),
            models.LoginStart,
        )

    async def request_password_reset(self, *, email: str, language: Literal["en", "de"] | Unset | None = UNSET) -> None:
        """Ask for an e-mail with a link that sets a new password. The answer is the same for every address.
        409 `mail_off` where this deployment sends no e-mails.
        """
        await self.call_text(request("POST", "/auth/password/forgotten", body={"email": email, "language": language}))

    async def reset_password(
        self, *, token: str, new_password: str, keep_api_keys: bool | Unset | None = UNSET
    ) -> None:
        """Set a new password by a link; end every session and, unless `keep_api_keys` is true, every API key.
        A second factor stays. 400 `link_invalid`, 422 `password_reused` for one of the last five.
        """
        await self.call_text(
            request(
                "POST",
                "/auth/password/reset",
                body={"token": token, "new_password": new_password, "keep_api_keys": keep_api_keys},
            )
        )

    async def list_login_providers(self) -> models.LoginProviders:
        """The available login providers, and the name of the deployment."""
        return await self.call(request("GET", "/auth/providers"), models.LoginProviders)

    async def refresh_tokens(self, *, refresh_token: str) -> models.Tokens:
        """Exchange a refresh token for new tokens. The same token works again for 30 seconds, for a retry or a
        race. A later use ends its session.
        """
        return await self.call(request("POST", "/auth/refresh", body={"refresh_token": refresh_token}), models.Tokens)

    async def register_user(
        self,
        *,
        email: str,
        password: str,
        username: str | Unset | None = UNSET,
        display_name: str | Unset | None = UNSET,
        language: Literal["en", "de"] | Unset | None = UNSET,
    ) -> models.User:
        """Create a local account. 409 `email_taken` when the e-mail address or username is in use, 403
        `registration_closed` when accounts are only made by administrators and invitations, 403
        `domain_refused` for an address of another domain than may register. Where the address must
        be verified first, `awaits_verification` says so, and an e-mail has the link.
        """
        return await self.call(
            request(
                "POST",
                "/auth/register",
                body={
                    "email": email,
                    "password": password,
                    "username": username,
                    "display_name": display_name,
                    "language": language,
                },
            ),
            models.User,
        )

    async def unlock_account(self, *, token: str) -> None:
        """End the locks of an account by a link. 400 `link_invalid`."""
        await self.call_text(request("POST", "/auth/unlock", body={"token": token}))

    async def request_unlock(self, *, email: str, language: Literal["en", "de"] | Unset | None = UNSET) -> None:
        """Ask for an e-mail with a link that ends the locks of an account. The answer is the same for every
        address. 409 `mail_off` where this deployment sends no e-mails.
        """
        await self.call_text(request("POST", "/auth/unlock/request", body={"email": email, "language": language}))

    async def verify_address(self, *, token: str, password: str) -> None:
        """Verify an account's address by a link and the account's password. Five wrong passwords end the link.
        400 `link_invalid`, 403 `wrong_password`, 409 `email_taken` when the address was verified
        for another account.
        """
        await self.call_text(request("POST", "/auth/verification", body={"token": token, "password": password}))

    async def request_verification(self, *, email: str, language: Literal["en", "de"] | Unset | None = UNSET) -> None:
        """Ask for an e-mail with a link that verifies an address. The answer is the same for every address.
        409 `mail_off` where this deployment sends no e-mails.
        """
        await self.call_text(request("POST", "/auth/verification/request", body={"email": email, "language": language}))

    async def list_backups(self, *, limit: int | Unset = UNSET, cursor: str | Unset = UNSET) -> models.BackupPage:
        """Backups, and whether a drill has restored them, newest first."""
        return await self.call(request("GET", "/backups", query={"limit": limit, "cursor": cursor}), models.BackupPage)

    async def list_budgets(self, *, limit: int | Unset = UNSET, cursor: str | Unset = UNSET) -> models.BudgetPage:
        """List every budget, newest first."""
        return await self.call(request("GET", "/budgets", query={"limit": limit, "cursor": cursor}), models.BudgetPage)

    async def list_cloud_metrics(
        self,
        *,
        from_: datetime,
        to: datetime,
        step: int | Unset = UNSET,
        kind: Literal["function", "database", "queue"] | Unset = UNSET,
    ) -> models.CloudMetrics:
        """In an account, what CloudWatch knows of functions, database and queues; 409 `cloud_metrics_off`
        elsewhere. CloudWatch charges for each request, about 0.0006 USD with every kind.
        """
        return await self.call(
            request("GET", "/cloud-metrics", query={"from": from_, "to": to, "step": step, "kind": kind}),
            models.CloudMetrics,
        )

    async def get_comparison(self, comparison_id: UUID | str) -> models.PairwiseComparison:
        """Get a comparison with its answers. The variants are named after the vote."""
        return await self.call(
            request("GET", "/comparisons/{comparison_id}", path={"comparison_id": comparison_id}),
            models.PairwiseComparison,
        )

    async def set_comparison_preference(
        self, comparison_id: UUID | str, *, preference: Literal["first", "second", "tie", "both_bad"]
    ) -> models.PairwiseComparison:
        """Vote for the better answer, once. The same vote again changes nothing. 409 `already_voted` for
        another vote.
        """
        return await self.call(
            request(
                "POST",
                "/comparisons/{comparison_id}/preference",
                path={"comparison_id": comparison_id},
                body={"preference": preference},
            ),
            models.PairwiseComparison,
        )

    async def list_config_audit(
        self,
        *,
        limit: int | Unset = UNSET,
        cursor: str | Unset = UNSET,
        field_name: str | Unset = UNSET,
        config_type: Literal["static", "dynamic", "user_pref"] | Unset = UNSET,
    ) -> models.ConfigChangePage:
        """Every changed field with its old and new value, newest first."""
        return await self.call(
            request(
                "GET",
                "/config/audit",
                query={"limit": limit, "cursor": cursor, "field_name": field_name, "config_type": config_type},
            ),
            models.ConfigChangePage,
        )

    async def get_dynamic_config(self) -> models.DynamicConfig:
        """The administrators' settings. Where a value is null, the deployment's applies."""
        return await self.call(request("GET", "/config/dynamic"), models.DynamicConfig)

    async def update_dynamic_config(
        self,
        *,
        active_pipeline: str | Unset | None = UNSET,
        active_model: str | Unset | None = UNSET,
        temperature: float | Literal["unset"] | Unset | None = UNSET,
        max_tokens: int | Literal["unset"] | Unset | None = UNSET,
        top_p: float | Literal["unset"] | Unset | None = UNSET,
        top_k: int | Literal["unset"] | Unset | None = UNSET,
        repetition_penalty: float | Literal["unset"] | Unset | None = UNSET,
        system_prompt: str | Unset | None = UNSET,
        task_prompt: str | Unset | None = UNSET,
        active_condense_prompt: str | Unset | None = UNSET,
        active_chat_prompt: str | Unset | None = UNSET,
        active_system_prompt: str | Unset | None = UNSET,
        num_documents_to_retrieve: int | Unset | None = UNSET,
        use_hybrid_search: bool | Unset | None = UNSET,
        use_cross_encoder: bool | Unset | None = UNSET,
        bm25_weight: float | Unset | None = UNSET,
        semantic_weight: float | Unset | None = UNSET,
        active_reranker: str | Unset | None = UNSET,
        reranked_chunks: int | Unset | None = UNSET,
        history_tokens: int | Unset | None = UNSET,
        context_tokens: int | Unset | None = UNSET,
        registration_open: bool | Unset | None = UNSET,
        registration_domains: list[str] | Unset | None = UNSET,
        registration_requires_verification: bool | Unset | None = UNSET,
        invitations_open: bool | Unset | None = UNSET,
        api_keys_may_last: bool | Unset | None = UNSET,
        administrators_need_second_factor: bool | Unset | None = UNSET,
        ingestion_schedule: str | Unset | None = UNSET,
        ocr_languages: str | Unset | None = UNSET,
        max_upload_mb: int | Unset | None = UNSET,
        jobs_per_user: int | Unset | None = UNSET,
        streams_per_user: int | Unset | None = UNSET,
        storage_mb_per_user: int | Unset | None = UNSET,
        storage_mb_per_group: int | Unset | None = UNSET,
        storage_mb_of_organisation: int | Unset | None = UNSET,
        if_match: str | Unset = UNSET,
    ) -> models.DynamicConfig:
        """Change some settings; null removes a value. With `If-Match: <ETag>`, 412 `stale_update` when the
        settings have changed since. Each changed field is audited.
        """
        return await self.call(
            request(
                "PATCH",
                "/config/dynamic",
                body={
                    "active_pipeline": active_pipeline,
                    "active_model": active_model,
                    "temperature": temperature,
                    "max_tokens": max_tokens,
                    "top_p": top_p,
                    "top_k": top_k,
                    "repetition_penalty": repetition_penalty,
                    "system_prompt": system_prompt,
                    "task_prompt": task_prompt,
                    "active_condense_prompt": active_condense_prompt,
                    "active_chat_prompt": active_chat_prompt,
                    "active_system_prompt": active_system_prompt,
                    "num_documents_to_retrieve": num_documents_to_retrieve,
                    "use_hybrid_search": use_hybrid_search,
                    "use_cross_encoder": use_cross_encoder,
                    "bm25_weight": bm25_weight,
                    "semantic_weight": semantic_weight,
                    "active_reranker": active_reranker,
                    "reranked_chunks": reranked_chunks,
                    "history_tokens": history_tokens,
                    "context_tokens": context_tokens,
                    "registration_open": registration_open,
                    "registration_domains": registration_domains,
                    "registration_requires_verification": registration_requires_verification,
                    "invitations_open": invitations_open,
                    "api_keys_may_last": api_keys_may_last,
                    "administrators_need_second_factor": administrators_need_second_factor,
                    "ingestion_schedule": ingestion_schedule,
                    "ocr_languages": ocr_languages,
                    "max_upload_mb": max_upload_mb,
                    "jobs_per_user": jobs_per_user,
                    "streams_per_user": streams_per_user,
                    "storage_mb_per_user": storage_mb_per_user,
                    "storage_mb_per_group": storage_mb_per_group,
                    "storage_mb_of_organisation": storage_mb_of_organisation,
                },
                headers={"If-Match": if_match},
            ),
            models.DynamicConfig,
        )

    async def get_effective_config(self, *, conversation_id: UUID | str | Unset = UNSET) -> models.EffectiveConfig:
        """Every setting's value for the caller, and the level that it comes from. Only administrators get the
        addresses of LLM providers (`provider_base_urls`).
        """
        return await self.call(
            request("GET", "/config/effective", query={"conversation_id": conversation_id}), models.EffectiveConfig
        )

    async def get_static_config(self) -> models.StaticConfig:
        """The deployment's settings. Only a deploy changes them."""
        return await self.call(request("GET", "/config/static"), models.StaticConfig)

    async def list_connectors(self, *, limit: int | Unset = UNSET, cursor: str | Unset = UNSET) -> models.ConnectorPage:
        """The caller's connectors, and those of spaces that the caller may write, newest first."""
        return await self.call(
            request("GET", "/connectors", query={"limit": limit, "cursor": cursor}), models.ConnectorPage
        )

    async def create_connector(
        self,
        *,
        name: str,
        type: Literal["web", "git", "ticket", "file", "google_drive", "onedrive", "teams", "imap", "confluence"],
        scope: Literal["user", "group", "org"] | Unset | None = UNSET,
        group_id: UUID | str | Unset | None = UNSET,
        settings: dict[str, Any] | Unset | None = UNSET,
        credentials: dict[str, Any] | Unset | None = UNSET,
        refresh_minutes: int | Unset | None = UNSET,
        allow_private_addresses: bool | Unset | None = UNSET,
        most_removed_percent: int | Unset | None = UNSET,
        mirrors_readers: bool | Unset | None = UNSET,
    ) -> models.Connector:
        """Connect a source: its documents are added, and kept as they are there. docs/connectors.md has the
        steps.
        """
        return await self.call(
            request(
                "POST",
                "/connectors",
                body={
                    "name": name,
                    "type": type,
                    "scope": scope,
                    "group_id": group_id,
                    "settings": settings,
                    "credentials": credentials,
                    "refresh_minutes": refresh_minutes,
                    "allow_private_addresses": allow_private_addresses,
                    "most_removed_percent": most_removed_percent,
                    "mirrors_readers": mirrors_readers,
                },
            ),
            models.Connector,
        )

    async def delete_connector(self, connector_id: UUID | str) -> None:
        """Delete a connector. Its documents stay, as documents that nothing keeps up to date. Its consent is
        given back to the provider afterwards, by `tick`.
        """
        await self.call_text(request("DELETE", "/connectors/{connector_id}", path={"connector_id": connector_id}))

    async def get_connector(self, connector_id: UUID | str) -> models.Connector:
        """One connector, with its status and its error."""
        return await self.call(
            request("GET", "/connectors/{connector_id}", path={"connector_id": connector_id}), models.Connector
        )

    async def update_connector(
        self,
        connector_id: UUID | str,
        *,
        name: str | Unset | None = UNSET,
        settings: dict[str, Any] | Unset | None = UNSET,
        credentials: dict[str, Any] | Unset | None = UNSET,
        refresh_minutes: int | Unset | None = UNSET,
        allow_private_addresses: bool | Unset | None = UNSET,
        most_removed_percent: int | Unset | None = UNSET,
        enabled: bool | Unset | None = UNSET,
    ) -> models.Connector:
        """Change a connector. New settings begin with a whole listing; `enabled` false stops it, and documents
        stay.
        """
        return await self.call(
            request(
                "PATCH",
                "/connectors/{connector_id}",
                path={"connector_id": connector_id},
                body={
                    "name": name,
                    "settings": settings,
                    "credentials": credentials,
                    "refresh_minutes": refresh_minutes,
                    "allow_private_addresses": allow_private_addresses,
                    "most_removed_percent": most_removed_percent,
                    "enabled": enabled,
                },
            ),
            models.Connector,
        )

    async def begin_consent(self, connector_id: UUID | str, *, redirect_uri: str) -> models.ConsentPage:
        """Get the address at which the caller lets the connector read what the caller may read at Google or
        Microsoft.
        """
        return await self.call(
            request(
                "POST",
                "/connectors/{connector_id}/authorization",
                path={"connector_id": connector_id},
                body={"redirect_uri": redirect_uri},
            ),
            models.ConsentPage,
        )

    async def finish_consent(
        self, connector_id: UUID | str, *, code: str, state: str, redirect_uri: str
    ) -> models.Connector:
        """Give the connector what the provider sent back after the consent. The caller becomes the connector's
        owner.
        """
        return await self.call(
            request(
                "POST",
                "/connectors/{connector_id}/authorization/code",
                path={"connector_id": connector_id},
                body={"code": code, "state": state, "redirect_uri": redirect_uri},
            ),
            models.Connector,
        )

    async def list_connector_items(
        self,
        connector_id: UUID | str,
        *,
        limit: int | Unset = UNSET,
        cursor: str | Unset = UNSET,
        failed: bool | Unset = UNSET,
    ) -> models.ConnectorItemPage:
        """What the source has, by its ids there: each item's document, and why an item could not be read."""
        return await self.call(
            request(
                "GET",
                "/connectors/{connector_id}/items",
                path={"connector_id": connector_id},
                query={"limit": limit, "cursor": cursor, "failed": failed},
            ),
            models.ConnectorItemPage,
        )

    async def list_sync_runs(
        self, connector_id: UUID | str, *, limit: int | Unset = UNSET, cursor: str | Unset = UNSET
    ) -> models.SyncRunPage:
        """The runs of a connector, newest first."""
        return await self.call(
            request(
                "GET",
                "/connectors/{connector_id}/runs",
                path={"connector_id": connector_id},
                query={"limit": limit, "cursor": cursor},
            ),
            models.SyncRunPage,
        )

    async def get_sync_run(self, connector_id: UUID | str, run_id: UUID | str) -> models.SyncRun:
        """One run of a connector, with what it did so far."""
        return await self.call(
            request(
                "GET", "/connectors/{connector_id}/runs/{run_id}", path={"connector_id": connector_id, "run_id": run_id}
            ),
            models.SyncRun,
        )

    async def sync_connector(self, connector_id: UUID | str, *, allow_removals: bool | Unset = UNSET) -> models.SyncRun:
        """Run a connector now; while a run is open, this returns it."""
        return await self.call(
            request(
                "POST",
                "/connectors/{connector_id}/sync",
                path={"connector_id": connector_id},
                query={"allow_removals": allow_removals},
            ),
            models.SyncRun,
        )

    async def take_over_connector(self, connector_id: UUID | str) -> models.Connector:
        """Become the owner of a connector: from now on it has the caller's rights. Its credentials are
        forgotten.
        """
        return await self.call(
            request("POST", "/connectors/{connector_id}/take-over", path={"connector_id": connector_id}),
            models.Connector,
        )

    async def get_console(self) -> str:
        """The console, the page for people: ask, add documents, search, administer. 304 when `If-None-Match`
        fits.
        """
        return await self.call_text(request("GET", "/console"))

    async def get_console_file(self, asset_name: str) -> str:
        """A script, a style or an icon of the console. 304 when `If-None-Match` has its `ETag`."""
        return await self.call_text(request("GET", "/console/{asset_name}", path={"asset_name": asset_name}))

    async def list_conversations(
        self,
        *,
        limit: int | Unset = UNSET,
        cursor: str | Unset = UNSET,
        q: str | Unset = UNSET,
        archived: bool | Unset = UNSET,
        deleted: bool | Unset = UNSET,
        tag: UUID | str | Unset = UNSET,
        assistant_id: UUID | str | Unset = UNSET,
        metadata: str | Unset = UNSET,
        active_after: datetime | Unset = UNSET,
        active_before: datetime | Unset = UNSET,
        created_after: datetime | Unset = UNSET,
        created_before: datetime | Unset = UNSET,
    ) -> models.ConversationPage:
        """List the caller's conversations, the last active first; with `q`, those with a similar title, best
        first.
        """
        return await self.call(
            request(
                "GET",
                "/conversations",
                query={
                    "limit": limit,
                    "cursor": cursor,
                    "q": q,
                    "archived": archived,
                    "deleted": deleted,
                    "tag": tag,
                    "assistant_id": assistant_id,
                    "metadata": metadata,
                    "active_after": active_after,
                    "active_before": active_before,
                    "created_after": created_after,
                    "created_before": created_before,
                },
            ),
            models.ConversationPage,
        )

    async def create_conversation(
        self,
        *,
        title: str | Unset | None = UNSET,
        assistant_id: UUID | str | Unset | None = UNSET,
        settings: models.ConversationSettings | Unset | None = UNSET,
        filters: models.SearchFilters | Unset | None = UNSET,
        metadata: dict[str, str | bool | int | float | None] | Unset | None = UNSET,
    ) -> models.Conversation:
        """Create a conversation."""
        return await self.call(
            request(
                "POST",
                "/conversations",
                body={
                    "title": title,
                    "assistant_id": assistant_id,
                    "settings": settings,
                    "filters": filters,
                    "metadata": metadata,
                },
            ),
            models.Conversation,
        )

    async def delete_conversation(self, conversation_id: UUID | str) -> None:
        """Delete a conversation and cancel its jobs. It can be restored for 30 days."""
        await self.call_text(
            request("DELETE", "/conversations/{conversation_id}", path={"conversation_id": conversation_id})
        )

    async def get_conversation(self, conversation_id: UUID | str) -> models.Conversation:
        """Get a conversation."""
        return await self.call(
            request("GET", "/conversations/{conversation_id}", path={"conversation_id": conversation_id}),
            models.Conversation,
        )

    async def update_conversation(
        self,
        conversation_id: UUID | str,
        *,
        title: str | Unset | None = UNSET,
        assistant_id: UUID | str | Unset | None = UNSET,
        settings: models.ConversationSettings | Unset | None = UNSET,
        filters: models.SearchFilters | Unset | None = UNSET,
        metadata: dict[str, str | bool | int | float | None] | Unset | None = UNSET,
        is_archived: bool | Unset | None = UNSET,
    ) -> models.Conversation:
        """Change a conversation's title, assistant or settings, or archive it."""
        return await self.call(
            request(
                "PATCH",
                "/conversations/{conversation_id}",
                path={"conversation_id": conversation_id},
                body={
                    "title": title,
                    "assistant_id": assistant_id,
                    "settings": settings,
                    "filters": filters,
                    "metadata": metadata,
                    "is_archived": is_archived,
                },
            ),
            models.Conversation,
        )

    async def list_comparisons(
        self, conversation_id: UUID | str, *, limit: int | Unset = UNSET, cursor: str | Unset = UNSET
    ) -> models.PairwiseComparisonPage:
        """List the comparisons of a conversation, newest first."""
        return await self.call(
            request(
                "GET",
                "/conversations/{conversation_id}/comparisons",
                path={"conversation_id": conversation_id},
                query={"limit": limit, "cursor": cursor},
            ),
            models.PairwiseComparisonPage,
        )

    async def create_comparison(
        self,
        conversation_id: UUID | str,
        *,
        content: str,
        parent_message_id: UUID | str | Unset | None = UNSET,
        filters: models.SearchFilters | Unset | None = UNSET,
        metadata: dict[str, str | bool | int | float | None] | Unset | None = UNSET,
    ) -> models.PairwiseComparison:
        """Ask a question that two variants answer, in random order. The events of both jobs stream the
        answers.
        """
        return await self.call(
            request(
                "POST",
                "/conversations/{conversation_id}/comparisons",
                path={"conversation_id": conversation_id},
                body={
                    "content": content,
                    "parent_message_id": parent_message_id,
                    "filters": filters,
                    "metadata": metadata,
                },
            ),
            models.PairwiseComparison,
        )

    async def export_conversation(
        self, conversation_id: UUID | str, *, format: Literal["markdown", "html", "docx"] | Unset = UNSET
    ) -> models.ExportedConversation:
        """A conversation as a file with its sources: the newest thread branch, its newest 1,000 messages at
        most. A file that leaves messages out says how many.
        """
        return await self.call(
            request(
                "GET",
                "/conversations/{conversation_id}/export",
                path={"conversation_id": conversation_id},
                query={"format": format},
            ),
            models.ExportedConversation,
        )

    async def list_messages(
        self, conversation_id: UUID | str, *, limit: int | Unset = UNSET, cursor: str | Unset = UNSET
    ) -> models.MessagePage:
        """List the messages of a conversation, oldest first."""
        return await self.call(
            request(
                "GET",
                "/conversations/{conversation_id}/messages",
                path={"conversation_id": conversation_id},
                query={"limit": limit, "cursor": cursor},
            ),
            models.MessagePage,
        )

    async def create_message(
        self,
        conversation_id: UUID | str,
        *,
        content: str,
        parent_message_id: UUID | str | Unset | None = UNSET,
        filters: models.SearchFilters | Unset | None = UNSET,
        metadata: dict[str, str | bool | int | float | None] | Unset | None = UNSET,
        pipeline: str | Unset | None = UNSET,
        model: str | Unset | None = UNSET,
    ) -> models.QueuedMessage:
        """Ask a question. The response comes as soon as the question is stored; the job's events stream the
        answer.
        """
        return await self.call(
            request(
                "POST",
                "/conversations/{conversation_id}/messages",
                path={"conversation_id": conversation_id},
                body={
                    "content": content,
                    "parent_message_id": parent_message_id,
                    "filters": filters,
                    "metadata": metadata,
                    "pipeline": pipeline,
                    "model": model,
                },
            ),
            models.QueuedMessage,
        )

    async def replay_conversation(self, conversation_id: UUID | str) -> models.Replay:
        """Get a conversation's messages with the pauses between them."""
        return await self.call(
            request("GET", "/conversations/{conversation_id}/replay", path={"conversation_id": conversation_id}),
            models.Replay,
        )

    async def restore_conversation(self, conversation_id: UUID | str) -> models.Conversation:
        """Restore a conversation that was deleted in the last 30 days."""
        return await self.call(
            request("POST", "/conversations/{conversation_id}/restore", path={"conversation_id": conversation_id}),
            models.Conversation,
        )

    async def set_conversation_selections(
        self, conversation_id: UUID | str, *, mode: Literal["only", "all_but"], documents: list[UUID | str]
    ) -> models.SelectionCounts:
        """Set which documents one conversation uses: only these, or all but these. It takes precedence."""
        return await self.call(
            request(
                "PUT",
                "/conversations/{conversation_id}/selection",
                path={"conversation_id": conversation_id},
                body={"mode": mode, "documents": documents},
            ),
            models.SelectionCounts,
        )

    async def delete_conversation_selection(self, conversation_id: UUID | str, document_id: UUID | str) -> None:
        """Remove a conversation's choice: the caller's general choice about the document applies again."""
        await self.call_text(
            request(
                "DELETE",
                "/conversations/{conversation_id}/selection/{document_id}",
                path={"conversation_id": conversation_id, "document_id": document_id},
            )
        )

    async def set_conversation_selection(
        self, conversation_id: UUID | str, document_id: UUID | str, *, enabled: bool
    ) -> models.SelectedDocument:
        """Set whether one conversation uses a document. It takes precedence over the caller's general choice."""
        return await self.call(
            request(
                "PUT",
                "/conversations/{conversation_id}/selection/{document_id}",
                path={"conversation_id": conversation_id, "document_id": document_id},
                body={"enabled": enabled},
            ),
            models.SelectedDocument,
        )

    async def list_data_processors(self) -> models.DataProcessorPage:
        """Where documents and questions go: every server outside that receives them, on one page, for every
        user.
        """
        return await self.call(request("GET", "/data-processors"), models.DataProcessorPage)

    async def list_dead_letters(
        self, *, limit: int | Unset = UNSET, cursor: str | Unset = UNSET
    ) -> models.DeadLetterPage:
        """Messages of dead-letter queues that were sent once more, newest first."""
        return await self.call(
            request("GET", "/dead-letters", query={"limit": limit, "cursor": cursor}), models.DeadLetterPage
        )

    async def get_docs(self) -> str:
        """This API as a page: searchable, and every route can be tried. 304 when `If-None-Match` has its
        `ETag`.
        """
        return await self.call_text(request("GET", "/docs"))

    async def get_docs_file(self, file_name: str) -> str:
        """A script or a style of the page. 304 when `If-None-Match` has its `ETag`."""
        return await self.call_text(request("GET", "/docs/{file_name}", path={"file_name": file_name}))

    async def list_documents(
        self,
        *,
        limit: int | Unset = UNSET,
        cursor: str | Unset = UNSET,
        q: str | Unset = UNSET,
        status: Literal["pending", "processing", "completed", "failed"] | Unset = UNSET,
        has_warnings: bool | Unset = UNSET,
        source_type: Literal[
            "upload",
            "inline",
            "attachment",
            "archive",
            "web",
            "git",
            "ticket",
            "file",
            "google_drive",
            "onedrive",
            "teams",
            "imap",
            "confluence",
        ]
        | Unset = UNSET,
        archived: bool | Unset = UNSET,
        deleted: bool | Unset = UNSET,
        created_after: datetime | Unset = UNSET,
        created_before: datetime | Unset = UNSET,
        modified_after: datetime | Unset = UNSET,
        modified_before: datetime | Unset = UNSET,
        metadata: str | Unset = UNSET,
        source_id: str | Unset = UNSET,
        external_id: str | Unset = UNSET,
        tag: UUID | str | Unset = UNSET,
        repository: UUID | str | Unset = UNSET,
        batch: UUID | str | Unset = UNSET,
        parent_id: UUID | str | Unset = UNSET,
    ) -> models.DocumentPage:
        """The documents that the caller can read, newest first; with `q`, similar titles or filenames, best
        first.
        """
        return await self.call(
            request(
                "GET",
                "/documents",
                query={
                    "limit": limit,
                    "cursor": cursor,
                    "q": q,
                    "status": status,
                    "has_warnings": has_warnings,
                    "source_type": source_type,
                    "archived": archived,
                    "deleted": deleted,
                    "created_after": created_after,
                    "created_before": created_before,
                    "modified_after": modified_after,
                    "modified_before": modified_before,
                    "metadata": metadata,
                    "source_id": source_id,
                    "external_id": external_id,
                    "tag": tag,
                    "repository": repository,
                    "batch": batch,
                    "parent_id": parent_id,
                },
            ),
            models.DocumentPage,
        )

    async def create_document(
        self,
        *,
        source_id: str | Unset | None = UNSET,
        original_url: str | Unset | None = UNSET,
        file_modified_at: AwareDatetime | Unset | None = UNSET,
        extra_text: str | Unset | None = UNSET,
        content: str | Unset | None = UNSET,
        filename: str | Unset | None = UNSET,
        content_type: str | Unset | None = UNSET,
        title: str | Unset | None = UNSET,
        scope: Literal["user", "group", "org"] | Unset | None = UNSET,
        group_id: UUID | str | Unset | None = UNSET,
        batch: UUID | str | Unset | None = UNSET,
        metadata: dict[str, str | bool | int | float | None] | Unset | None = UNSET,
        tags: list[UUID | str] | Unset | None = UNSET,
        size_bytes: int | Unset | None = UNSET,
    ) -> models.Document:
        """Add a document: post its text (202), or announce a file and upload it to the URL in `upload` (201).
        The document is searchable when its `status` is `completed`. Text that the caller has
        already posted returns that document (200).
        """
        return await self.call(
            request(
                "POST",
                "/documents",
                body={
                    "source_id": source_id,
                    "original_url": original_url,
                    "file_modified_at": file_modified_at,
                    "extra_text": extra_text,
                    "content": content,
                    "filename": filename,
                    "content_type": content_type,
                    "title": title,
                    "scope": scope,
                    "group_id": group_id,
                    "batch": batch,
                    "metadata": metadata,
                    "tags": tags,
                    "size_bytes": size_bytes,
                },
            ),
            models.Document,
        )

    async def get_document_batch(self, batch_id: UUID | str) -> models.Batch:
        """The progress of the documents of one upload."""
        return await self.call(
            request("GET", "/documents/batches/{batch_id}", path={"batch_id": batch_id}), models.Batch
        )

    async def change_documents(
        self,
        *,
        action: Literal[
            "delete", "restore", "archive", "unarchive", "tag", "untag", "move", "share", "reindex", "download"
        ],
        documents: list[UUID | str] | Unset | None = UNSET,
        where: models.DocumentQuery | Unset | None = UNSET,
        after: UUID | str | Unset | None = UNSET,
        scope: Literal["user", "group", "org"] | Unset | None = UNSET,
        group_id: UUID | str | Unset | None = UNSET,
        tag: UUID | str | Unset | None = UNSET,
    ) -> models.BulkResult:
        """Do one action with many documents. Those that it cannot be done with are named, and stay as they
        are.
        """
        return await self.call(
            request(
                "POST",
                "/documents/bulk",
                body={
                    "action": action,
                    "documents": documents,
                    "where": where,
                    "after": after,
                    "scope": scope,
                    "group_id": group_id,
                    "tag": tag,
                },
            ),
            models.BulkResult,
        )

    async def reindex_documents(self) -> models.ReindexResult:
        """Ingest all completed documents of the caller again. The present chunks stay searchable until that is
        done.
        """
        return await self.call(request("POST", "/documents/reindex"), models.ReindexResult)

    async def delete_document(self, document_id: UUID | str) -> None:
        """Delete a document: searches stop finding it at once. It can be restored for 30 days."""
        await self.call_text(request("DELETE", "/documents/{document_id}", path={"document_id": document_id}))

    async def get_document(self, document_id: UUID | str) -> models.Document:
        """One document, with the progress of its ingestion."""
        return await self.call(
            request("GET", "/documents/{document_id}", path={"document_id": document_id}), models.Document
        )

    async def update_document(
        self,
        document_id: UUID | str,
        *,
        source_id: str | Unset | None = UNSET,
        original_url: str | Unset | None = UNSET,
        file_modified_at: AwareDatetime | Unset | None = UNSET,
        extra_text: str | Unset | None = UNSET,
        title: str | Unset | None = UNSET,
        is_archived: bool | Unset | None = UNSET,
        scope: Literal["user", "group", "org"] | Unset | None = UNSET,
        group_id: UUID | str | Unset | None = UNSET,
        metadata: dict[str, str | bool | int | float | None] | Unset | None = UNSET,
        tags: list[UUID | str] | Unset | None = UNSET,
    ) -> models.Document:
        """Change a document's title or what is said about it, move it, or archive it so that no search finds
        it.
        """
        return await self.call(
            request(
                "PATCH",
                "/documents/{document_id}",
                path={"document_id": document_id},
                body={
                    "source_id": source_id,
                    "original_url": original_url,
                    "file_modified_at": file_modified_at,
                    "extra_text": extra_text,
                    "title": title,
                    "is_archived": is_archived,
                    "scope": scope,
                    "group_id": group_id,
                    "metadata": metadata,
                    "tags": tags,
                },
            ),
            models.Document,
        )

    async def list_document_chunks(
        self, document_id: UUID | str, *, limit: int | Unset = UNSET, cursor: str | Unset = UNSET
    ) -> models.ChunkPage:
        """The chunks of a document, in order."""
        return await self.call(
            request(
                "GET",
                "/documents/{document_id}/chunks",
                path={"document_id": document_id},
                query={"limit": limit, "cursor": cursor},
            ),
            models.ChunkPage,
        )

    async def get_document_content(
        self, document_id: UUID | str, *, ticket: str | Unset = UNSET
    ) -> models.DocumentText:
        """The extracted text. 404 before the text is extracted. One of more than 6 MB is refused: its chunks
        have its parts.
        """
        return await self.call(
            request(
                "GET", "/documents/{document_id}/content", path={"document_id": document_id}, query={"ticket": ticket}
            ),
            models.DocumentText,
        )

    async def replace_document_content(
        self,
        document_id: UUID | str,
        *,
        content: str | Unset | None = UNSET,
        filename: str | Unset | None = UNSET,
        content_type: str | Unset | None = UNSET,
        size_bytes: int | Unset | None = UNSET,
    ) -> models.Document:
        """Replace a document's bytes. Searches use the old text until the new text is ingested, and never
        afterwards.
        """
        return await self.call(
            request(
                "PUT",
                "/documents/{document_id}/content",
                path={"document_id": document_id},
                body={"content": content, "filename": filename, "content_type": content_type, "size_bytes": size_bytes},
            ),
            models.Document,
        )

    async def get_document_original(self, document_id: UUID | str, *, page: int | Unset = UNSET) -> models.Original:
        """Get a link to the original file, good for five minutes. 404 before the file arrived."""
        return await self.call(
            request(
                "GET", "/documents/{document_id}/original", path={"document_id": document_id}, query={"page": page}
            ),
            models.Original,
        )

    async def get_document_parts(self, document_id: UUID | str) -> models.PartsProgress:
        """Which parts have arrived of a file that the caller has announced: an interrupted upload sends the
        others. When the parts are joined already, all of them have arrived.
        """
        return await self.call(
            request("GET", "/documents/{document_id}/parts", path={"document_id": document_id}), models.PartsProgress
        )

    async def create_document_parts(self, document_id: UUID | str, *, numbers: list[int]) -> models.PartAddresses:
        """Get the addresses of parts of a file that the caller has announced. They can be sent in any order,
        and again.
        """
        return await self.call(
            request(
                "POST", "/documents/{document_id}/parts", path={"document_id": document_id}, body={"numbers": numbers}
            ),
            models.PartAddresses,
        )

    async def complete_document_parts(self, document_id: UUID | str) -> models.Document:
        """Join the parts of a file after the last one has arrived. The document is then ingested. A client
        that lost the response asks again: when the parts are joined already, nothing happens.
        """
        return await self.call(
            request("POST", "/documents/{document_id}/parts/complete", path={"document_id": document_id}),
            models.Document,
        )

    async def reindex_document(self, document_id: UUID | str) -> models.Document:
        """Extract, chunk and embed a document again. The present chunks stay searchable until that is done."""
        return await self.call(
            request("POST", "/documents/{document_id}/reindex", path={"document_id": document_id}), models.Document
        )

    async def restore_document(self, document_id: UUID | str) -> models.Document:
        """Undo a deletion within 30 days. If the same bytes were added again meanwhile, that document answers
        for both.
        """
        return await self.call(
            request("POST", "/documents/{document_id}/restore", path={"document_id": document_id}), models.Document
        )

    async def create_document_ticket(self, document_id: UUID | str) -> models.Ticket:
        """Get a ticket with which a link downloads a document's text: for this document alone, for one minute."""
        return await self.call(
            request("POST", "/documents/{document_id}/tickets", path={"document_id": document_id}), models.Ticket
        )

    async def list_document_versions(
        self, document_id: UUID | str, *, limit: int | Unset = UNSET, cursor: str | Unset = UNSET
    ) -> models.DocumentVersionPage:
        """When which bytes of a document became searchable, and who sent them; newest first, at most the last
        100. No route returns the bytes of former versions. A document that moves to another space
        keeps its present version only.
        """
        return await self.call(
            request(
                "GET",
                "/documents/{document_id}/versions",
                path={"document_id": document_id},
                query={"limit": limit, "cursor": cursor},
            ),
            models.DocumentVersionPage,
        )

    async def list_embedding_models(self) -> models.EmbeddingModelPage:
        """Every registered model, oldest first, on one page."""
        return await self.call(request("GET", "/embedding-models"), models.EmbeddingModelPage)

    async def create_embedding_model(
        self,
        *,
        name: str,
        model: str,
        provider: Literal["builtin", "openai"] | Unset | None = UNSET,
        dimension: int | Unset | None = UNSET,
        query_prefix: str | Unset | None = UNSET,
        document_prefix: str | Unset | None = UNSET,
        base_url: str | Unset | None = UNSET,
        api_key: str | Unset | None = UNSET,
    ) -> models.EmbeddingModel:
        """Register a model. It must embed a sentence first: 422 `embedding_model_refused`, 502
        `embedding_failed`.
        """
        return await self.call(
            request(
                "POST",
                "/embedding-models",
                body={
                    "name": name,
                    "model": model,
                    "provider": provider,
                    "dimension": dimension,
                    "query_prefix": query_prefix,
                    "document_prefix": document_prefix,
                    "base_url": base_url,
                    "api_key": api_key,
                },
            ),
            models.EmbeddingModel,
        )

    async def delete_embedding_model(self, embedding_model_id: int) -> None:
        """Delete a model and its vectors. 409 `model_active` or `model_preparing`."""
        await self.call_text(
            request("DELETE", "/embedding-models/{embedding_model_id}", path={"embedding_model_id": embedding_model_id})
        )

    async def get_embedding_model(self, embedding_model_id: int) -> models.EmbeddingModel:
        """One model, with the progress of its preparation."""
        return await self.call(
            request("GET", "/embedding-models/{embedding_model_id}", path={"embedding_model_id": embedding_model_id}),
            models.EmbeddingModel,
        )

    async def update_embedding_model(
        self,
        embedding_model_id: int,
        *,
        name: str | Unset | None = UNSET,
        base_url: str | Unset | None = UNSET,
        api_key: str | Unset | None = UNSET,
        sends_private_documents: bool | Unset | None = UNSET,
    ) -> models.EmbeddingModel:
        """Rename a model, or change its address or key. 422 `embedding_model_refused` if its vectors would
        change.
        """
        return await self.call(
            request(
                "PATCH",
                "/embedding-models/{embedding_model_id}",
                path={"embedding_model_id": embedding_model_id},
                body={
                    "name": name,
                    "base_url": base_url,
                    "api_key": api_key,
                    "sends_private_documents": sends_private_documents,
                },
            ),
            models.EmbeddingModel,
        )

    async def activate_embedding_model(
        self, embedding_model_id: int, *, sends_private_documents: bool | Unset = UNSET
    ) -> models.EmbeddingModel:
        """Embed every chunk with a model in the background. Then searches use the model, all from the same
        instant. Until then, searches use the present model. A second call for the same model tries
        failed documents again. A model on a server receives the chunks of all documents, private
        ones included: `sends_private_documents=true` confirms it, or the answer is 409
        `confirmation_required`. Every user sees the server in `GET /data-processors`. 409
        `model_active`, or `model_preparing` while another model is in preparation.
        """
        return await self.call(
            request(
                "POST",
                "/embedding-models/{embedding_model_id}/activate",
                path={"embedding_model_id": embedding_model_id},
                query={"sends_private_documents": sends_private_documents},
            ),
            models.EmbeddingModel,
        )

    async def cancel_embedding_model(self, embedding_model_id: int) -> models.EmbeddingModel:
        """Stop the preparation of a model. Its vectors stay for a week, so that a new activation continues
        from there.
        """
        return await self.call(
            request(
                "POST", "/embedding-models/{embedding_model_id}/cancel", path={"embedding_model_id": embedding_model_id}
            ),
            models.EmbeddingModel,
        )

    async def list_eval_runs(
        self, *, limit: int | Unset = UNSET, cursor: str | Unset = UNSET, set_id: UUID | str | Unset = UNSET
    ) -> models.EvalRunPage:
        """List the caller's runs, newest first, without their measures."""
        return await self.call(
            request("GET", "/evals/runs", query={"limit": limit, "cursor": cursor, "set_id": set_id}),
            models.EvalRunPage,
        )

    async def create_eval_run(
        self,
        *,
        set_id: UUID | str,
        name: str | Unset | None = UNSET,
        settings: models.ConversationSettings | Unset | None = UNSET,
        assistant_id: UUID | str | Unset | None = UNSET,
        filters: models.SearchFilters | Unset | None = UNSET,
        variant_id: UUID | str | Unset | None = UNSET,
        budget_usd: float | Unset | None = UNSET,
    ) -> models.EvalRun:
        """Start a run of a set: its questions are answered by the service itself, after all others that wait."""
        return await self.call(
            request(
                "POST",
                "/evals/runs",
                body={
                    "set_id": set_id,
                    "name": name,
                    "settings": settings,
                    "assistant_id": assistant_id,
                    "filters": filters,
                    "variant_id": variant_id,
                    "budget_usd": budget_usd,
                },
            ),
            models.EvalRun,
        )

    async def delete_eval_run(self, eval_run_id: UUID | str) -> None:
        """Delete a run with its results."""
        await self.call_text(request("DELETE", "/evals/runs/{eval_run_id}", path={"eval_run_id": eval_run_id}))

    async def get_eval_run(self, eval_run_id: UUID | str) -> models.EvalRun:
        """Get a run, how far it is, and its measures with their intervals."""
        return await self.call(
            request("GET", "/evals/runs/{eval_run_id}", path={"eval_run_id": eval_run_id}), models.EvalRun
        )

    async def advance_eval_run(self, eval_run_id: UUID | str) -> models.EvalRun:
        """Measure what is answered, and ask the next questions, without waiting for the next minute."""
        return await self.call(
            request("POST", "/evals/runs/{eval_run_id}/advance", path={"eval_run_id": eval_run_id}), models.EvalRun
        )

    async def cancel_eval_run(self, eval_run_id: UUID | str) -> models.EvalRun:
        """Ask no further question of a run."""
        return await self.call(
            request("POST", "/evals/runs/{eval_run_id}/cancel", path={"eval_run_id": eval_run_id}), models.EvalRun
        )

    async def compare_eval_runs(self, eval_run_id: UUID | str, other_run_id: UUID | str) -> models.EvalComparison:
        """Compare a run with another one, over the questions of both."""
        return await self.call(
            request(
                "GET",
                "/evals/runs/{eval_run_id}/comparisons/{other_run_id}",
                path={"eval_run_id": eval_run_id, "other_run_id": other_run_id},
            ),
            models.EvalComparison,
        )

    async def list_eval_results(
        self, eval_run_id: UUID | str, *, limit: int | Unset = UNSET, cursor: str | Unset = UNSET
    ) -> models.EvalResultPage:
        """List what a run gave for each question."""
        return await self.call(
            request(
                "GET",
                "/evals/runs/{eval_run_id}/results",
                path={"eval_run_id": eval_run_id},
                query={"limit": limit, "cursor": cursor},
            ),
            models.EvalResultPage,
        )

    async def list_eval_schedules(
        self, *, limit: int | Unset = UNSET, cursor: str | Unset = UNSET
    ) -> models.EvalSchedulePage:
        """List the caller's schedules, newest first."""
        return await self.call(
            request("GET", "/evals/schedules", query={"limit": limit, "cursor": cursor}), models.EvalSchedulePage
        )

    async def create_eval_schedule(
        self,
        *,
        set_id: UUID | str,
        schedule: str,
        name: str | Unset | None = UNSET,
        settings: models.ConversationSettings | Unset | None = UNSET,
        assistant_id: UUID | str | Unset | None = UNSET,
        filters: models.SearchFilters | Unset | None = UNSET,
        variant_id: UUID | str | Unset | None = UNSET,
        budget_usd: float | Unset | None = UNSET,
    ) -> models.EvalSchedule:
        """Run a set again and again, at the times of a cron expression."""
        return await self.call(
            request(
                "POST",
                "/evals/schedules",
                body={
                    "set_id": set_id,
                    "schedule": schedule,
                    "name": name,
                    "settings": settings,
                    "assistant_id": assistant_id,
                    "filters": filters,
                    "variant_id": variant_id,
                    "budget_usd": budget_usd,
                },
            ),
            models.EvalSchedule,
        )

    async def delete_eval_schedule(self, eval_schedule_id: UUID | str) -> None:
        """Delete a schedule. Its runs stay."""
        await self.call_text(
            request("DELETE", "/evals/schedules/{eval_schedule_id}", path={"eval_schedule_id": eval_schedule_id})
        )

    async def get_eval_schedule(self, eval_schedule_id: UUID | str) -> models.EvalSchedule:
        """Get a schedule, with its next time and its last run."""
        return await self.call(
            request("GET", "/evals/schedules/{eval_schedule_id}", path={"eval_schedule_id": eval_schedule_id}),
            models.EvalSchedule,
        )

    async def list_eval_sets(self, *, limit: int | Unset = UNSET, cursor: str | Unset = UNSET) -> models.EvalSetPage:
        """List the caller's sets of questions, newest first."""
        return await self.call(
            request("GET", "/evals/sets", query={"limit": limit, "cursor": cursor}), models.EvalSetPage
        )

    async def create_eval_set(
        self,
        *,
        name: str,
        description: str | Unset | None = UNSET,
        questions: list[models.NewEvalQuestion] | Unset | None = UNSET,
    ) -> models.EvalSet:
        """Create a set of questions for evaluations."""
        return await self.call(
            request("POST", "/evals/sets", body={"name": name, "description": description, "questions": questions}),
            models.EvalSet,
        )

    async def delete_eval_set(self, eval_set_id: UUID | str) -> None:
        """Delete a set of questions with its runs."""
        await self.call_text(request("DELETE", "/evals/sets/{eval_set_id}", path={"eval_set_id": eval_set_id}))

    async def get_eval_set(self, eval_set_id: UUID | str) -> models.EvalSet:
        """Get a set of questions."""
        return await self.call(
            request("GET", "/evals/sets/{eval_set_id}", path={"eval_set_id": eval_set_id}), models.EvalSet
        )

    async def collect_eval_questions(
        self, eval_set_id: UUID | str, *, origin: Literal["mistakes", "likes"]
    ) -> models.EvalImportResult:
        """Add the questions of the caller's own answers that are marked as mistakes, or that were liked."""
        return await self.call(
            request(
                "POST", "/evals/sets/{eval_set_id}/collect", path={"eval_set_id": eval_set_id}, body={"origin": origin}
            ),
            models.EvalImportResult,
        )

    async def import_eval_questions(
        self,
        eval_set_id: UUID | str,
        *,
        format: Literal["jsonl", "beir"],
        content: str | Unset | None = UNSET,
        queries: str | Unset | None = UNSET,
        qrels: str | Unset | None = UNSET,
    ) -> models.EvalImportResult:
        """Add questions to a set, from JSON Lines or from a BEIR collection."""
        return await self.call(
            request(
                "POST",
                "/evals/sets/{eval_set_id}/import",
                path={"eval_set_id": eval_set_id},
                body={"format": format, "content": content, "queries": queries, "qrels": qrels},
            ),
            models.EvalImportResult,
        )

    async def list_eval_questions(
        self, eval_set_id: UUID | str, *, limit: int | Unset = UNSET, cursor: str | Unset = UNSET
    ) -> models.EvalQuestionPage:
        """List the questions of a set, in their order."""
        return await self.call(
            request(
                "GET",
                "/evals/sets/{eval_set_id}/questions",
                path={"eval_set_id": eval_set_id},
                query={"limit": limit, "cursor": cursor},
            ),
            models.EvalQuestionPage,
        )

    async def list_groups(self, *, limit: int | Unset = UNSET, cursor: str | Unset = UNSET) -> models.GroupPage:
        """The groups of which the caller is a member; for an administrator, all. Newest first."""
        return await self.call(request("GET", "/groups", query={"limit": limit, "cursor": cursor}), models.GroupPage)

    async def create_group(self, *, name: str) -> models.Group:
        """Create a group, without members. 409 `conflict` for a name in use."""
        return await self.call(request("POST", "/groups", body={"name": name}), models.Group)

    async def delete_group(self, group_id: UUID | str) -> None:
        """Delete a group that has no documents. 403 without the role `admin`, 409 `not_empty`."""
        await self.call_text(request("DELETE", "/groups/{group_id}", path={"group_id": group_id}))

    async def get_group(self, group_id: UUID | str) -> models.Group:
        """One group."""
        return await self.call(request("GET", "/groups/{group_id}", path={"group_id": group_id}), models.Group)

    async def update_group(self, group_id: UUID | str, *, name: str) -> models.Group:
        """Rename a group. For administrators of the service, because claims of a login provider name groups."""
        return await self.call(
            request("PATCH", "/groups/{group_id}", path={"group_id": group_id}, body={"name": name}), models.Group
        )

    async def delete_group_budget(self, group_id: UUID | str) -> None:
        """Delete a group's budget."""
        await self.call_text(request("DELETE", "/groups/{group_id}/budget", path={"group_id": group_id}))

    async def get_group_budget(self, group_id: UUID | str) -> models.Budget:
        """What each member of a group may spend in a month, for its members. 404 for a group without a budget."""
        return await self.call(request("GET", "/groups/{group_id}/budget", path={"group_id": group_id}), models.Budget)

    async def set_group_budget(
        self,
        group_id: UUID | str,
        *,
        monthly_cost_usd: float | Unset | None = UNSET,
        monthly_tokens: int | Unset | None = UNSET,
    ) -> models.Budget:
        """Set what each member of a group may spend in a month."""
        return await self.call(
            request(
                "PUT",
                "/groups/{group_id}/budget",
                path={"group_id": group_id},
                body={"monthly_cost_usd": monthly_cost_usd, "monthly_tokens": monthly_tokens},
            ),
            models.Budget,
        )

    async def list_group_members(
        self, group_id: UUID | str, *, limit: int | Unset = UNSET, cursor: str | Unset = UNSET
    ) -> models.GroupMemberPage:
        """The members of a group."""
        return await self.call(
            request(
                "GET",
                "/groups/{group_id}/members",
                path={"group_id": group_id},
                query={"limit": limit, "cursor": cursor},
            ),
            models.GroupMemberPage,
        )

    async def remove_group_member(self, group_id: UUID | str, user_id: UUID | str) -> None:
        """End a membership. Every member can end their own; 403 for another member's without the role `admin`."""
        await self.call_text(
            request("DELETE", "/groups/{group_id}/members/{user_id}", path={"group_id": group_id, "user_id": user_id})
        )

    async def set_group_member(
        self,
        group_id: UUID | str,
        user_id: UUID | str,
        *,
        role: Literal["member", "editor", "admin"] | Unset | None = UNSET,
    ) -> None:
        """Add a member, or change a member's role. 403 without the role `admin`."""
        await self.call_text(
            request(
                "PUT",
                "/groups/{group_id}/members/{user_id}",
                path={"group_id": group_id, "user_id": user_id},
                body={"role": role},
            )
        )

    async def find_person(
        self, group_id: UUID | str, *, email: str | Unset | None = UNSET, username: str | Unset | None = UNSET
    ) -> models.PersonMatch:
        """Find a person to add to a group, by the whole verified e-mail address or username. 403 without the
        role `admin`, 404 for nobody.
        """
        return await self.call(
            request(
                "POST",
                "/groups/{group_id}/people",
                path={"group_id": group_id},
                body={"email": email, "username": username},
            ),
            models.PersonMatch,
        )

    async def set_group_storage_limit(self, group_id: UUID | str, *, megabytes: int | Unset | None = UNSET) -> None:
        """Set what one group's space may hold, in place of the settings' limit."""
        await self.call_text(
            request(
                "PUT", "/groups/{group_id}/storage-limit", path={"group_id": group_id}, body={"megabytes": megabytes}
            )
        )

    async def set_group_title(self, group_id: UUID | str, *, title: str | Unset | None = UNSET) -> models.Group:
        """Change what members call a group. 403 without the role `admin`."""
        return await self.call(
            request("PUT", "/groups/{group_id}/title", path={"group_id": group_id}, body={"title": title}), models.Group
        )

    async def get_health(self) -> models.Health:
        """The function runs."""
        return await self.call(request("GET", "/health"), models.Health)

    async def list_host_metrics(
        self, *, host: str, from_: datetime, to: datetime, step: int | Unset = UNSET
    ) -> models.HostMetricsSeries:
        """One host's measurements as means of `step` seconds."""
        return await self.call(
            request("GET", "/host-metrics", query={"host": host, "from": from_, "to": to, "step": step}),
            models.HostMetricsSeries,
        )

    async def create_host_metrics(
        self,
        *,
        host: str,
        measurements: list[models.Measurement],
        interval_seconds: int | Unset | None = UNSET,
        leaves: bool | Unset | None = UNSET,
    ) -> None:
        """Store measurements of a host. The agent sends them with an administrator's API key of the scope
        `metrics`.
        """
        await self.call_text(
            request(
                "POST",
                "/host-metrics",
                body={
                    "host": host,
                    "measurements": measurements,
                    "interval_seconds": interval_seconds,
                    "leaves": leaves,
                },
            )
        )

    async def list_hosts(self) -> models.Hosts:
        """Every host with its newest measurements, and since when it is silent."""
        return await self.call(request("GET", "/hosts"), models.Hosts)

    async def list_invitations(
        self, *, limit: int | Unset = UNSET, cursor: str | Unset = UNSET
    ) -> models.InvitationPage:
        """The caller's invitations; for an administrator, all. Newest first, the ended ones included."""
        return await self.call(
            request("GET", "/invitations", query={"limit": limit, "cursor": cursor}), models.InvitationPage
        )

    async def create_invitation(
        self,
        *,
        email: str | Unset | None = UNSET,
        send: bool | Unset | None = UNSET,
        is_admin: bool | Unset | None = UNSET,
        groups: list[models.InvitedGroup] | Unset | None = UNSET,
        expires_in_days: int | Unset | None = UNSET,
        language: Literal["en", "de"] | Unset | None = UNSET,
    ) -> models.CreatedInvitation:
        """Invite somebody: with `send` by e-mail, otherwise by the link in the response, which no other
        response contains. It can be accepted once, as long as the caller may give what it gives.
        403 `forbidden` for who may not invite so, 409 `mail_off`. With an access token, it requires
        a login of the last 15 minutes (403 `recent_login_required`).
        """
        return await self.call(
            request(
                "POST",
                "/invitations",
                body={
                    "email": email,
                    "send": send,
                    "is_admin": is_admin,
                    "groups": groups,
                    "expires_in_days": expires_in_days,
                    "language": language,
                },
            ),
            models.CreatedInvitation,
        )

    async def withdraw_invitation(self, invitation_id: UUID | str) -> None:
        """Withdraw an invitation that nobody has accepted yet. It stays in the list."""
        await self.call_text(request("DELETE", "/invitations/{invitation_id}", path={"invitation_id": invitation_id}))

    async def get_invitation(self, invitation_id: UUID | str) -> models.Invitation:
        """An invitation, without its link."""
        return await self.call(
            request("GET", "/invitations/{invitation_id}", path={"invitation_id": invitation_id}), models.Invitation
        )

    async def list_jobs(
        self,
        *,
        limit: int | Unset = UNSET,
        cursor: str | Unset = UNSET,
        status: Literal["pending", "processing", "completed", "failed", "cancelled"] | Unset = UNSET,
        model: str | Unset = UNSET,
    ) -> models.JobReportPage:
        """Everybody's jobs in numbers, times and codes, newest first, without a word of any conversation."""
        return await self.call(
            request("GET", "/jobs", query={"limit": limit, "cursor": cursor, "status": status, "model": model}),
            models.JobReportPage,
        )

    async def cancel_job(self, job_id: UUID | str, *, reason: str | Unset = UNSET) -> models.Job:
        """Cancel a job. The streamed part of the answer is stored. 409 `job_finished` when the job has ended."""
        return await self.call(
            request("DELETE", "/jobs/{job_id}", path={"job_id": job_id}, query={"reason": reason}), models.Job
        )

    async def get_job(self, job_id: UUID | str) -> models.Job:
        """Get a job: its status and, while it waits, its position in the queue."""
        return await self.call(request("GET", "/jobs/{job_id}", path={"job_id": job_id}), models.Job)

    async def update_job_priority(self, job_id: UUID | str, *, priority: int) -> None:
        """Change the priority of any user's waiting job. 409 `job_finished` when the job has ended."""
        await self.call_text(request("PATCH", "/jobs/{job_id}", path={"job_id": job_id}, body={"priority": priority}))

    async def create_job_ticket(self, job_id: UUID | str) -> models.Ticket:
        """Get a ticket with which an EventSource follows a job's events: for this job alone, for one minute.
        When a stream is interrupted after that minute, get a new ticket and continue with
        `?after=`.
        """
        return await self.call(request("POST", "/jobs/{job_id}/tickets", path={"job_id": job_id}), models.Ticket)

    async def list_llms(self, *, limit: int | Unset = UNSET, cursor: str | Unset = UNSET) -> models.LlmPage:
        """Language models, newest first."""
        return await self.call(request("GET", "/llms", query={"limit": limit, "cursor": cursor}), models.LlmPage)

    async def create_llm(
        self,
        *,
        name: str,
        provider: Literal["openai", "openrouter", "vllm", "tgi", "ollama", "anthropic", "bedrock"],
        model_id: str,
        endpoint: str | Unset | None = UNSET,
        api_key: str | Unset | None = UNSET,
        context_tokens: int | Unset | None = UNSET,
        max_tokens: int | Unset | None = UNSET,
        temperature: float | Unset | None = UNSET,
        prompt_price: float | Unset | None = UNSET,
        completion_price: float | Unset | None = UNSET,
        is_default: bool | Unset | None = UNSET,
    ) -> models.Llm:
        """Register a language model. Its key is stored encrypted and never returned."""
        return await self.call(
            request(
                "POST",
                "/llms",
                body={
                    "name": name,
                    "provider": provider,
                    "model_id": model_id,
                    "endpoint": endpoint,
                    "api_key": api_key,
                    "context_tokens": context_tokens,
                    "max_tokens": max_tokens,
                    "temperature": temperature,
                    "prompt_price": prompt_price,
                    "completion_price": completion_price,
                    "is_default": is_default,
                },
            ),
            models.Llm,
        )

    async def delete_llm(self, llm_id: UUID | str) -> None:
        """Delete a language model. 409 `in_use` while the settings or an assistant name it."""
        await self.call_text(request("DELETE", "/llms/{llm_id}", path={"llm_id": llm_id}))

    async def get_llm(self, llm_id: UUID | str) -> models.Llm:
        """A language model."""
        return await self.call(request("GET", "/llms/{llm_id}", path={"llm_id": llm_id}), models.Llm)

    async def update_llm(
        self,
        llm_id: UUID | str,
        *,
        model_id: str | Unset | None = UNSET,
        endpoint: str | Unset | None = UNSET,
        api_key: str | Unset | None = UNSET,
        context_tokens: int | Unset | None = UNSET,
        max_tokens: int | Unset | None = UNSET,
        temperature: float | Unset | None = UNSET,
        prompt_price: float | Unset | None = UNSET,
        completion_price: float | Unset | None = UNSET,
        is_enabled: bool | Unset | None = UNSET,
        is_default: Literal[True] | Unset | None = UNSET,
    ) -> models.Llm:
        """Change a language model. `is_default: true` makes it the model that answers where no other is
        chosen.
        """
        return await self.call(
            request(
                "PATCH",
                "/llms/{llm_id}",
                path={"llm_id": llm_id},
                body={
                    "model_id": model_id,
                    "endpoint": endpoint,
                    "api_key": api_key,
                    "context_tokens": context_tokens,
                    "max_tokens": max_tokens,
                    "temperature": temperature,
                    "prompt_price": prompt_price,
                    "completion_price": completion_price,
                    "is_enabled": is_enabled,
                    "is_default": is_default,
                },
            ),
            models.Llm,
        )

    async def test_llm(self, llm_id: UUID | str) -> models.LlmTestResult:
        """Call a language model with a small question. 502 `model_failed` has the reason why it did not
        answer.
        """
        return await self.call(request("POST", "/llms/{llm_id}/test", path={"llm_id": llm_id}), models.LlmTestResult)

    async def send_mcp_message(
        self,
        *,
        jsonrpc: Literal["2.0"],
        method: str,
        id: int | str | Unset | None = UNSET,
        params: dict[str, Any] | Unset | None = UNSET,
    ) -> models.McpResponse:
        """Handle one message of the Model Context Protocol: initialize, tools, resources, ping. 202 without a
        body for a notification. A tool may require more than the scope `read`: `ask` requires
        `chat`, `add_document` requires `write`.
        """
        return await self.call(
            request("POST", "/mcp", body={"jsonrpc": jsonrpc, "method": method, "id": id, "params": params}),
            models.McpResponse,
        )

    async def delete_me(self) -> None:
        """Erase the caller's account and everything in it, permanently. A login, or another proof, within the
        last fifteen minutes is required (403 `stale_session`). Documents in a group's or the
        organisation's space stay there. The objects in the bucket are deleted within minutes.
        """
        await self.call_text(request("DELETE", "/me"))

    async def get_me(self) -> models.Me:
        """The caller's own account, and how it can log in."""
        return await self.call(request("GET", "/me"), models.Me)

    async def update_me(
        self, *, display_name: str | Unset | None = UNSET, username: str | Unset | None = UNSET
    ) -> models.Me:
        """Change the caller's display name or username. 409 `email_taken` when the username is in use."""
        return await self.call(
            request("PATCH", "/me", body={"display_name": display_name, "username": username}), models.Me
        )

    async def list_api_keys(self, *, limit: int | Unset = UNSET, cursor: str | Unset = UNSET) -> models.ApiKeyPage:
        """The caller's API keys, newest first, without the keys themselves."""
        return await self.call(
            request("GET", "/me/api-keys", query={"limit": limit, "cursor": cursor}), models.ApiKeyPage
        )

    async def create_api_key(
        self,
        *,
        name: str,
        scopes: list[Literal["read", "write", "chat", "admin", "metrics"]],
        expires_in_days: int | Unset | None = UNSET,
    ) -> models.CreatedApiKey:
        """Create an API key. No other response contains `key`. With an access token, it requires a login of
        the last 15 minutes (403 `recent_login_required`).
        """
        return await self.call(
            request("POST", "/me/api-keys", body={"name": name, "scopes": scopes, "expires_in_days": expires_in_days}),
            models.CreatedApiKey,
        )

    async def revoke_api_key(self, key_id: UUID | str) -> None:
        """Revoke an API key, at once."""
        await self.call_text(request("DELETE", "/me/api-keys/{key_id}", path={"key_id": key_id}))

    async def get_comparison_offer(self) -> models.ComparisonOffer:
        """Whether a question can be compared now, so that a client offers it only then."""
        return await self.call(request("GET", "/me/comparison-offer"), models.ComparisonOffer)

    async def end_email_change(self) -> None:
        """End the change of the caller's address; its links are no longer valid."""
        await self.call_text(request("DELETE", "/me/email-change"))

    async def get_email_change(self) -> models.EmailChange:
        """The change of the caller's address that waits for confirmations."""
        return await self.call(request("GET", "/me/email-change"), models.EmailChange)

    async def begin_email_change(
        self, *, email: str, language: Literal["en", "de"] | Unset | None = UNSET
    ) -> models.EmailChange:
        """Begin to change the caller's address: the new one and, if it is verified, the former one get a link.
        The answer is the same for an address that another account has. A former change ends. 409
        `mail_off`. With an access token, it requires a login of the last 15 minutes (403
        `recent_login_required`).
        """
        return await self.call(
            request("POST", "/me/email-change", body={"email": email, "language": language}), models.EmailChange
        )

    async def confirm_email_change(self, *, token: str) -> models.ConfirmedEmail:
        """Confirm the change by a link that one of the addresses got, logged in to the account. The last
        confirmation changes the address and ends every other session. 400 `link_invalid`, 409
        `email_taken`.
        """
        return await self.call(
            request("POST", "/me/email-change/confirmation", body={"token": token}), models.ConfirmedEmail
        )

    async def export_account(
        self, *, limit: int | Unset = UNSET, cursor: str | Unset = UNSET
    ) -> models.ExportedRowPage:
        """Every row that belongs to the caller, table by table: account, settings, documents, conversations
        and all else. A page may hold fewer rows than `limit`. A `next_cursor` that is younger than
        15 minutes requires no new login, up to a day after the first page. With an access token, it
        requires a login of the last 15 minutes (403 `recent_login_required`).
        """
        return await self.call(
            request("GET", "/me/export", query={"limit": limit, "cursor": cursor}), models.ExportedRowPage
        )

    async def join_by_invitation(self, *, token: str) -> None:
        """Accept an invitation with the caller's account, and get its groups and rights. 400
        `invitation_invalid`.
        """
        await self.call_text(request("POST", "/me/invitations", body={"token": token}))

    async def unlink_login_provider(self, login_provider: Literal["github", "oidc"]) -> None:
        """End the link of the caller's account to a login provider, and every other session of the caller. 409
        `last_login_way` when the account could not log in any more. With an access token, it
        requires a login of the last 15 minutes (403 `recent_login_required`).
        """
        await self.call_text(
            request("DELETE", "/me/login-providers/{login_provider}", path={"login_provider": login_provider})
        )

    async def update_password(
        self, *, current_password: str, new_password: str, keep_api_keys: bool | Unset | None = UNSET
    ) -> None:
        """Replace the caller's password; end every other session and, unless `keep_api_keys` is true, every
        API key. 403 `wrong_password`, 422 `password_reused` for one of the last five, 409
        `conflict` when another request replaces the password.
        """
        await self.call_text(
            request(
                "PUT",
                "/me/password",
                body={
                    "current_password": current_password,
                    "new_password": new_password,
                    "keep_api_keys": keep_api_keys,
                },
            )
        )

    async def get_preferences(self) -> models.Preferences:
        """The caller's preferences."""
        return await self.call(request("GET", "/me/preferences"), models.Preferences)

    async def update_preferences(
        self,
        *,
        preferred_model: str | Unset | None = UNSET,
        preferred_temperature: float | Literal["unset"] | Unset | None = UNSET,
        preferred_max_tokens: int | Literal["unset"] | Unset | None = UNSET,
        preferred_num_documents: int | Unset | None = UNSET,
        preferred_top_p: float | Literal["unset"] | Unset | None = UNSET,
        preferred_top_k: int | Literal["unset"] | Unset | None = UNSET,
        preferred_condense_prompt: str | Unset | None = UNSET,
        preferred_chat_prompt: str | Unset | None = UNSET,
        preferred_system_prompt: str | Unset | None = UNSET,
        theme: Literal["system", "light", "dark"] | Unset | None = UNSET,
        use_memories: bool | Unset | None = UNSET,
        learn_from_conversations: bool | Unset | None = UNSET,
        title_by_model: bool | Unset | None = UNSET,
        notify_by_email: bool | Unset | None = UNSET,
        default_assistant_id: UUID | str | Unset | None = UNSET,
        interface: dict[str, str | bool | int | float | None] | Unset | None = UNSET,
    ) -> models.Preferences:
        """Change some preferences; null removes one."""
        return await self.call(
            request(
                "PATCH",
                "/me/preferences",
                body={
                    "preferred_model": preferred_model,
                    "preferred_temperature": preferred_temperature,
                    "preferred_max_tokens": preferred_max_tokens,
                    "preferred_num_documents": preferred_num_documents,
                    "preferred_top_p": preferred_top_p,
                    "preferred_top_k": preferred_top_k,
                    "preferred_condense_prompt": preferred_condense_prompt,
                    "preferred_chat_prompt": preferred_chat_prompt,
                    "preferred_system_prompt": preferred_system_prompt,
                    "theme": theme,
                    "use_memories": use_memories,
                    "learn_from_conversations": learn_from_conversations,
                    "title_by_model": title_by_model,
                    "notify_by_email": notify_by_email,
                    "default_assistant_id": default_assistant_id,
                    "interface": interface,
                },
            ),
            models.Preferences,
        )

    async def list_llm_provider_keys(self) -> models.LlmProviderKeys:
        """The caller's own keys for LLM providers, each without the key."""
        return await self.call(request("GET", "/me/provider-keys"), models.LlmProviderKeys)

    async def delete_llm_provider_key(self, provider: Literal["openai", "openrouter", "anthropic"]) -> None:
        """Delete the caller's own key for a provider."""
        await self.call_text(request("DELETE", "/me/provider-keys/{provider}", path={"provider": provider}))

    async def set_llm_provider_key(
        self, provider: Literal["openai", "openrouter", "anthropic"], *, key: str
    ) -> models.LlmProviderKey:
        """Store the caller's own key, once its provider has accepted it; 422 `provider_key_rejected`
        otherwise. With an access token, it requires a login of the last 15 minutes (403
        `recent_login_required`).
        """
        return await self.call(
            request("PUT", "/me/provider-keys/{provider}", path={"provider": provider}, body={"key": key}),
            models.LlmProviderKey,
        )

    async def replace_recovery_codes(self) -> models.RecoveryCodes:
        """Make new recovery codes; the former ones end. 409 `second_factor_off` without a second factor. With
        an access token, it requires a login of the last 15 minutes (403 `recent_login_required`).
        """
        return await self.call(request("POST", "/me/recovery-codes"), models.RecoveryCodes)

    async def end_second_factor(self) -> None:
        """End the caller's second factor and its recovery codes. With an access token, it requires a login of
        the last 15 minutes (403 `recent_login_required`).
        """
        await self.call_text(request("DELETE", "/me/second-factor"))

    async def get_second_factor(self) -> models.SecondFactor:
        """Whether the caller's logins by password require a code, and how many recovery codes are left."""
        return await self.call(request("GET", "/me/second-factor"), models.SecondFactor)

    async def begin_second_factor(self) -> models.NewSecondFactor:
        """Make a key for an app of one-time passwords. It counts once a code of it was confirmed. 409
        `second_factor_on` for an account that has a second factor, `conflict` for one without a
        password. With an access token, it requires a login of the last 15 minutes (403
        `recent_login_required`).
        """
        return await self.call(request("POST", "/me/second-factor"), models.NewSecondFactor)

    async def confirm_second_factor(self, *, code: str) -> models.RecoveryCodes:
        """Confirm a code of the new key: from now on, every login by password requires one. Ends the other
        sessions. No other response contains the recovery codes. 403 `wrong_code`, 409
        `second_factor_off` when no key waits. With an access token, it requires a login of the last
        15 minutes (403 `recent_login_required`).
        """
        return await self.call(
            request("POST", "/me/second-factor/confirmation", body={"code": code}), models.RecoveryCodes
        )

    async def store_session_data(self, *, data: dict[str, str | bool | int | float | None]) -> models.Session:
        """Keep names and values with this session, such as where a client left off. The service does not read
        them.
        """
        return await self.call(request("PUT", "/me/session/data", body={"data": data}), models.Session)

    async def prove_identity(self, *, password: str, code: str | Unset | None = UNSET) -> models.SessionProof:
        """Prove with the password who is there: for 15 minutes, the session may do what requires a recent
        login. 403 `wrong_password`; for an account with a second factor 403 `wrong_code`, also
        without `code`. An account without a password logs in through its provider again: a login is
        such a proof, and a refresh is none.
        """
        return await self.call(
            request("POST", "/me/session/proof", body={"password": password, "code": code}), models.SessionProof
        )

    async def list_sessions(self, *, limit: int | Unset = UNSET, cursor: str | Unset = UNSET) -> models.SessionPage:
        """The caller's active sessions, newest first."""
        return await self.call(
            request("GET", "/me/sessions", query={"limit": limit, "cursor": cursor}), models.SessionPage
        )

    async def revoke_session(self, session_id: UUID | str) -> None:
        """End a session of the caller, at once."""
        await self.call_text(request("DELETE", "/me/sessions/{session_id}", path={"session_id": session_id}))

    async def get_spending(self) -> models.Spending:
        """Get the caller's cost and tokens of this month, and the lowest limits that apply."""
        return await self.call(request("GET", "/me/spending"), models.Spending)

    async def get_storage_use(self) -> models.StorageUse:
        """Get how many bytes each of the caller's spaces holds, and its limit."""
        return await self.call(request("GET", "/me/storage"), models.StorageUse)

    async def list_memories(
        self,
        *,
        limit: int | Unset = UNSET,
        cursor: str | Unset = UNSET,
        kind: Literal["fact", "preference", "instruction", "event"] | Unset = UNSET,
        source: Literal["written", "learned", "document"] | Unset = UNSET,
        tag: UUID | str | Unset = UNSET,
        metadata: str | Unset = UNSET,
    ) -> models.MemoryPage:
        """The caller's memories, newest first."""
        return await self.call(
            request(
                "GET",
                "/memories",
                query={
                    "limit": limit,
                    "cursor": cursor,
                    "kind": kind,
                    "source": source,
                    "tag": tag,
                    "metadata": metadata,
                },
            ),
            models.MemoryPage,
        )

    async def create_memory(
        self,
        *,
        content: str,
        kind: Literal["fact", "preference", "instruction", "event"] | Unset | None = UNSET,
        importance: float | Unset | None = UNSET,
        document_id: UUID | str | Unset | None = UNSET,
        metadata: dict[str, str | bool | int | float | None] | Unset | None = UNSET,
    ) -> models.WrittenMemory:
        """Remember something (201). What says the same as an older memory is merged into that one (200)."""
        return await self.call(
            request(
                "POST",
                "/memories",
                body={
                    "content": content,
                    "kind": kind,
                    "importance": importance,
                    "document_id": document_id,
                    "metadata": metadata,
                },
            ),
            models.WrittenMemory,
        )

    async def search_memories(
        self,
        *,
        query: str,
        top_k: int | Unset | None = UNSET,
        kinds: list[Literal["fact", "preference", "instruction", "event"]] | Unset | None = UNSET,
        tag: UUID | str | Unset | None = UNSET,
    ) -> models.RecalledMemories:
        """The caller's memories that fit a query, by relevance, recency and importance. Counts as recalling
        them, except with an API key that may only read.
        """
        return await self.call(
            request("POST", "/memories/search", body={"query": query, "top_k": top_k, "kinds": kinds, "tag": tag}),
            models.RecalledMemories,
        )

    async def delete_memory(self, memory_id: UUID | str) -> None:
        """Forget a memory for good."""
        await self.call_text(request("DELETE", "/memories/{memory_id}", path={"memory_id": memory_id}))

    async def get_memory(self, memory_id: UUID | str) -> models.Memory:
        """One memory. Reading it here does not count as recalling it."""
        return await self.call(request("GET", "/memories/{memory_id}", path={"memory_id": memory_id}), models.Memory)

    async def update_memory(
        self,
        memory_id: UUID | str,
        *,
        content: str | Unset | None = UNSET,
        kind: Literal["fact", "preference", "instruction", "event"] | Unset | None = UNSET,
        importance: float | Unset | None = UNSET,
        metadata: dict[str, str | bool | int | float | None] | Unset | None = UNSET,
    ) -> models.Memory:
        """Change a memory's content, kind or importance."""
        return await self.call(
            request(
                "PATCH",
                "/memories/{memory_id}",
                path={"memory_id": memory_id},
                body={"content": content, "kind": kind, "importance": importance, "metadata": metadata},
            ),
            models.Memory,
        )

    async def search_messages(
        self,
        *,
        query: str,
        conversation_id: UUID | str | Unset | None = UNSET,
        role: Literal["user", "assistant", "system"] | Unset | None = UNSET,
        metadata: dict[str, str | bool | int | float | list[str | bool | int | float | None] | None]
        | Unset
        | None = UNSET,
        tag: UUID | str | Unset | None = UNSET,
        created_after: AwareDatetime | Unset | None = UNSET,
        created_before: AwareDatetime | Unset | None = UNSET,
        limit: int | Unset | None = UNSET,
        cursor: str | Unset | None = UNSET,
    ) -> models.MessageHitPage:
        """Search the caller's own messages, questions and answers, best first. Deleted conversations are
        excluded. New messages may shift the start of the next page.
        """
        return await self.call(
            request(
                "POST",
                "/messages/search",
                body={
                    "query": query,
                    "conversation_id": conversation_id,
                    "role": role,
                    "metadata": metadata,
                    "tag": tag,
                    "created_after": created_after,
                    "created_before": created_before,
                    "limit": limit,
                    "cursor": cursor,
                },
            ),
            models.MessageHitPage,
        )

    async def get_message(self, message_id: UUID | str) -> models.Message:
        """Get a message."""
        return await self.call(
            request("GET", "/messages/{message_id}", path={"message_id": message_id}), models.Message
        )

    async def list_feedback(
        self, message_id: UUID | str, *, limit: int | Unset = UNSET, cursor: str | Unset = UNSET
    ) -> models.FeedbackPage:
        """List the feedback on an answer, newest first."""
        return await self.call(
            request(
                "GET",
                "/messages/{message_id}/feedback",
                path={"message_id": message_id},
                query={"limit": limit, "cursor": cursor},
            ),
            models.FeedbackPage,
        )

    async def create_feedback(
        self,
        message_id: UUID | str,
        *,
        kind: Literal["like", "dislike", "comment"],
        reasons: list[Literal["incorrect", "unhelpful", "inappropriate", "incomplete", "wrong_source", "other"]]
        | Unset
        | None = UNSET,
        comment: str | Unset | None = UNSET,
    ) -> models.Feedback | None:
        """Like, dislike or comment on an answer. A like and a dislike replace each other; the same again
        removes it (204).
        """
        return await self.call_optional(
            request(
                "POST",
                "/messages/{message_id}/feedback",
                path={"message_id": message_id},
                body={"kind": kind, "reasons": reasons, "comment": comment},
            ),
            models.Feedback,
        )

    async def set_message_mistake(
        self, message_id: UUID | str, *, is_mistake: bool, note: str | Unset | None = UNSET
    ) -> models.Message:
        """Mark a message as a mistake, with a note, or remove the mark."""
        return await self.call(
            request(
                "PUT",
                "/messages/{message_id}/mistake",
                path={"message_id": message_id},
                body={"is_mistake": is_mistake, "note": note},
            ),
            models.Message,
        )

    async def regenerate_message(
        self, message_id: UUID | str, *, pipeline: str | Unset | None = UNSET, model: str | Unset | None = UNSET
    ) -> models.QueuedMessage:
        """Answer a question again, beside its other answers. The message is the question or one of its
        answers.
        """
        return await self.call(
            request(
                "POST",
                "/messages/{message_id}/regenerate",
                path={"message_id": message_id},
                body={"pipeline": pipeline, "model": model},
            ),
            models.QueuedMessage,
        )

    async def replay_answer(self, message_id: UUID | str) -> models.AnswerReplay:
        """Give an answer once more, beside it, as of when its question was asked. 409 `model_unavailable` when
        its model is no longer registered, or disabled.
        """
        return await self.call(
            request("POST", "/messages/{message_id}/replay", path={"message_id": message_id}), models.AnswerReplay
        )

    async def get_message_timing(self, message_id: UUID | str) -> models.Timing:
        """Get the duration of each stage of an answer."""
        return await self.call(
            request("GET", "/messages/{message_id}/timing", path={"message_id": message_id}), models.Timing
        )

    async def get_message_trace(self, message_id: UUID | str) -> models.MessageTrace:
        """Get the steps of an answer. Only the user who asked can read it."""
        return await self.call(
            request("GET", "/messages/{message_id}/trace", path={"message_id": message_id}), models.MessageTrace
        )

    async def get_metrics(self) -> str:
        """The service's and its hosts' state in OpenMetrics, for Prometheus with a key of the scope `metrics`."""
        return await self.call_text(request("GET", "/metrics"))

    async def list_mistakes(self, *, limit: int | Unset = UNSET, cursor: str | Unset = UNSET) -> models.MessagePage:
        """List the caller's messages that are marked as mistakes, newest first."""
        return await self.call(
            request("GET", "/mistakes", query={"limit": limit, "cursor": cursor}), models.MessagePage
        )

    async def create_chat_completion(
        self,
        *,
        model: str,
        messages: list[models.ChatMessage],
        stream: bool | Unset | None = UNSET,
        stream_options: models.StreamOptions | Unset | None = UNSET,
        temperature: float | Unset | None = UNSET,
        top_p: float | Unset | None = UNSET,
        max_completion_tokens: int | Unset | None = UNSET,
        metadata: models.CompletionMetadata | Unset | None = UNSET,
        n: int | Unset | None = UNSET,
        tools: list[Any] | Unset | None = UNSET,
        functions: list[Any] | Unset | None = UNSET,
        response_format: dict[str, Any] | Unset | None = UNSET,
        logprobs: bool | Unset | None = UNSET,
        stop: str | list[str] | Unset | None = UNSET,
        modalities: list[str] | Unset | None = UNSET,
        audio: dict[str, Any] | Unset | None = UNSET,
    ) -> models.ChatCompletion:
        """Answer the last message, a question, from the documents that the caller can read. With `stream`, the
        response is `text/event-stream`; where the service streams, its events come as the answer is
        generated. 504 `answer_unfinished` for an answer that takes longer than a response may.
        """
        return await self.call(
            request(
                "POST",
                "/openai/v1/chat/completions",
                body={
                    "model": model,
                    "messages": messages,
                    "stream": stream,
                    "stream_options": stream_options,
                    "temperature": temperature,
                    "top_p": top_p,
                    "max_completion_tokens": max_completion_tokens,
                    "metadata": metadata,
                    "n": n,
                    "tools": tools,
                    "functions": functions,
                    "response_format": response_format,
                    "logprobs": logprobs,
                    "stop": stop,
                    "modalities": modalities,
                    "audio": audio,
                },
            ),
            models.ChatCompletion,
        )

    async def create_embeddings(
        self,
        *,
        model: str,
        input: str | list[str],
        encoding_format: Literal["float", "base64"] | Unset | None = UNSET,
        dimensions: int | Unset | None = UNSET,
    ) -> models.EmbeddingList:
        """Embed texts with the active embedding model."""
        return await self.call(
            request(
                "POST",
                "/openai/v1/embeddings",
                body={"model": model, "input": input, "encoding_format": encoding_format, "dimensions": dimensions},
            ),
            models.EmbeddingList,
        )

    async def list_openai_models(self) -> models.ModelList:
        """List what can answer or embed: `alcove`, assistants, language models, and the active embedding
        model.
        """
        return await self.call(request("GET", "/openai/v1/models"), models.ModelList)

    async def get_openai_model(self, model_id: str) -> models.ModelCard:
        """Get one of the models."""
        return await self.call(
            request("GET", "/openai/v1/models/{model_id}", path={"model_id": model_id}), models.ModelCard
        )

    async def get_openapi(self) -> None:
        """This API as an OpenAPI 3.1 document. 304 when `If-None-Match` has its `ETag`."""
        await self.call_text(request("GET", "/openapi.json"))

    async def export_organisation(
        self, *, limit: int | Unset = UNSET, cursor: str | Unset = UNSET
    ) -> models.ExportedRowPage:
        """Every row that is the organisation's: accounts, groups, settings, models, prompts, assistants, and
        documents that everybody reads. Nothing of what is a user's or a group's own. A page may
        hold fewer rows than `limit`. A `next_cursor` that is younger than 15 minutes requires no
        new login, up to a day after the first page. With an access token, it requires a login of
        the last 15 minutes (403 `recent_login_required`).
        """
        return await self.call(
            request("GET", "/organisation/export", query={"limit": limit, "cursor": cursor}), models.ExportedRowPage
        )

    async def get_problem(self, code: str) -> str:
        """The page about an error code: where the `type` of a problem document leads."""
        return await self.call_text(request("GET", "/problems/{code}", path={"code": code}))

    async def list_prompts(
        self,
        *,
        limit: int | Unset = UNSET,
        cursor: str | Unset = UNSET,
        kind: Literal["condense", "chat", "system"] | Unset = UNSET,
    ) -> models.PromptPage:
        """Prompts, newest first."""
        return await self.call(
            request("GET", "/prompts", query={"limit": limit, "cursor": cursor, "kind": kind}), models.PromptPage
        )

    async def create_prompt(
        self, *, kind: Literal["condense", "chat", "system"], name: str, content: str
    ) -> models.Prompt:
        """Create a prompt."""
        return await self.call(
            request("POST", "/prompts", body={"kind": kind, "name": name, "content": content}), models.Prompt
        )

    async def delete_prompt(self, prompt_id: UUID | str) -> None:
        """Delete a prompt. 409 `in_use` while the settings name it. For users who chose it, the settings apply
        again.
        """
        await self.call_text(request("DELETE", "/prompts/{prompt_id}", path={"prompt_id": prompt_id}))

    async def get_prompt(self, prompt_id: UUID | str) -> models.Prompt:
        """A prompt and its newest version."""
        return await self.call(request("GET", "/prompts/{prompt_id}", path={"prompt_id": prompt_id}), models.Prompt)

    async def update_prompt(self, prompt_id: UUID | str, *, content: str) -> models.Prompt:
        """Create a prompt's next version, which every later answer uses."""
        return await self.call(
            request("PATCH", "/prompts/{prompt_id}", path={"prompt_id": prompt_id}, body={"content": content}),
            models.Prompt,
        )

    async def list_prompt_versions(
        self, prompt_id: UUID | str, *, limit: int | Unset = UNSET, cursor: str | Unset = UNSET
    ) -> models.PromptVersionPage:
        """Every version of a prompt, newest first."""
        return await self.call(
            request(
                "GET",
                "/prompts/{prompt_id}/versions",
                path={"prompt_id": prompt_id},
                query={"limit": limit, "cursor": cursor},
            ),
            models.PromptVersionPage,
        )

    async def get_queue_statistics(self) -> models.QueueStatistics:
        """Get the number of jobs in the queue and their waits."""
        return await self.call(request("GET", "/queue"), models.QueueStatistics)

    async def get_readiness(self) -> models.Readiness:
        """The function reaches its database. 503 `unavailable` when it does not."""
        return await self.call(request("GET", "/ready"), models.Readiness)

    async def get_storage_report(self) -> models.StorageReport:
        """What the spaces of users, groups and the organisation hold, and how many documents failed or were
        read in part. Numbers only.
        """
        return await self.call(request("GET", "/reports/storage"), models.StorageReport)

    async def get_usage_report(
        self,
        *,
        by: Literal["user", "group", "model", "day"] | Unset = UNSET,
        since: datetime | Unset = UNSET,
        until: datetime | Unset = UNSET,
    ) -> models.UsageReport:
        """Answers, cost, feedback and failures by user, group, model or day. Numbers only. A user counts for
        each of their groups.
        """
        return await self.call(
            request("GET", "/reports/usage", query={"by": by, "since": since, "until": until}), models.UsageReport
        )

    async def list_repositories(
        self,
        *,
        limit: int | Unset = UNSET,
        cursor: str | Unset = UNSET,
        q: str | Unset = UNSET,
        tag: UUID | str | Unset = UNSET,
        archived: bool | Unset = UNSET,
    ) -> models.RepositoryPage:
        """The repositories that the caller may see, newest first; with `q`, those with a similar name, best
        first.
        """
        return await self.call(
            request(
                "GET",
                "/repositories",
                query={"limit": limit, "cursor": cursor, "q": q, "tag": tag, "archived": archived},
            ),
            models.RepositoryPage,
        )

    async def create_repository(
        self,
        *,
        name: str,
        description: str | Unset | None = UNSET,
        url: str | Unset | None = UNSET,
        source_type: str | Unset | None = UNSET,
        metadata: dict[str, str | bool | int | float | None] | Unset | None = UNSET,
        scope: Literal["user", "group", "org"] | Unset | None = UNSET,
        group_id: UUID | str | Unset | None = UNSET,
    ) -> models.Repository:
        """Create a repository: a collection of documents, each at a path."""
        return await self.call(
            request(
                "POST",
                "/repositories",
                body={
                    "name": name,
                    "description": description,
                    "url": url,
                    "source_type": source_type,
                    "metadata": metadata,
                    "scope": scope,
                    "group_id": group_id,
                },
            ),
            models.Repository,
        )

    async def delete_repository(self, repository_id: UUID | str) -> None:
        """Delete a repository. Its documents stay."""
        await self.call_text(request("DELETE", "/repositories/{repository_id}", path={"repository_id": repository_id}))

    async def get_repository(self, repository_id: UUID | str) -> models.Repository:
        """One repository."""
        return await self.call(
            request("GET", "/repositories/{repository_id}", path={"repository_id": repository_id}), models.Repository
        )

    async def update_repository(
        self,
        repository_id: UUID | str,
        *,
        name: str | Unset | None = UNSET,
        description: str | Unset | None = UNSET,
        url: str | Unset | None = UNSET,
        source_type: str | Unset | None = UNSET,
        metadata: dict[str, str | bool | int | float | None] | Unset | None = UNSET,
        is_archived: bool | Unset | None = UNSET,
    ) -> models.Repository:
        """Rename, describe or archive a repository. Searches still find its documents."""
        return await self.call(
            request(
                "PATCH",
                "/repositories/{repository_id}",
                path={"repository_id": repository_id},
                body={
                    "name": name,
                    "description": description,
                    "url": url,
                    "source_type": source_type,
                    "metadata": metadata,
                    "is_archived": is_archived,
                },
            ),
            models.Repository,
        )

    async def list_repository_documents(
        self,
        repository_id: UUID | str,
        *,
        limit: int | Unset = UNSET,
        cursor: str | Unset = UNSET,
        folder: str | Unset = UNSET,
    ) -> models.RepositoryDocumentPage:
        """The documents of a repository by their paths; with `folder`, those in and below it."""
        return await self.call(
            request(
                "GET",
                "/repositories/{repository_id}/documents",
                path={"repository_id": repository_id},
                query={"limit": limit, "cursor": cursor, "folder": folder},
            ),
            models.RepositoryDocumentPage,
        )

    async def remove_repository_document(self, repository_id: UUID | str, document_id: UUID | str) -> None:
        """Take a document out of a repository. The document itself stays."""
        await self.call_text(
            request(
                "DELETE",
                "/repositories/{repository_id}/documents/{document_id}",
                path={"repository_id": repository_id, "document_id": document_id},
            )
        )

    async def add_repository_document(
        self, repository_id: UUID | str, document_id: UUID | str, *, path: str
    ) -> models.RepositoryDocument:
        """Put a document at a path of a repository, or move it there."""
        return await self.call(
            request(
                "PUT",
                "/repositories/{repository_id}/documents/{document_id}",
                path={"repository_id": repository_id, "document_id": document_id},
                body={"path": path},
            ),
            models.RepositoryDocument,
        )

    async def list_rerankers(self, *, limit: int | Unset = UNSET, cursor: str | Unset = UNSET) -> models.RerankerPage:
        """Rerankers on servers, newest first. The setting `active_reranker` chooses one by its name."""
        return await self.call(
            request("GET", "/rerankers", query={"limit": limit, "cursor": cursor}), models.RerankerPage
        )

    async def create_reranker(
        self,
        *,
        name: str,
        provider: Literal["cohere", "jina", "tei"],
        base_url: str,
        model: str | Unset | None = UNSET,
        api_key: str | Unset | None = UNSET,
    ) -> models.Reranker:
        """Register a reranker. Its server must rank two sentences first: 422 `reranker_refused`, 502
        `reranking_failed`.
        """
        return await self.call(
            request(
                "POST",
                "/rerankers",
                body={"name": name, "provider": provider, "base_url": base_url, "model": model, "api_key": api_key},
            ),
            models.Reranker,
        )

    async def delete_reranker(self, reranker_id: UUID | str) -> None:
        """Delete a reranker. 409 `in_use` while the settings name it."""
        await self.call_text(request("DELETE", "/rerankers/{reranker_id}", path={"reranker_id": reranker_id}))

    async def get_reranker(self, reranker_id: UUID | str) -> models.Reranker:
        """A reranker."""
        return await self.call(
            request("GET", "/rerankers/{reranker_id}", path={"reranker_id": reranker_id}), models.Reranker
        )

    async def update_reranker(
        self,
        reranker_id: UUID | str,
        *,
        model: str | Unset | None = UNSET,
        base_url: str | Unset | None = UNSET,
        api_key: str | Unset | None = UNSET,
    ) -> models.Reranker:
        """Change a reranker's model, address or key. Its server must rank two sentences first."""
        return await self.call(
            request(
                "PATCH",
                "/rerankers/{reranker_id}",
                path={"reranker_id": reranker_id},
                body={"model": model, "base_url": base_url, "api_key": api_key},
            ),
            models.Reranker,
        )

    async def list_retention_periods(self) -> models.RetentionPeriods:
        """How long rows of each kind are kept."""
        return await self.call(request("GET", "/retention"), models.RetentionPeriods)

    async def set_retention_period(self, retention_name: str, *, days: int) -> models.RetentionPeriod:
        """Change how long rows of one kind are kept. Older rows are deleted within minutes, and do not come
        back. With an access token, it requires a login of the last 15 minutes (403
        `recent_login_required`).
        """
        return await self.call(
            request("PUT", "/retention/{retention_name}", path={"retention_name": retention_name}, body={"days": days}),
            models.RetentionPeriod,
        )

    async def search_documents(
        self,
        *,
        query: str,
        mode: Literal["hybrid", "semantic", "lexical"] | Unset | None = UNSET,
        top_k: int | Unset | None = UNSET,
        per_document: int | Unset | None = UNSET,
        conversation_id: UUID | str | Unset | None = UNSET,
        explain: bool | Unset | None = UNSET,
        neighbours: int | Unset | None = UNSET,
        filters: models.SearchFilters | Unset | None = UNSET,
    ) -> models.SearchResult:
        """The chunks that match a query best, among the documents that the caller can read and selects."""
        return await self.call(
            request(
                "POST",
                "/search",
                body={
                    "query": query,
                    "mode": mode,
                    "top_k": top_k,
                    "per_document": per_document,
                    "conversation_id": conversation_id,
                    "explain": explain,
                    "neighbours": neighbours,
                    "filters": filters,
                },
            ),
            models.SearchResult,
        )

    async def list_selection(
        self,
        *,
        limit: int | Unset = UNSET,
        cursor: str | Unset = UNSET,
        q: str | Unset = UNSET,
        conversation_id: UUID | str | Unset = UNSET,
        enabled: bool | Unset = UNSET,
    ) -> models.SelectedDocumentPage:
        """The documents that the caller may search, and whether searches, or those of a conversation, use
        them.
        """
        return await self.call(
            request(
                "GET",
                "/selection",
                query={
                    "limit": limit,
                    "cursor": cursor,
                    "q": q,
                    "conversation_id": conversation_id,
                    "enabled": enabled,
                },
            ),
            models.SelectedDocumentPage,
        )

    async def select_documents(
        self, *, mode: Literal["only", "all_but"], documents: list[UUID | str]
    ) -> models.SelectionCounts:
        """Set which of the documents that the caller can see the caller's searches use: only these, or all but
        these.
        """
        return await self.call(
            request("PUT", "/selection", body={"mode": mode, "documents": documents}), models.SelectionCounts
        )

    async def select_document(self, document_id: UUID | str, *, enabled: bool) -> models.SelectedDocument:
        """Set whether the caller's own searches and answers use a document. Other users are not affected."""
        return await self.call(
            request(
                "PUT",
                "/selection/documents/{document_id}",
                path={"document_id": document_id},
                body={"enabled": enabled},
            ),
            models.SelectedDocument,
        )

    async def list_self_healing_events(
        self,
        *,
        limit: int | Unset = UNSET,
        cursor: str | Unset = UNSET,
        severity: Literal["info", "warning", "critical"] | Unset = UNSET,
        event_type: str | Unset = UNSET,
        entity_id: UUID | str | Unset = UNSET,
        from_: datetime | Unset = UNSET,
        to: datetime | Unset = UNSET,
    ) -> models.HealingEventPage:
        """What the service found and repaired by itself, newest first."""
        return await self.call(
            request(
                "GET",
                "/self-healing-events",
                query={
                    "limit": limit,
                    "cursor": cursor,
                    "severity": severity,
                    "event_type": event_type,
                    "entity_id": entity_id,
                    "from": from_,
                    "to": to,
                },
            ),
            models.HealingEventPage,
        )

    async def list_shared_conversations(
        self, *, limit: int | Unset = UNSET, cursor: str | Unset = UNSET
    ) -> models.SharedConversationPage:
        """The conversations that others show to the caller: to the caller's groups, and by links that the
        caller opened.
        """
        return await self.call(
            request("GET", "/shared-conversations", query={"limit": limit, "cursor": cursor}),
            models.SharedConversationPage,
        )

    async def open_shared_conversation(self, *, token: str) -> models.SharedConversation:
        """Open a share's link: from now on it is in the caller's list. 400 `share_invalid`."""
        return await self.call(
            request("POST", "/shared-conversations", body={"token": token}), models.SharedConversation
        )

    async def get_shared_conversation(self, share_id: UUID | str) -> models.SharedConversation:
        """A conversation that is shown to the caller."""
        return await self.call(
            request("GET", "/shared-conversations/{share_id}", path={"share_id": share_id}), models.SharedConversation
        )

    async def fork_shared_conversation(self, share_id: UUID | str) -> models.Conversation:
        """Copy a shared conversation into one of the caller's own, to go on with it. 409 `too_many` for one
        with more than 10,000 messages.
        """
        return await self.call(
            request("POST", "/shared-conversations/{share_id}/fork", path={"share_id": share_id}), models.Conversation
        )

    async def list_shared_messages(
        self, share_id: UUID | str, *, limit: int | Unset = UNSET, cursor: str | Unset = UNSET
    ) -> models.SharedMessagePage:
        """The messages of a shared conversation, oldest first. A source that the caller cannot read has a
        number alone.
        """
        return await self.call(
            request(
                "GET",
                "/shared-conversations/{share_id}/messages",
                path={"share_id": share_id},
                query={"limit": limit, "cursor": cursor},
            ),
            models.SharedMessagePage,
        )

    async def list_shares(
        self, *, limit: int | Unset = UNSET, cursor: str | Unset = UNSET, conversation_id: UUID | str | Unset = UNSET
    ) -> models.SharePage:
        """What the caller shows to others, newest first, the ended shares included."""
        return await self.call(
            request("GET", "/shares", query={"limit": limit, "cursor": cursor, "conversation_id": conversation_id}),
            models.SharePage,
        )

    async def create_share(
        self,
        *,
        conversation_id: UUID | str,
        group_id: UUID | str | Unset | None = UNSET,
        expires_in_days: int | Unset | None = UNSET,
        later_messages: bool | Unset | None = UNSET,
    ) -> models.CreatedShare:
        """Show a conversation to a group, or to whoever with an account opens the link in the response.
        Readers see the questions and answers of every thread branch, which may quote documents, and
        those sources that they can read themselves.
        """
        return await self.call(
            request(
                "POST",
                "/shares",
                body={
                    "conversation_id": conversation_id,
                    "group_id": group_id,
                    "expires_in_days": expires_in_days,
                    "later_messages": later_messages,
                },
            ),
            models.CreatedShare,
        )

    async def withdraw_share(self, share_id: UUID | str) -> None:
        """End a share: nobody reads the conversation from the next request on. Copies of readers stay."""
        await self.call_text(request("DELETE", "/shares/{share_id}", path={"share_id": share_id}))

    async def get_share(self, share_id: UUID | str) -> models.Share:
        """A share of the caller's, without its link."""
        return await self.call(request("GET", "/shares/{share_id}", path={"share_id": share_id}), models.Share)

    async def list_tags(
        self,
        *,
        limit: int | Unset = UNSET,
        cursor: str | Unset = UNSET,
        q: str | Unset = UNSET,
        is_global: bool | Unset = UNSET,
        document_id: UUID | str | Unset = UNSET,
        repository_id: UUID | str | Unset = UNSET,
        conversation_id: UUID | str | Unset = UNSET,
        memory_id: UUID | str | Unset = UNSET,
    ) -> models.TagPage:
        """The caller's own tags and the global ones, newest first; with `q` by name, with an id those of that
        entity.
        """
        return await self.call(
            request(
                "GET",
                "/tags",
                query={
                    "limit": limit,
                    "cursor": cursor,
                    "q": q,
                    "is_global": is_global,
                    "document_id": document_id,
                    "repository_id": repository_id,
                    "conversation_id": conversation_id,
                    "memory_id": memory_id,
                },
            ),
            models.TagPage,
        )

    async def create_tag(self, *, name: str, is_global: bool | Unset | None = UNSET) -> models.Tag:
        """Create a tag of the caller's own, or, as an administrator, a global tag for all users."""
        return await self.call(request("POST", "/tags", body={"name": name, "is_global": is_global}), models.Tag)

    async def delete_tag(self, tag_id: UUID | str) -> None:
        """Delete a tag. Documents and other things that had the tag stay. Only an administrator can delete a
        global tag.
        """
        await self.call_text(request("DELETE", "/tags/{tag_id}", path={"tag_id": tag_id}))

    async def get_tag(self, tag_id: UUID | str) -> models.Tag:
        """One tag."""
        return await self.call(request("GET", "/tags/{tag_id}", path={"tag_id": tag_id}), models.Tag)

    async def update_tag(self, tag_id: UUID | str, *, name: str) -> models.Tag:
        """Rename a tag. Only an administrator can rename a global tag."""
        return await self.call(
            request("PATCH", "/tags/{tag_id}", path={"tag_id": tag_id}, body={"name": name}), models.Tag
        )

    async def untag_conversation(self, tag_id: UUID | str, conversation_id: UUID | str) -> None:
        """Detach a tag from a conversation."""
        await self.call_text(
            request(
                "DELETE",
                "/tags/{tag_id}/conversations/{conversation_id}",
                path={"tag_id": tag_id, "conversation_id": conversation_id},
            )
        )

    async def tag_conversation(self, tag_id: UUID | str, conversation_id: UUID | str) -> None:
        """Attach a tag to one of the caller's conversations."""
        await self.call_text(
            request(
                "PUT",
                "/tags/{tag_id}/conversations/{conversation_id}",
                path={"tag_id": tag_id, "conversation_id": conversation_id},
            )
        )

    async def untag_document(self, tag_id: UUID | str, document_id: UUID | str) -> None:
        """Detach a tag from a document."""
        await self.call_text(
            request(
                "DELETE", "/tags/{tag_id}/documents/{document_id}", path={"tag_id": tag_id, "document_id": document_id}
            )
        )

    async def tag_document(self, tag_id: UUID | str, document_id: UUID | str) -> None:
        """Attach a tag to a document."""
        await self.call_text(
            request(
                "PUT", "/tags/{tag_id}/documents/{document_id}", path={"tag_id": tag_id, "document_id": document_id}
            )
        )

    async def untag_memory(self, tag_id: UUID | str, memory_id: UUID | str) -> None:
        """Detach a tag from a memory."""
        await self.call_text(
            request("DELETE", "/tags/{tag_id}/memories/{memory_id}", path={"tag_id": tag_id, "memory_id": memory_id})
        )

    async def tag_memory(self, tag_id: UUID | str, memory_id: UUID | str) -> None:
        """Attach a tag to one of the caller's memories."""
        await self.call_text(
            request("PUT", "/tags/{tag_id}/memories/{memory_id}", path={"tag_id": tag_id, "memory_id": memory_id})
        )

    async def untag_repository(self, tag_id: UUID | str, repository_id: UUID | str) -> None:
        """Detach a tag from a repository."""
        await self.call_text(
            request(
                "DELETE",
                "/tags/{tag_id}/repositories/{repository_id}",
                path={"tag_id": tag_id, "repository_id": repository_id},
            )
        )

    async def tag_repository(self, tag_id: UUID | str, repository_id: UUID | str) -> None:
        """Attach a tag to a repository, and so to the documents in it."""
        await self.call_text(
            request(
                "PUT",
                "/tags/{tag_id}/repositories/{repository_id}",
                path={"tag_id": tag_id, "repository_id": repository_id},
            )
        )

    async def list_updates(self, *, limit: int | Unset = UNSET, cursor: str | Unset = UNSET) -> models.UpdateEventPage:
        """Updates of the service with what each did to its components, newest first."""
        return await self.call(
            request("GET", "/updates", query={"limit": limit, "cursor": cursor}), models.UpdateEventPage
        )

    async def announce_update(self, *, size_bytes: int) -> models.AnnouncedUpdate:
        """Announce a signed package of a new version. When its bytes have arrived, the package is verified,
        and applied: the history says how it goes, and whether the former version was brought back.
        With an access token, it requires a login of the last 15 minutes (403
        `recent_login_required`).
        """
        return await self.call(request("POST", "/updates", body={"size_bytes": size_bytes}), models.AnnouncedUpdate)

    async def list_update_files(
        self, *, limit: int | Unset = UNSET, cursor: str | Unset = UNSET
    ) -> models.UpdateFilePage:
        """Files that were given as updates, with what their verification said, newest first."""
        return await self.call(
            request("GET", "/updates/files", query={"limit": limit, "cursor": cursor}), models.UpdateFilePage
        )

    async def list_users(
        self,
        *,
        limit: int | Unset = UNSET,
        cursor: str | Unset = UNSET,
        q: str | Unset = UNSET,
        is_active: bool | Unset = UNSET,
    ) -> models.ManagedUserPage:
        """Accounts, newest first."""
        return await self.call(
            request("GET", "/users", query={"limit": limit, "cursor": cursor, "q": q, "is_active": is_active}),
            models.ManagedUserPage,
        )

    async def create_user(
        self,
        *,
        email: str,
        username: str | Unset | None = UNSET,
        display_name: str | Unset | None = UNSET,
        password: str | Unset | None = UNSET,
        is_admin: bool | Unset | None = UNSET,
    ) -> models.ManagedUser:
        """Create an account, also while registration is closed. 409 `email_taken`. With an access token, it
        requires a login of the last 15 minutes (403 `recent_login_required`).
        """
        return await self.call(
            request(
                "POST",
                "/users",
                body={
                    "email": email,
                    "username": username,
                    "display_name": display_name,
                    "password": password,
                    "is_admin": is_admin,
                },
            ),
            models.ManagedUser,
        )

    async def delete_user(self, user_id: UUID | str) -> models.ManagedUser:
        """Deactivate an account, and have it erased after a wait (`delete_after`); until then it can be
        restored. 409 `conflict` for the own account: DELETE /me erases it at once. With an access
        token, it requires a login of the last 15 minutes (403 `recent_login_required`).
        """
        return await self.call(request("DELETE", "/users/{user_id}", path={"user_id": user_id}), models.ManagedUser)

    async def get_user(self, user_id: UUID | str) -> models.ManagedUser:
        """One account."""
        return await self.call(request("GET", "/users/{user_id}", path={"user_id": user_id}), models.ManagedUser)

    async def update_user(
        self,
        user_id: UUID | str,
        *,
        display_name: str | Unset | None = UNSET,
        is_active: bool | Unset | None = UNSET,
        is_admin: bool | Unset | None = UNSET,
        queue_weight: int | Unset | None = UNSET,
        password: str | Unset | None = UNSET,
        keep_api_keys: bool | Unset | None = UNSET,
    ) -> models.ManagedUser:
        """Change an account. Its deactivation and a new password end its sessions and API keys at once.
        `keep_api_keys` keeps the keys. 409 `last_administrator` when no other administrator would
        remain, 422 `password_reused` for one of the account's last five passwords. With an access
        token, it requires a login of the last 15 minutes (403 `recent_login_required`).
        """
        return await self.call(
            request(
                "PATCH",
                "/users/{user_id}",
                path={"user_id": user_id},
                body={
                    "display_name": display_name,
                    "is_active": is_active,
                    "is_admin": is_admin,
                    "queue_weight": queue_weight,
                    "password": password,
                    "keep_api_keys": keep_api_keys,
                },
            ),
            models.ManagedUser,
        )

    async def list_user_api_keys(
        self, user_id: UUID | str, *, limit: int | Unset = UNSET, cursor: str | Unset = UNSET
    ) -> models.ApiKeyPage:
        """The API keys of a user, newest first, without the keys themselves."""
        return await self.call(
            request(
                "GET", "/users/{user_id}/api-keys", path={"user_id": user_id}, query={"limit": limit, "cursor": cursor}
            ),
            models.ApiKeyPage,
        )

    async def revoke_user_api_key(self, user_id: UUID | str, key_id: UUID | str) -> None:
        """Revoke an API key of a user, at once."""
        await self.call_text(
            request("DELETE", "/users/{user_id}/api-keys/{key_id}", path={"user_id": user_id, "key_id": key_id})
        )

    async def delete_user_budget(self, user_id: UUID | str) -> None:
        """Delete a user's budget."""
        await self.call_text(request("DELETE", "/users/{user_id}/budget", path={"user_id": user_id}))

    async def set_user_budget(
        self,
        user_id: UUID | str,
        *,
        monthly_cost_usd: float | Unset | None = UNSET,
        monthly_tokens: int | Unset | None = UNSET,
    ) -> models.Budget:
        """Set what a user may spend in a month."""
        return await self.call(
            request(
                "PUT",
                "/users/{user_id}/budget",
                path={"user_id": user_id},
                body={"monthly_cost_usd": monthly_cost_usd, "monthly_tokens": monthly_tokens},
            ),
            models.Budget,
        )

    async def begin_user_email_change(
        self, user_id: UUID | str, *, email: str, language: Literal["en", "de"] | Unset | None = UNSET
    ) -> models.EmailChange:
        """Begin to change another account's address, for somebody who does not read the former one any more.
        The new address gets a link, which confirms the change in a session of the account; the
        former one, if it is verified, is told. A former change ends. 409 `mail_off`, `conflict` for
        the own account. With an access token, it requires a login of the last 15 minutes (403
        `recent_login_required`).
        """
        return await self.call(
            request(
                "POST",
                "/users/{user_id}/email-change",
                path={"user_id": user_id},
                body={"email": email, "language": language},
            ),
            models.EmailChange,
        )

    async def hand_over_user(self, user_id: UUID | str, *, heir_id: UUID | str) -> None:
        """Give the private documents and repositories of a deactivated user to another one, without reading
        them. Conversations and memories stay private, and are erased with the account. 409
        `conflict` for an account in use, and for an administrator who would get them; 503
        `unavailable` when it takes longer than a request may: repeat it. With an access token, it
        requires a login of the last 15 minutes (403 `recent_login_required`).
        """
        await self.call_text(
            request("POST", "/users/{user_id}/handover", path={"user_id": user_id}, body={"heir_id": heir_id})
        )

    async def get_user_holdings(self, user_id: UUID | str) -> models.Holdings:
        """What an account holds, in numbers alone: what a leaver leaves."""
        return await self.call(request("GET", "/users/{user_id}/holdings", path={"user_id": user_id}), models.Holdings)

    async def restore_user(self, user_id: UUID | str) -> models.ManagedUser:
        """Keep an account that was to be erased, and activate it. 404 for an account that was not. With an
        access token, it requires a login of the last 15 minutes (403 `recent_login_required`).
        """
        return await self.call(
            request("POST", "/users/{user_id}/restore", path={"user_id": user_id}), models.ManagedUser
        )

    async def end_second_factor_of(self, user_id: UUID | str) -> None:
        """End the second factor of a user who has lost it. With an access token, it requires a login of the
        last 15 minutes (403 `recent_login_required`).
        """
        await self.call_text(request("DELETE", "/users/{user_id}/second-factor", path={"user_id": user_id}))

    async def set_user_storage_limit(self, user_id: UUID | str, *, megabytes: int | Unset | None = UNSET) -> None:
        """Set what one user's space may hold, in place of the settings' limit."""
        await self.call_text(
            request("PUT", "/users/{user_id}/storage-limit", path={"user_id": user_id}, body={"megabytes": megabytes})
        )

    async def unlock_user(self, user_id: UUID | str) -> models.ManagedUser:
        """End every lock of an account."""
        return await self.call(
            request("POST", "/users/{user_id}/unlock", path={"user_id": user_id}), models.ManagedUser
        )

    async def list_webhooks(self, *, limit: int | Unset = UNSET, cursor: str | Unset = UNSET) -> models.WebhookPage:
        """The caller's webhooks, with the organisation's for an administrator; newest first."""
        return await self.call(
            request("GET", "/webhooks", query={"limit": limit, "cursor": cursor}), models.WebhookPage
        )

    async def create_webhook(
        self,
        *,
        url: str,
        events: list[
            Literal[
                "document.completed",
                "document.failed",
                "document.deleted",
                "answer.completed",
                "answer.failed",
                "answer.cancelled",
                "connector.failed",
                "budget.nearing",
                "budget.spent",
                "alert.raised",
            ]
        ],
        scope: Literal["user", "org"] | Unset | None = UNSET,
        description: str | Unset | None = UNSET,
        allow_private_addresses: bool | Unset | None = UNSET,
    ) -> models.CreatedWebhook:
        """Create a webhook. No other response contains `secret`, which verifies what it is sent. 403
        `account_required` for an anonymous user, 409 `too_many`, 422 `webhook_address`. With an
        access token, it requires a login of the last 15 minutes (403 `recent_login_required`).
        """
        return await self.call(
            request(
                "POST",
                "/webhooks",
                body={
                    "url": url,
                    "events": events,
                    "scope": scope,
                    "description": description,
                    "allow_private_addresses": allow_private_addresses,
                },
            ),
            models.CreatedWebhook,
        )

    async def delete_webhook(self, webhook_id: UUID | str) -> None:
        """Delete a webhook and its deliveries."""
        await self.call_text(request("DELETE", "/webhooks/{webhook_id}", path={"webhook_id": webhook_id}))

    async def get_webhook(self, webhook_id: UUID | str) -> models.Webhook:
        """One webhook."""
        return await self.call(
            request("GET", "/webhooks/{webhook_id}", path={"webhook_id": webhook_id}), models.Webhook
        )

    async def update_webhook(
        self,
        webhook_id: UUID | str,
        *,
        url: str | Unset | None = UNSET,
        events: list[
            Literal[
                "document.completed",
                "document.failed",
                "document.deleted",
                "answer.completed",
                "answer.failed",
                "answer.cancelled",
                "connector.failed",
                "budget.nearing",
                "budget.spent",
                "alert.raised",
            ]
        ]
        | Unset
        | None = UNSET,
        description: str | Unset | None = UNSET,
        is_enabled: bool | Unset | None = UNSET,
    ) -> models.Webhook:
        """Change a webhook's address, events or description, or disable or enable it. 422 `webhook_address`.
        With an access token, it requires a login of the last 15 minutes (403
        `recent_login_required`).
        """
        return await self.call(
            request(
                "PATCH",
                "/webhooks/{webhook_id}",
                path={"webhook_id": webhook_id},
                body={"url": url, "events": events, "description": description, "is_enabled": is_enabled},
            ),
            models.Webhook,
        )

    async def list_webhook_deliveries(
        self,
        webhook_id: UUID | str,
        *,
        limit: int | Unset = UNSET,
        cursor: str | Unset = UNSET,
        status: Literal["pending", "delivered", "failed"] | Unset = UNSET,
    ) -> models.DeliveryPage:
        """The deliveries of a webhook, newest first, kept for 30 days. `status` filters them."""
        return await self.call(
            request(
                "GET",
                "/webhooks/{webhook_id}/deliveries",
                path={"webhook_id": webhook_id},
                query={"limit": limit, "cursor": cursor, "status": status},
            ),
            models.DeliveryPage,
        )

    async def retry_webhook_delivery(self, webhook_id: UUID | str, delivery_id: UUID | str) -> models.Delivery:
        """Send a delivery again within a minute, whatever became of it."""
        return await self.call(
            request(
                "POST",
                "/webhooks/{webhook_id}/deliveries/{delivery_id}/retry",
                path={"webhook_id": webhook_id, "delivery_id": delivery_id},
            ),
            models.Delivery,
        )

    async def renew_webhook_secret(self, webhook_id: UUID | str) -> models.CreatedWebhook:
        """Make a new secret. For a day, deliveries are signed with both, so that no receiver misses one. With
        an access token, it requires a login of the last 15 minutes (403 `recent_login_required`).
        """
        return await self.call(
            request("POST", "/webhooks/{webhook_id}/secret", path={"webhook_id": webhook_id}), models.CreatedWebhook
        )

    async def test_webhook(self, webhook_id: UUID | str) -> models.Delivery:
        """Send the event `webhook.test` now, once, and show what became of it."""
        return await self.call(
            request("POST", "/webhooks/{webhook_id}/test", path={"webhook_id": webhook_id}), models.Delivery
        )

    async def list_workflow_activity(
        self,
        *,
        limit: int | Unset = UNSET,
        cursor: str | Unset = UNSET,
        workflow_name: str | Unset = UNSET,
        status: Literal["completed", "failed"] | Unset = UNSET,
        from_: datetime | Unset = UNSET,
        to: datetime | Unset = UNSET,
    ) -> models.WorkflowRunPage:
        """Runs of scheduled and background work, newest first."""
        return await self.call(
            request(
                "GET",
                "/workflow-activity",
                query={
                    "limit": limit,
                    "cursor": cursor,
                    "workflow_name": workflow_name,
                    "status": status,
                    "from": from_,
                    "to": to,
                },
            ),
            models.WorkflowRunPage,
        )
