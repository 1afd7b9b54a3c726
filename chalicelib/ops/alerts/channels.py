"""What every channel of alerts has: a name, how much a message takes, and how one is sent."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


class ChannelError(Exception):
    """A message was not accepted. Its text is a sentence without a secret; `retry_after` is in seconds."""

    def __init__(self, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class SendingChannel:
    """A channel that `tick` sends through. `send` raises ChannelError, and returns whom the message did not reach."""

    name: Literal["telegram", "email"]
    max_chars: int
    send: Callable[[str], str | None]
