"""The permitted addresses of model servers (core/outbound.py), with errors as LlmError."""

from __future__ import annotations

import socket

from chalicelib.chat.llm.failures import LlmError
from chalicelib.core import outbound


def check_address(url: str) -> str:
    """`url` itself. Raises LlmError (bad_address) unless it is http(s) to a host, without credentials or query."""
    try:
        return outbound.check_endpoint(url)
    except outbound.AddressError as error:
        raise LlmError("bad_address", str(error)) from None


def resolve(host: str, port: int) -> list[tuple[socket.AddressFamily, tuple[str, int]]]:
    """Families and socket addresses of `host`, to be tried in order.

    Raises LlmError: bad_address when any of them is forbidden, unavailable when there is none.
    """
    try:
        return outbound.resolve(host, port)
    except outbound.AddressError as error:
        raise LlmError("bad_address", str(error)) from None
    except outbound.UnknownHostError:
        raise LlmError("unavailable", "The host name of the model's server cannot be resolved (DNS).") from None
