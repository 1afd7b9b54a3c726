"""The journal of a stage's drills: one object of the artefact bucket, so that no database wakes for it."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from chalicelib.core import aws
from chalicelib.core.settings import settings

NO_OBJECT = ("NoSuchKey", "NoSuchVersion", "404")
_CLAIMED_BY_ANOTHER = ("PreconditionFailed", "ConditionalRequestConflict")


@dataclass
class Journal:
    """How far a drill has come; after its end, when it began and how it ended."""

    # When the last drill began; in a stage that had none, since when it waits for one.
    started_at: str
    step: str = "ended"
    claimed_until: str = ""
    deleting_since: str = ""
    # What the function migrate said of the live database: at, size_bytes, since, tables, changing.
    live: dict[str, Any] = field(default_factory=dict)
    address: tuple[str, int] = ("", 0)
    counts: dict[str, int] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)
    is_recorded: bool = False


def summary(journal: Journal) -> dict[str, Any]:
    """What an operator is shown."""
    names = ("started_at", "step", "counts", "differences", "is_recorded")
    return {name: getattr(journal, name) for name in names} | {"at": journal.live.get("at", "")}


def read() -> tuple[Journal | None, str]:
    """The journal with the version of its object; None and "" before the first drill."""
    from botocore.exceptions import ClientError

    try:
        stored = aws.s3().get_object(Bucket=settings().artefact_bucket, Key=_key())
    except ClientError as error:
        if error.response["Error"]["Code"] not in NO_OBJECT:
            raise
        return None, ""
    return Journal(**json.loads(stored["Body"].read())), stored["ETag"]


def write(journal: Journal, version: str | None = None) -> bool:
    """Store the journal; with `version`, only when the object is that version, or not there for "". Whether it was."""
    from botocore.exceptions import ClientError

    only: Any = {} if version is None else {"IfMatch": version} if version else {"IfNoneMatch": "*"}
    body = json.dumps(asdict(journal)).encode()
    try:
        aws.s3().put_object(Bucket=settings().artefact_bucket, Key=_key(), Body=body, **only)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _CLAIMED_BY_ANOTHER:
            raise
        return False
    return True


def _key() -> str:
    return f"drills/{settings().stage}.json"
