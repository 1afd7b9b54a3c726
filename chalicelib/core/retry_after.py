"""What another server's `Retry-After` header says."""

import math
import time


def seconds(value: str | None) -> float | None:
    """The seconds that the header names, by a number or a date (RFC 9110, 10.2.3); None without one."""
    if value is None:
        return None
    try:
        return max(0.0, float(value)) if math.isfinite(float(value)) else None
    except ValueError:
        pass
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None
