"""A drill of an account's backups, over several invocations of the function `drill`, which a schedule starts.

    digest → restore → compare → delete → ended

An invocation goes on until it has to wait for RDS; the next one continues. What it knows is one object of the artefact
bucket, the journal, which is written before each step. One invocation at a time claims the journal. A drill whose
invocation died, or that failed in any step, is a failed drill: its database is deleted, and then it is recorded.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.core import activity, aws, logins
from chalicelib.core.log import logger
from chalicelib.core.settings import settings
from chalicelib.ops.drills import digests, journals
from chalicelib.ops.drills.journals import Journal
from chalicelib.ops.drills.point_in_time import PointInTime, scratch_name

# Of a table; each is compared for itself.
PARTS = 256
# Longer than an invocation can last.
_CLAIM = timedelta(minutes=16)
_LONGEST = timedelta(hours=4)
_LONGEST_DELETION = timedelta(hours=1)
_COMPONENTS = ["database", "objects"]


class DrillError(RuntimeError):
    """The drill cannot go on; the message is its difference."""


def run(*, requested: bool = False) -> dict[str, Any]:
    """Begin a drill when one is due, or `requested`, and go on with the one that runs; returns how far it is.

    `is_claimed` in it: another invocation is at work, and this one did nothing, also not what was requested.
    """
    journal, version = journals.read()
    if journal is None:
        journal = Journal(started_at=_now().isoformat())
        if not requested and not _days() and not _is_left():
            return journals.summary(journal)
    is_running = journal.step != "ended"
    if journal.claimed_until and _time(journal.claimed_until) > _now():
        return journals.summary(journal) | {"is_claimed": True}
    if version and not is_running and not requested and not _is_due(journal) and not _is_left():
        return journals.summary(journal)
    was_interrupted = bool(journal.claimed_until)
    journal.claimed_until = (_now() + _CLAIM).isoformat()
    if not journals.write(journal, version):
        return journals.summary(journal) | {"is_claimed": True}
    try:
        if not is_running:
            journal = _opened(journal, requested=requested)
        elif was_interrupted and journal.step != "delete":
            _fail(journal, f"The drill was interrupted in the step {journal.step}.")
        while _advance(journal):
            journals.write(journal)
    finally:
        journal.claimed_until = ""
        journals.write(journal)
    return journals.summary(journal)


def _opened(former: Journal, *, requested: bool) -> Journal:
    journal = Journal(started_at=_now().isoformat(), claimed_until=former.claimed_until)
    if _is_left():
        _fail(journal, f"The database {_name()} of an earlier drill was there still.")
    elif requested or _is_due(former):
        journal.step = "digest"
    else:
        journal.started_at = former.started_at
    return journal


def _is_due(journal: Journal) -> bool:
    return bool(_days()) and _time(journal.started_at) + timedelta(days=_days()) <= _now()


def _is_left() -> bool:
    """Whether there is a scratch database, though no drill runs."""
    return _copy().status() is not None


def _advance(journal: Journal) -> bool:
    """One step; returns whether the next one can follow now. Any failure leads to the deletion of the copy."""
    step = {"digest": _digest, "restore": _restore, "compare": _compare, "delete": _delete}.get(journal.step)
    if step is None:
        return False
    logger().info("drill", step=journal.step, started_at=journal.started_at)
    if journal.step == "delete":
        return _delete(journal)
    try:
        _require_time(journal)
        return step(journal)
    except Exception as error:  # noqa: BLE001 — whatever it is, the database is deleted and the drill has failed
        logger().exception("drill failed", step=journal.step)
        _fail(journal, str(error) if isinstance(error, DrillError) else activity.error_text(error))
        return True


def _require_time(journal: Journal) -> None:
    if _time(journal.started_at) + _LONGEST < _now():
        raise DrillError(f"The drill did not come further than the step {journal.step} in four hours.")


def _fail(journal: Journal, difference: str) -> None:
    journal.differences.append(difference)
    _begin_deletion(journal)


def _begin_deletion(journal: Journal) -> None:
    if journal.step != "delete":
        journal.step, journal.deleting_since = "delete", _now().isoformat()


def _digest(journal: Journal) -> bool:
    journal.live = _migrate({"digest": PARTS})
    journal.step = "restore"
    return True


def _restore(journal: Journal) -> bool:
    at = _time(journal.live["at"])
    copy = _copy()
    if copy.status() is None:
        latest = copy.restorable().latest
        if latest is None or latest < at:
            return False  # RDS is some minutes behind
        copy.restore(at)
    address = copy.address()
    if address is None:
        return False
    journal.address = address
    journal.step = "compare"
    return True


def _compare(journal: Journal) -> bool:
    host, port = journal.address
    event = {"host": host, "port": port, "parts": PARTS, "since": journal.live["since"]}
    event["passwords"] = _tokens(host, port) if settings().database_address else {}
    there = _migrate({"copy": event})
    live, copy = digests.from_json(journal.live["tables"]), digests.from_json(there["tables"])
    journal.differences += digests.differences(live, copy, journal.live["changing"])
    if there["search_error"] is not None:
        journal.differences.append(f"a search in the restored database fails: {there['search_error']}")
    journal.differences += _differences_of_objects(there["objects"])
    journal.counts = {
        "tables": len(copy),
        "rows": sum(digests.total(sums).rows for sums in copy.values()),
        "changing_parts": sum(map(len, journal.live["changing"].values())),
        "objects": len(there["objects"]),
        "searches": there["searches"],
    }
    _begin_deletion(journal)
    return True


def _tokens(host: str, port: int) -> dict[str, str]:
    """Tokens of IAM for the copy, by role: migrate may log in to the live database alone."""
    return {
        role: aws.rds().generate_db_auth_token(DBHostname=host, Port=port, DBUsername=role)
        for role in (logins.OWNER, logins.APP)
    }


def _differences_of_objects(objects: list[list[str]]) -> list[str]:
    """How objects differ from the hashes of the restored documents: in the versions that these refer to."""
    sentences, missing = [], []
    for key, version, sha256 in objects:
        digest = _sha256(key, version)
        if digest is None:
            missing.append(key)
        elif digest != sha256:
            sentences.append(f"the object {key} has other contents")
    if missing:  # one whose document was deleted for good meanwhile is rightly gone
        present = _migrate({"present": missing})["present"]
        sentences += [f"the object {key} is missing in the version of that time" for key in present]
    return sentences


def _sha256(key: str, version: str) -> str | None:
    """The SHA-256 of a version of an object; None when the bucket has no such version."""
    import hashlib

    from botocore.exceptions import ClientError

    try:
        body = aws.s3().get_object(Bucket=settings().bucket, Key=key, VersionId=version)["Body"]
    except ClientError as error:
        if error.response["Error"]["Code"] not in journals.NO_OBJECT:
            raise
        return None
    digest = hashlib.sha256()
    for part in body.iter_chunks(1024 * 1024):
        digest.update(part)
    return digest.hexdigest()


def _delete(journal: Journal) -> bool:
    """Delete the copy; the drill is recorded when that is done, or seems not to succeed, which is a difference."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        is_deleted, reason = _copy().delete(), "it is still there"
    except (BotoCoreError, ClientError) as error:  # such as one that is just being made: it cannot be deleted yet
        is_deleted, reason = False, activity.error_text(error)
    is_late = _time(journal.deleting_since) + _LONGEST_DELETION < _now()
    if not is_deleted and not journal.is_recorded and is_late:
        journal.differences.append(f"The database {_name()} cannot be deleted, and costs money: {reason}")
    if (is_deleted or is_late) and not journal.is_recorded:
        _migrate({"record": _record_of(journal)})
        journal.is_recorded = True
        journals.write(journal)
    if is_deleted:
        journal.step = "ended"
        journal.live, journal.address = {"at": journal.live.get("at", "")}, ("", 0)
    return False


