"""Which addresses a service that an administrator names may have, such as a model's server.

Loopback and private addresses are allowed: a vLLM stands in the VPC. Link-local addresses are not: there the cloud
answers with the function's own credentials. A name is judged by what it resolves to at the moment of connecting.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

MAX_URL_CHARS = 2048

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# The instance metadata service over IPv6 (Amazon EC2 user guide), and NAT64's prefix (RFC 6052).
_METADATA = ipaddress.ip_address("fd00:ec2::254")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class AddressError(ValueError):
    """The address is not acceptable; the message is a sentence that says why, about "it"."""


class UnknownHostError(OSError):
    """The name of the host leads nowhere now."""


def check(url: str) -> str:
    """`url` itself. Raises AddressError unless it is http or https to a host, without credentials or query.

    Names are not looked up here: they may resolve to something else later, so `resolve` judges them at each connection.
    """
    if len(url) > MAX_URL_CHARS or any(character <= " " or character == "\\" for character in url):
        raise AddressError("It is too long or has characters that no address has.")
    try:
        parts = urlsplit(url)
        host, named, _ = parts.hostname, parts.username or parts.password, parts.port
    except ValueError:
        raise AddressError("It is malformed.") from None
    if parts.scheme not in {"http", "https"} or not host:
        raise AddressError("It must begin with http:// or https:// and name a host.")
    if named is not None or "@" in parts.netloc:
        raise AddressError("It must not hold a user name or a password.")
    if parts.query or parts.fragment:
        raise AddressError("It must not have a query or a fragment.")
    try:
        literal = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return url
    _refuse_forbidden(literal)
    return url


def resolve(host: str, port: int) -> list[tuple[socket.AddressFamily, tuple[str, int]]]:
    """Families and socket addresses of `host`, to be tried in order.

    Raises AddressError when any of them is forbidden, UnknownHostError when there is none.
    """
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise UnknownHostError from None
    usable = [
        (family, address) for family, _, _, _, address in addresses if family in {socket.AF_INET, socket.AF_INET6}
    ]
    for _, address in usable:
        _refuse_forbidden(ipaddress.ip_address(str(address[0]).partition("%")[0]))
    if not usable:
        raise UnknownHostError
    return [(family, (str(address[0]), int(address[1]))) for family, address in usable]


def _refuse_forbidden(address: Address) -> None:
    if any(
        form.is_link_local or form.is_multicast or form.is_unspecified or form == _METADATA for form in _forms(address)
    ):
        raise AddressError("It is a link-local, multicast or metadata address.")


def _forms(address: Address) -> Iterator[Address]:
    """The address, and the IPv4 address that is wrapped in it."""
    yield address
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        for wrapped in (address.ipv4_mapped, address.sixtofour):
            if wrapped is not None:
                yield wrapped
