"""A paused database that wakes 5, 15, 25, 35 or 60 seconds after the first connection: what each that comes sees.

To a stack's PostgreSQL come, each in a process of its own with the settings that the stack gives its function, and each
by a listener of its own that wakes so late: a first deployment, a further one, a request, a worker, and the daily sweep
of `tick`. The time runs from the first connection on, so that a busy machine changes nothing of what is seen.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.commands import Command, parser
from infra import package
from infra.cloud import Cloud
from infra.local import emulator, postgres, stack
from infra.local.release import DATABASE, STAGE
from tests.paused_database import PausedDatabase

COMMAND = Command(
    "Let a paused database wake after 5 to 60 seconds, and see what requests, workers and deployments meet",
    smallest=(),
    costs="it waits for a minute; tests/core/test_waking.py shows each rule with short times",
)

WAKES_AFTER = (5, 15, 25, 35, 60)
# Who comes: the function whose settings it has, and the seconds it waits at most by these.
CALLERS = {
    "request": ("api", 8),
    "worker": ("answer", 60),
    "tick": ("tick", 40),
    "redeploy": ("migrate", 300),
    "first deploy": ("migrate", 300),
}
_READY_SECONDS, _END_SECONDS = 300, 400


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; 1 when one sees something else than its settings say."""
    command_line = parser("tests.endurance waking", __doc__)
    command_line.add_argument("--child", choices=tuple(CALLERS))
    child: str | None = command_line.parse_args(arguments).child
    if child:
        return _come(child)
    with tempfile.TemporaryDirectory(prefix="alcove-waking-") as name:
        state = Path(name)
        state.chmod(0o755)
        try:
            return _run(stack.cloud_of(stack.up(state, silent=True).endpoint_url), stack.start_postgres(state))
        finally:
            stack.reset(state)


def _run(cloud: Cloud, server: postgres.Server) -> int:
    for seconds in WAKES_AFTER:
        postgres.create_database(server, _new_database(seconds))
    pairs = [(caller, seconds) for seconds in WAKES_AFTER for caller in CALLERS]
    listeners = {pair: PausedDatabase(server.host, server.port, pair[1]) for pair in pairs}
    children = {pair: _child(cloud, server, *pair, listeners[pair].port) for pair in pairs}
    for child in children.values():
        assert child.stdout is not None
        child.stdout.readline()  # it has imported what it needs
    for child in children.values():
        assert child.stdin is not None
        child.stdin.write("come\n")
        child.stdin.flush()
    wrong = 0
    for (caller, seconds), child in children.items():
        output, _ = child.communicate(timeout=_END_SECONDS)
        seen = json.loads(output.splitlines()[-1])
        longest = CALLERS[caller][1]
        # One that waits exactly as long may see either.
        is_served = seconds < longest or (seconds == longest and seen["served"])
        is_right = seen["served"] == is_served and (is_served or seen["seen"] == _refusal(caller))
        wrong += not is_right
        print(f"  {caller:<13} awake after {seconds:>2} s: {seen['seen']} after {seen['seconds']:.1f} s", flush=True)
        if not is_right:
            print(f"  wrong: {caller} waits for {CALLERS[caller][1]} s at most")
    for listener in listeners.values():
        listener.close()
    return int(bool(wrong))


def _refusal(caller: str) -> str:
    """What one is told whom the database did not answer in time. SQS and the next minute are the repetition."""
    return "503 waking" if caller == "request" else "the message is delivered again" if caller == "worker" else "failed"


def _new_database(seconds: int) -> str:
    return f"first_deploy_{seconds}"


def _child(cloud: Cloud, server: postgres.Server, caller: str, seconds: int, port: int) -> subprocess.Popen[str]:
    """A process with a function's environment, but for a database that is reached through the listener."""
    function = CALLERS[caller][0]
    described = cloud.functions.get_function_configuration(FunctionName=f"alcove-{STAGE}-{function}")
    variables = dict(described["Environment"]["Variables"])
    database = _new_database(seconds) if caller == "first deploy" else DATABASE
    logins = {
        "ALCOVE_DATABASE_SECRET": (postgres.APP, server.app_password),
        "ALCOVE_OWNER_SECRET": (postgres.OWNER, server.owner_password),
    }
    for variable, (user, password) in logins.items():
        place = {"host": "127.0.0.1", "port": port, "dbname": database, "username": user, "password": password}
        secret = cloud.secrets.create_secret(Name=f"waking-{uuid.uuid4()}", SecretString=json.dumps(place))
        variables[variable] = secret["ARN"]
    credentials = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), emulator.ACCESS_KEY)
    return subprocess.Popen(
        [sys.executable, "-m", "tests.endurance.waking", "--child", caller],
        cwd=package.ROOT,
        env=os.environ | variables | credentials | {"AWS_DEFAULT_REGION": cloud.region},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def _come(caller: str) -> int:
    """In a child: import, wait for the word, come to the database once, and print what was seen."""
    act = _ACTS[caller]()
    print("ready", flush=True)
    sys.stdin.readline()
    started_at = time.monotonic()
    is_served, seen = act()
    print()
    print(json.dumps({"served": is_served, "seen": seen, "seconds": time.monotonic() - started_at}), flush=True)
    return 0


Act = Callable[[], tuple[bool, str]]


def _request() -> Act:
    import app

    event: dict[str, Any] = {
        "requestContext": {"resourcePath": "/ready", "httpMethod": "GET", "requestId": "r", "identity": {}},
        "headers": {},
        "multiValueQueryStringParameters": None,
        "pathParameters": {},
        "body": None,
        "stageVariables": None,
        "isBase64Encoded": False,
    }

    def act() -> tuple[bool, str]:
        answer = app.app(event, None)
        code = json.loads(answer["body"]).get("code", "")
        return answer["statusCode"] == 200, f"{answer['statusCode']} {code}".strip()

    return act


def _worker() -> Act:
    from chalicelib.chat.answering import handlers

    def act() -> tuple[bool, str]:
        try:
            reply = handlers.answer_batch({"Records": [{"messageId": "m", "body": "{}"}]})
        except Exception:  # noqa: BLE001 — Lambda reports whatever it is, and SQS delivers again
            return False, "the message is delivered again"
        failed = bool(reply["batchItemFailures"])
        return not failed, "the message is delivered again" if failed else "worked"

    return act


def _sweep() -> Act:
    from chalicelib.ops import handlers

    event = {"resources": [f"arn:aws:events:us-east-1:000000000000:rule/alcove-{STAGE}-sweep"]}
    return _invoked(lambda: handlers.tick(event))


def _deploy() -> Act:
    from chalicelib.ops import handlers

    return _invoked(lambda: handlers.migrate({}))


def _invoked(invoke: Callable[[], object]) -> Act:
    def act() -> tuple[bool, str]:
        try:
            invoke()
        except Exception:  # noqa: BLE001 — Lambda reports whatever it is
            return False, "failed"
        return True, "worked"

    return act


_ACTS: dict[str, Callable[[], Act]] = {
    "request": _request,
    "worker": _worker,
    "tick": _sweep,
    "redeploy": _deploy,
    "first deploy": _deploy,
}

if __name__ == "__main__":
    sys.exit(main())
