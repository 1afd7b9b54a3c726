"""Alerts (O4): what tick observes, decides, stores and sends."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from typing import TYPE_CHECKING, Any
from uuid import UUID

from chalicelib.core import identity, rows, sql
from chalicelib.core.models import Page, page_of
from chalicelib.core.sealed import BrokenSealError, Sealed
from chalicelib.core.settings import settings
from chalicelib.ops.alerts import decisions, mailing, telegram
from chalicelib.ops.alerts.channels import ChannelError, SendingChannel
from chalicelib.ops.alerts.models import Alert, AlertQuery, AlertThresholds
from chalicelib.ops.alerts.sealed_columns import BOT_TOKEN

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

_CLAIMED = 200
# Of each channel: a tick has a minute for everything; one message takes ten seconds at most.
_SEND_SECONDS = 15.0
# More alerts than this at once are sent as one message, a digest; so are those that quiet hours or a channel that was
# down kept back.
MAX_SINGLE = 5
_SIGNS = {"ok": "✅", "warning": "⚠️", "critical": "🔴"}


@dataclass(frozen=True, slots=True)
class Configuration:
    """The row of telegram_config, with the sealed token: channels, thresholds, quiet hours."""

    id: int
    ciphertext: bytes | None
    wrapped_key: bytes | None
    master_key: str | None
    chat_id: str | None
    api_url: str
    enabled: bool
    alert_thresholds: dict[str, Any]
    quiet_from: time_of_day | None
    quiet_until: time_of_day | None
    quiet_time_zone: str
    critical_in_quiet_hours: bool
    email_enabled: bool
    email_recipients: list[str]

    def thresholds(self) -> AlertThresholds:
        """The thresholds; what is not stored has its default."""
        return AlertThresholds.model_validate(self.alert_thresholds)

    def quiet_hours(self) -> decisions.QuietHours | None:
        """The quiet hours, or None."""
        if self.quiet_from is None or self.quiet_until is None:
            return None
        return decisions.QuietHours(
            self.quiet_from, self.quiet_until, self.quiet_time_zone, self.critical_in_quiet_hours
        )

    def channels(self) -> list[SendingChannel]:
        """The channels that are in use."""
        by_telegram = SendingChannel("telegram", telegram.MAX_CHARS, self.send_to_telegram)
        by_email = SendingChannel("email", mailing.MAX_CHARS, lambda text: mailing.send(self.email_recipients, text))
        return [by_telegram] * self.enabled + [by_email] * self.email_enabled

    def send_to_telegram(self, text: str) -> None:
        """Send a text to Telegram. Raises TelegramError."""
        if self.ciphertext is None or self.wrapped_key is None or self.master_key is None or self.chat_id is None:
            raise telegram.TelegramError("The bot's token or the chat is missing.")
        try:
            token = BOT_TOKEN.unseal(Sealed(self.ciphertext, self.wrapped_key, self.master_key), self.id)
        except BrokenSealError:
            raise telegram.TelegramError("The stored token does not open. Set it again.") from None
        telegram.send(self.api_url, token, self.chat_id, text)


@dataclass(frozen=True, slots=True)
class Due:
    """An alert that is to be sent now. `is_late`: quiet hours or a failed attempt kept it back."""

    alert_id: UUID
    level: str
    message: str
    created_at: datetime
    is_late: bool


@dataclass(frozen=True, slots=True)
class _Observed:
    hosts: list[dict[str, Any]]
    events: list[dict[str, Any]]
    failing: list[str]
    oldest_wait_seconds: float
    subjects: list[dict[str, Any]]
    has_webhooks: bool


def configuration(conn: "Conn") -> Configuration:
    """The configuration of alerts; the table has one row."""
    stored = rows.one(conn, Configuration, queries.alert_configuration)
    if stored is None:
        raise RuntimeError("telegram_config has no row")
    return stored


def raise_alerts(now: datetime | None = None) -> int:
    """Decide which alerts arise, and store them; returns how many. Nothing is decided while another tick decides."""
    from psycopg.types.json import Jsonb

    now = now or datetime.now(UTC)
    with identity.as_nobody() as conn:
        config = configuration(conn)
        observed = rows.one(conn, _Observed, queries.observe)
        if observed is None or not (config.channels() or observed.has_webhooks):
            return 0
        thresholds = config.thresholds()
        observations = decisions.observe(
            observed.hosts, observed.events, observed.failing, observed.oldest_wait_seconds, thresholds
        )
        changed, alerts = decisions.decide(
            observations, _subjects(observed.subjects), thresholds, config.quiet_hours(), now
        )
        params = {
            "subjects": Jsonb([_plain(subject) for subject in changed]),
            "alerts": Jsonb([_plain(alert) for alert in alerts]),
            "channels": [channel.name for channel in config.channels()],
        }
        if changed or alerts:
            conn.execute(queries.store, params)
    return len(alerts)


def _subjects(stored: Sequence[dict[str, Any]]) -> dict[str, decisions.Subject]:
    return {
        row["subject"]: decisions.Subject(
            row["subject"],
            row["level"],
            row["reported_level"],
            datetime.fromisoformat(row["reported_at"]) if row["reported_at"] else None,
            row["pending"],
        )
        for row in stored
    }


def _plain(row: decisions.Subject | decisions.NewAlert) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, datetime) else value[:1000] if isinstance(value, str) else value
        for name, value in asdict(row).items()
    }


def send_due() -> int:
    """Send the alerts that are due; returns how many arrived. What fails is tried again, and nothing is given up."""
    with identity.as_nobody() as conn:
        channels = configuration(conn).channels()
    return sum(_send_through(channel) for channel in channels)


def _send_through(channel: SendingChannel) -> int:
    with identity.as_nobody() as conn:
        due = rows.many(conn, Due, queries.claim, {"channel": channel.name, "amount": _CLAIMED})
    sent, deadline = 0, time.monotonic() + _SEND_SECONDS
    texts = messages(due, channel.max_chars)
    for number, (ids, text) in enumerate(texts):
        if time.monotonic() > deadline:
            break  # the rest is due again in two minutes
        try:
            missed = channel.send(text)
        except ChannelError as error:
            # What follows is not tried now: it would fail as well, and the order would be lost.
            left = [id_ for more, _ in texts[number:] for id_ in more]
            pause = timedelta(seconds=error.retry_after) if error.retry_after else None
            _finish(channel, left, arrived=False, error=str(error), pause=pause)
            return sent
        _finish(channel, ids, arrived=True, error=missed)
        sent += len(ids)
    return sent


def _finish(
    channel: SendingChannel,
    ids: Sequence[UUID],
    *,
    arrived: bool,
    error: str | None = None,
    pause: timedelta | None = None,
) -> None:
    """Record that deliveries arrived, or why they did not, or not at everybody's."""
    params = {"ids": list(ids), "channel": channel.name, "arrived": arrived, "error": error, "pause": pause}
    with identity.as_nobody() as conn:
        conn.execute(queries.finish, params)


