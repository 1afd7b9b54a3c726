"""Requests and responses about alerts and their channels."""

from datetime import time
from typing import Annotated, ClassVar, Literal
from uuid import UUID
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, model_validator

from chalicelib.auth.accounts.models import Email
from chalicelib.core.models import (
    STORABLE,
    Changes,
    Moment,
    PageQuery,
    Resource,
    Text,
    Timestamp,
    matching,
)

Level = Literal["ok", "warning", "critical"]
Kind = Literal["metric", "service", "healing", "test"]
Channel = Literal["telegram", "email", "webhook"]

Percent = Annotated[float, Field(ge=0, le=100)]
Celsius = Annotated[float, Field(ge=-50, le=200)]
TimeOfDay = Annotated[time, PlainSerializer(lambda moment: moment.strftime("%H:%M"), return_type=str)]
_CLOCK = r"^([01]\d|2[0-3]):[0-5]\d$"
ClockText = Annotated[str, matching(_CLOCK, "must be a time of day such as 22:00")]


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("must be a time zone such as Europe/Berlin")
    return name


TimeZone = Annotated[str, Field(max_length=100), STORABLE, AfterValidator(_known_zone)]
BotToken = Annotated[
    str, matching(r"^\d{1,20}:[A-Za-z0-9_-]{10,100}$", "must be a bot's token such as 123456789:AA…", max_length=130)
]
ChatId = Annotated[
    str, matching(r"^(-?\d{1,30}|@[A-Za-z]\w{3,40})$", "must be a chat's number or @name", max_length=50)
]


class AlertThresholds(BaseModel):
    """From which values on an alert is raised, and which alerts are sent: the names and defaults of Arasul."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    cpu_warning: Percent = 80
    cpu_critical: Percent = 95
    ram_warning: Percent = 80
    ram_critical: Percent = 95
    disk_warning: Percent = 80
    disk_critical: Percent = 95
    gpu_warning: Percent = 85
    gpu_critical: Percent = 95
    temperature_warning: Celsius = 75
    temperature_critical: Celsius = 85
    notify_on_warning: bool = False
    notify_on_critical: bool = True
    notify_on_service_down: bool = True
    notify_on_self_healing: bool = True
    cooldown_minutes: Annotated[int, Field(ge=0, le=1440)] = 15

    @model_validator(mode="after")
    def _ordered(self) -> "AlertThresholds":
        for name in ("cpu", "ram", "disk", "gpu", "temperature"):
            if getattr(self, f"{name}_warning") > getattr(self, f"{name}_critical"):
                raise ValueError(f"`{name}_warning` must not be higher than `{name}_critical`")
        return self


class TelegramConfig(Resource):
    """The configuration of alerts to Telegram, without the bot's token."""

    has_bot_token: bool
    chat_id: str | None
    api_url: str
    enabled: bool
    alert_thresholds: AlertThresholds
    quiet_from: TimeOfDay | None
    quiet_until: TimeOfDay | None
    quiet_time_zone: str
    critical_in_quiet_hours: bool
    updated_at: Timestamp


class TelegramChanges(Changes):
    """Changes of the configuration. `alert_thresholds` replaces all thresholds; what it omits gets its default."""

    _nullable: ClassVar[frozenset[str] | None] = frozenset({"bot_token", "chat_id", "quiet_from", "quiet_until"})

    bot_token: BotToken | None = None
    chat_id: ChatId | None = None
    api_url: Annotated[Text, Field(min_length=8, max_length=500)] | None = None
    enabled: bool | None = None
    alert_thresholds: AlertThresholds | None = None
    quiet_from: ClockText | None = None
    quiet_until: ClockText | None = None
    quiet_time_zone: TimeZone | None = None
    critical_in_quiet_hours: bool | None = None


def _once(addresses: list[str]) -> list[str]:
    return list(dict.fromkeys(addresses))


class EmailAlertsConfig(Resource):
    """Who gets alerts by e-mail."""

    enabled: bool
    recipients: list[str]
    updated_at: Timestamp


class EmailAlertsChanges(Changes):
    """Changes of who gets alerts by e-mail. `recipients` replaces all of them."""

    enabled: bool | None = None
    recipients: Annotated[list[Email], Field(max_length=10), AfterValidator(_once)] | None = None


class AlertDelivery(Resource):
    """An alert's way through one channel."""

    channel: Channel
    attempts: int
    sent_at: Timestamp | None
    error: str | None


class Alert(Resource):
    """An alert, and whether it has arrived."""

    id: UUID
    subject: str
    kind: Kind
    level: Level
    message: str
    hold_until: Timestamp | None
    created_at: Timestamp
    deliveries: list[AlertDelivery]


class AlertQuery(PageQuery):
    """A filter of alerts: every condition must hold. `from` is inclusive, `to` is exclusive."""

    level: Level | None = None
    kind: Kind | None = None
    since: Moment | None = Field(default=None, alias="from")
    until: Moment | None = Field(default=None, alias="to")
