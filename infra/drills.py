"""A drill of a stage's backups now: `python -m infra.drills --stage NAME` begins it and shows how it goes.

The function `drill` of the stage does the work, and its schedule goes on with it when this command is ended.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.ops.updates.clouds import DeployError, Progress
from infra import stages
from infra.cloud import Cloud

_SECONDS = 15.0


def run(cloud: Cloud, stage: str, progress: Progress, seconds: float = _SECONDS) -> dict[str, Any]:
    """Begin a drill, or follow the one that runs; returns how it ended. DeployError when it cannot begin."""
    # The function may just be looking whether a drill is due; what it answers then is how the last one ended.
    while (answer := _invoke(cloud, stage, {"drill": "begin"}))["step"] == "ended" and answer.get("is_claimed"):
        time.sleep(seconds)
    shown = ""
    while answer["step"] != "ended":
        if answer["step"] != shown:
            shown = answer["step"]
            progress.report(f"  {shown}")
        time.sleep(seconds)
        answer = _invoke(cloud, stage, {})
    return answer


def _invoke(cloud: Cloud, stage: str, event: dict[str, str]) -> dict[str, Any]:
    try:
        reply = cloud.functions.invoke(FunctionName=f"alcove-{stage}-drill", Payload=json.dumps(event).encode())
    except cloud.functions.exceptions.ResourceNotFoundException as error:
        raise DeployError(f"{stage} has no drills: it does not stand, or its database is not the stage's.") from error
    answer: dict[str, Any] = json.loads(reply["Payload"].read())
    if reply.get("FunctionError"):
        raise DeployError(f"The function drill failed: {answer.get('errorType')}: {answer.get('errorMessage')}")
    return answer


def main() -> None:
    """Drill the backups of a stage in the account of the environment's credentials."""
    parser = argparse.ArgumentParser(prog="python -m infra.drills", description=__doc__)
    parser.add_argument("--stage", required=True, help="the stage whose database is restored and compared")
    arguments = parser.parse_args()
    try:
        ended = run(Cloud.connect(stages.open_session()), arguments.stage, Progress())
    except (DeployError, BotoCoreError, ClientError) as error:
        sys.exit(f"error: {error}")
    if ended["differences"]:
        sys.exit("error: the backup is not good:\n  " + "\n  ".join(ended["differences"]))
    counts = ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in ended["counts"].items())
    print(f"  the backup of {ended['at']} is good: {counts}")


if __name__ == "__main__":
    main()
