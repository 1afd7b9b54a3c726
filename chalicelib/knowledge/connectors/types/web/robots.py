"""What sites permit: robots.txt (RFC 9309), its delays and its sitemaps."""

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chalicelib.core.browsing import Browser, TooBigError
from chalicelib.core.outbound import AddressError, OutboundError, ResponseLimits
from chalicelib.knowledge.connectors.sources import ConfigurationError, SourceError
from chalicelib.knowledge.connectors.types.web.frontier import origin

if TYPE_CHECKING:
    from protego import Protego

_AGENT = "alcove"
_MOST_DELAY = 10.0
_LIMITS = ResponseLimits(read_seconds=20, total_seconds=30, max_bytes=1024 * 1024)


@dataclass(slots=True)
class Robots:
    """The robots.txt of each host, asked for once in an invocation."""

    browser: Browser
    _rules: "dict[str, Protego | None]" = field(default_factory=dict)
    _requested_at: float = 0.0

    def permits(self, url: str) -> bool:
        """Whether the host lets us read this address. Raises SourceError while its rules cannot be read."""
        rules = self._of(origin(url))
        return rules is None or bool(rules.can_fetch(url, _AGENT))

    def wait(self, url: str) -> None:
        """Wait as long as the host asks between two requests, ten seconds at most."""
        rules = self._of(origin(url))
        delay = rules.crawl_delay(_AGENT) if rules is not None else None
        if delay:
            time.sleep(max(0.0, min(float(delay), _MOST_DELAY) - (time.monotonic() - self._requested_at)))
        self._requested_at = time.monotonic()

    def sitemaps(self, host: str) -> list[str]:
        """The sitemaps that a host's robots.txt names, or the usual place of one. `host` is its origin."""
        rules = self._of(host)
        named = [str(url) for url in rules.sitemaps] if rules is not None else []
        return named or [f"{host}/sitemap.xml"]

    def _of(self, host: str) -> "Protego | None":
        """The rules of a host; None when it has none (RFC 9309, 2.3.1). A host that fails permits nothing yet."""
        if host in self._rules:
            return self._rules[host]
        from protego import Protego

        text: str | None = None
        try:
            response = self.browser.get(f"{host}/robots.txt", limits=_LIMITS)
        except TooBigError:
            pass
        except AddressError as error:
            raise ConfigurationError(str(error)) from error
        except OutboundError as error:
            raise SourceError(str(error)) from error
        else:
            if response.status >= 500 or response.status == 429:
                raise SourceError(
                    f"{host}/robots.txt answers with status {response.status}.", retry_after=response.retry_after()
                )
            if response.status == 200:
                text = response.body.decode("utf-8", "replace")
        self._rules[host] = None if text is None else Protego.parse(text)
        return self._rules[host]
