"""The schedule and the deploy."""

from typing import Any

from chalicelib.ops import deployment, healing


def tick() -> None:
    """Once a minute: repair and keep house."""
    healing.heal()


def migrate() -> dict[str, Any]:
    """At every deploy, before the new code serves."""
    return deployment.migrate()
