"""The schedule and the deploy."""

from typing import Any


def tick() -> None:
    """Once a minute: repair and keep house."""
    from chalicelib.ops import healing, measuring

    try:
        healing.heal()
    finally:
        measuring.measure_queue()


def migrate() -> dict[str, Any]:
    """At every deploy, before the new code serves."""
    from chalicelib.ops import deployment

    return deployment.migrate()
