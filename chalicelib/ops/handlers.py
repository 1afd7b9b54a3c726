"""The schedule and the deploy."""

from typing import Any

from chalicelib.core import tick_requests

# How the name of the daily schedule ends (infra/template.yaml); the other one comes every minute.
SWEEP = "-sweep"


def tick(event: dict[str, Any]) -> None:
    """Run the repairs: each minute if a tick was requested or no queue takes requests, and once a day."""
    from chalicelib.ops import tick as ticks

    ticks.tick(sweep=any(rule.endswith(SWEEP) for rule in event["resources"]))


def update(event: dict[str, Any]) -> dict[str, str]:
    """Apply the packages that the bucket's event names; returns what became of each by its key."""
    from chalicelib.ops.updates import receiving

    return receiving.receive(event)


def drill(event: dict[str, Any]) -> dict[str, Any]:
    """Go on with the drill of the account's backups, or begin one that is due or, with `drill`, requested."""
    from chalicelib.ops.drills import drill as drills

    return drills.run(requested="drill" in event)


def migrate(event: dict[str, Any]) -> dict[str, Any]:
    """At every deploy, before the new code serves: migrate. With a `Step`: one step of a secret's rotation.

    With `unlock`, the e-mail address or username of an account: end the account's locks, for an operator. With
    `history`: store what an update did. With `smoke`: search with this version's code. With `probe`: create or erase
    the account of the first requests. With `restoring`: which objects the documents of a restored database refer to, or
    the versions that these have in the new bucket. With `drill`: what a drill asks of a database.
    """
    from chalicelib.ops import deployment, rotation

    if "Step" in event:
        rotation.rotate(event["Step"], event["SecretId"], event["ClientRequestToken"])
        return {}
    if "unlock" in event:
        return {"unlocked": deployment.unlock(event["unlock"])}
    if "history" in event:
        deployment.record_update(event["history"])
        return {}
    if "smoke" in event:
        return {"searches": deployment.smoke()}
    if "probe" in event:
        return deployment.probe(event["probe"])
    if "restoring" in event:
        return deployment.restore_objects(event["restoring"])
    if "drill" in event:
        from chalicelib.ops.drills import databases

        return databases.work(event["drill"])
    migrated = deployment.migrate()
    tick_requests.request()
    return migrated
