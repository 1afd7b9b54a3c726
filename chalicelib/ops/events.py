"""The schedule and the deploy."""

from typing import Any


def tick() -> None:
    """Once a minute: repair and keep house."""
    from chalicelib.ops.tick import run

    run()


def migrate(event: dict[str, Any]) -> dict[str, Any]:
    """At every deploy, before the new code serves; with a `Step`, one step of exchanging a secret."""
    from chalicelib.ops import deployment, rotation

    if "Step" in event:
        rotation.rotate(event["Step"], event["SecretId"], event["ClientRequestToken"])
        return {}
    return deployment.migrate()
