"""The schedule and the deploy."""

from typing import Any


def tick() -> None:
    """Once a minute: run the repairs."""
    from chalicelib.ops.tick import run

    run()


def migrate(event: dict[str, Any]) -> dict[str, Any]:
    """At every deploy, before the new code serves: migrate. With a `Step`: one step of a secret's rotation.

    With `unlock`, the e-mail address or username of an account: end the account's locks, for an operator.
    """
    from chalicelib.ops import deployment, rotation

    if "Step" in event:
        rotation.rotate(event["Step"], event["SecretId"], event["ClientRequestToken"])
        return {}
    if "unlock" in event:
        return {"unlocked": deployment.unlock(event["unlock"])}
    return deployment.migrate()