def messages(due: Sequence[Due], max_chars: int) -> list[tuple[list[UUID], str]]:
    """The texts to send, each with the alerts that it tells. Late alerts, and very many, are told together."""
    late = [alert for alert in due if alert.is_late]
    fresh = [alert for alert in due if not alert.is_late]
    if len(fresh) > MAX_SINGLE:
        late, fresh = sorted(due, key=lambda alert: alert.alert_id), []
    texts = [([alert.alert_id], f"{_title(alert.level)} {alert.message}") for alert in fresh]
    return [*_digests(late, max_chars), *texts]


def _title(level: str) -> str:
    return f"{_SIGNS[level]} alcove {settings().stage}:"


def _digests(late: Sequence[Due], max_chars: int) -> Iterator[tuple[list[UUID], str]]:
    """Texts of at most `max_chars` characters."""
    ids: list[UUID] = []
    text = ""
    for alert in late:
        line = f"{_SIGNS[alert.level]} {alert.created_at.astimezone(UTC):%m-%d %H:%M} UTC {alert.message}\n"
        if len(text) + len(line) > max_chars - 100:
            yield ids, f"alcove {settings().stage}: {len(ids)} alerts\n{text}"
            ids, text = [], ""
        ids, text = [*ids, alert.alert_id], text + line
    if ids:
        many = f"{len(ids)} alerts" if len(ids) > 1 else "1 alert"
        yield ids, f"alcove {settings().stage}: {many}\n{text}"


def list_page(conn: "Conn", query: AlertQuery) -> Page[Alert]:
    """Alerts, newest first."""
    params = query.model_dump(exclude={"limit", "cursor"}) | {"after": query.after(), "limit": query.limit + 1}
    return page_of(rows.many(conn, Alert, queries.list, params), query.limit)
