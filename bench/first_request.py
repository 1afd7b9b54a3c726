"""The first request of each function in a fresh process of the unzipped package, against its libraries alone.

Processor time, which a busy machine does not change; what is waited for (PostgreSQL, S3, SQS) is not in it. The
libraries are whatever was loaded by the end of that request and is not this project's, imported by themselves.
"""

from __future__ import annotations

import argparse
import json
import secrets
import statistics
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import instances
from infra import package
from infra.local.client import Alcove

_RUNS = 5
# What imports of single modules in a fresh process cannot or need not repeat.
_SKIPPED = ("app", "chalicelib", "__main__", "typing.io", "typing.re")
_SCRIPT = """
import sys, time
sys.path[:0] = {path!r}
standing = set(sys.modules)
started = time.process_time()
import app
imported = time.process_time()
import json
event = json.loads({event!r})
class Context:
    aws_request_id, function_name, memory_limit_in_mb = "cold", "cold", 1024
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:cold"
    def get_remaining_time_in_millis(self): return 30000
answer = getattr(app, {handler!r})(event, Context())
ended = time.process_time()
loaded = [name for name in sys.modules if name not in standing and name.split(".")[0] not in {skipped!r}]
print("\\n" + json.dumps([imported - started, ended - imported, answer, loaded]))
"""
_ALONE = """
import sys, time
sys.path[:0] = {path!r}
started = time.process_time()
import importlib
for name in {modules!r}:
    try:
        importlib.import_module(name)
    except Exception:
        pass  # a part of a library that only its library can load
print(time.process_time() - started)
"""


def main() -> None:
    """Print a line for each function."""
    parser = argparse.ArgumentParser(prog="python -m bench.first_request", description=__doc__)
    parser.add_argument("--runs", type=int, default=_RUNS)
    runs = parser.parse_args().runs
    with _unpacked() as path, instances.place(instances.Knobs(), visibility_seconds=60) as place:
        place.add("api")
        print(f"  {'function':<26}{'import app':>11}{'first request':>15}{'libraries':>11}{'ratio':>7}   milliseconds")
        for name, handler, events in _events(place, runs):
            _measure(name, handler, events, path, place.environment)


@contextmanager
def _unpacked() -> Iterator[list[str]]:
    """The module path of the package, unzipped as Lambda does."""
    built = package.build(package.Target())
    with tempfile.TemporaryDirectory() as directory:
        for name, archive in (("function", built.function), ("libraries", built.libraries)):
            with zipfile.ZipFile(archive) as opened:
                opened.extractall(Path(directory) / name)
        yield [f"{directory}/function", f"{directory}/libraries/python"]


def _events(place: instances.Place, runs: int) -> Iterator[tuple[str, str, list[Any]]]:
    """By function: its handler and an event for each run, none of which was worked on before."""
    user = Alcove.register(place.api_url, "cold@example.org", secrets.token_urlsafe(16))
    token = user.http.headers["Authorization"]
    conversation = user.call("POST", "/conversations", {})["id"]
    texts = [f"Pump {number} is inspected every {number + 30} days." for number in range(runs)]
    documents = [user.call("POST", "/documents", {"title": "Pump", "content": text}) for text in texts]
    for number in range(runs):
        user.ask(conversation, f"How often is pump {number} inspected?")
    user.close()
    messages = [json.dumps({"object_key": f"documents/{document['id']}"}) for document in documents]
    yield "api, GET /conversations", "app", [_request("GET", "/conversations", token)] * runs
    yield "api, POST /search", "app", [_request("POST", "/search", token, {"query": "pump inspection"})] * runs
    yield "ingest, a document", "ingest", [_batch(message) for message in messages]
    yield "answer, a question", "answer", [_batch("{}")] * runs
    yield "tick", "tick", [_minute()] * runs


def _request(method: str, path: str, token: str, body: Any = None) -> dict[str, Any]:
    """As API Gateway's proxy integration sends it."""
    return {
        "requestContext": {
            "httpMethod": method,
            "resourcePath": path,
            "path": path,
            "requestId": secrets.token_hex(8),
            "identity": {"sourceIp": "127.0.0.1"},
        },
        "headers": {"authorization": token, "content-type": "application/json"},
        "multiValueQueryStringParameters": None,
        "pathParameters": {},
        "stageVariables": None,
        "body": json.dumps(body) if body is not None else None,
        "isBase64Encoded": False,
    }


def _batch(body: str) -> dict[str, Any]:
    record = {"messageId": "m", "receiptHandle": "r", "body": body, "attributes": {}, "eventSource": "aws:sqs"}
    return {"Records": [record]}


def _minute() -> dict[str, Any]:
    named = ("version", "account", "region", "detail-type", "source", "time", "id")
    return {**dict.fromkeys(named, "x"), "detail": {}, "resources": []}


def _measure(name: str, handler: str, events: list[Any], path: list[str], environment: dict[str, str]) -> None:
    imports, requests, alone = [], [], []
    for event in events:
        script = _SCRIPT.format(path=path, event=json.dumps(event), handler=handler, skipped=_SKIPPED)
        imported, requested, answer, modules = json.loads(_python(script, environment).splitlines()[-1])
        if (answer or {}).get("statusCode", 200) >= 400 or (answer or {}).get("batchItemFailures"):
            raise RuntimeError(f"{name} answered {answer}")
        imports.append(imported)
        requests.append(requested)
        alone.append(float(_python(_ALONE.format(path=path, modules=modules), environment)))
    ours, first, theirs = (statistics.median(column) * 1000 for column in (imports, requests, alone))
    ratio = statistics.median((a + b) / c for a, b, c in zip(imports, requests, alone, strict=True))
    print(f"  {name:<26}{ours:>11.0f}{first:>15.0f}{theirs:>11.0f}{ratio:>7.2f}", flush=True)


def _python(code: str, environment: dict[str, str]) -> str:
    finished = subprocess.run(
        [sys.executable, "-I", "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    if finished.returncode:
        raise RuntimeError(finished.stderr[-2000:])
    return finished.stdout


if __name__ == "__main__":
    main()