def _record_of(journal: Journal) -> dict[str, Any]:
    at = journal.live.get("at", journal.started_at)
    counted = ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in journal.counts.items())
    return {
        "backup_path": f"alcove-{settings().stage}@{at}",
        "created_at": at,
        "backup_size_bytes": journal.live.get("size_bytes", 0),
        "components": _COMPONENTS,
        "duration_ms": round((_now() - _time(journal.started_at)).total_seconds() * 1000),
        "differences": journal.differences,
        "counts": journal.counts,
        "notes": f"drill at {_now():%Y-%m-%d %H:%M} UTC: {counted}",
    }


def _migrate(event: dict[str, Any]) -> dict[str, Any]:
    """What the function migrate answers; DrillError with its error."""
    name = f"alcove-{settings().stage}-migrate"
    reply = aws.functions().invoke(FunctionName=name, Payload=json.dumps({"drill": event}).encode())
    answer = json.loads(reply["Payload"].read() or b"null")
    if reply.get("FunctionError") or not isinstance(answer, dict):
        answer = answer if isinstance(answer, dict) else {}
        raise DrillError(f"{name} failed: {answer.get('errorType')}: {answer.get('errorMessage')}")
    return answer


def _copy() -> PointInTime:
    stage, is_aurora = settings().stage, settings().database_engine == "aurora"
    tags = {"Application": "alcove", "Stage": stage, "Drill": stage}
    return PointInTime(aws.rds(), f"alcove-{stage}", _name(), is_aurora=is_aurora, tags=tags)


def _name() -> str:
    return scratch_name(settings().stage)


def _days() -> int:
    return int(settings().drill_days)


def _now() -> datetime:
    return datetime.now(UTC)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
