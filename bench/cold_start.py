"""What a cold start costs against its libraries alone: the packaged function, in fresh processes.

First `import app`, then the same with the routes of all paths, of which a request loads its own
(chalicelib/core/routing.py), then the first request of each function. Processor time, which a busy machine does not
change; what is waited for (PostgreSQL, S3, SQS) is not in it. The libraries are whatever was loaded by the end and is
not this project's, imported by themselves.
"""

from __future__ import annotations

import json
import secrets
import statistics
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from bench.commands import Command, parser
from infra import package
from infra.local import instances
from infra.local.api_session import ApiSession

COMMAND = Command(
    "Cold start: `import app`, and the first request of each function", smallest=("--runs 1 --functions 1",)
)
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
# As above, one library after the other; some parts of a library only that library can load.
_ALONE = """
import sys, time
sys.path[:0] = {path!r}
started = time.process_time()
import importlib
for name in {modules!r}:
    try:
        importlib.import_module(name)
    except Exception:
        pass
print(time.process_time() - started)
"""
_IMPORTED = """
import sys, time
sys.path[:0] = {path!r}
standing = set(sys.modules)
started = time.process_time()
{imports}
ended = time.process_time()
loaded = [name for name in sys.modules if name not in standing and name.split(".")[0] not in {skipped!r}]
import json
print(json.dumps([ended - started, loaded]))
"""
_APP = "import app"
_WHOLE = "import app; len(app.app.routes)"
# Modules that only a function's own work may load.
HEAVY = (
    "boto3",
    "botocore",
    "numpy",
    "onnxruntime",
    "tokenizers",
    "psycopg",
    "lxml",
    "pypdfium2",
    "aws_lambda_powertools",
    "openai",
    "anthropic",
    "httpx",
)


def loaded_modules(path: list[str], imports: str = _APP) -> list[str]:
    """Every module outside this project that `imports` loads, in a fresh process with this module path."""
    return _import(path, imports)[1]


def _import(path: list[str], imports: str) -> tuple[float, list[str]]:
    """Seconds of processor time, and the modules of others that were loaded."""
    seconds, modules = json.loads(_python(_IMPORTED.format(path=path, imports=imports, skipped=_SKIPPED)))
    return float(seconds), list(modules)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print what the import costs, then a line for each function."""
    command_line = parser("bench cold_start", __doc__)
    command_line.add_argument(
        "--runs", type=int, default=5, help="of each request; `import app` runs three times as often"
    )
    command_line.add_argument("--functions", type=int, metavar="COUNT", help="only the first so many of them")
    options = command_line.parse_args(arguments)
    runs = options.runs
    with _unpacked() as path:
        _measure_import(path, "import app", _APP, 3 * runs)
        _measure_import(path, "with every route", _WHOLE, 3 * runs)
        with instances.place(instances.Knobs(), visibility_seconds=60) as place:
            place.add("api")
            print(
                f"  {'function':<26}{'import app':>11}{'first request':>15}{'libraries':>11}{'ratio':>7}   milliseconds"
            )
            for name, handler, events in islice(_events(place, runs), options.functions):
                _measure(name, handler, events, path, place.environment)


def _measure_import(path: list[str], name: str, imports: str, runs: int) -> None:
    pairs = []
    for _ in range(runs):
        seconds, modules = _import(path, imports)
        pairs.append((seconds, float(_python(_ALONE.format(path=path, modules=modules)))))
    local_result, theirs = (statistics.median(column) * 1000 for column in zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    tops = sorted({name.split(".")[0] for name in modules} - sys.stdlib_module_names)
    print(f"  {name} {local_result:.0f} ms, its libraries {theirs:.0f} ms, ratio {ratio:.2f} (median of {runs} pairs)")
    print(f"  libraries: {', '.join(tops)}")


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
    user = ApiSession.register(place.api_url, "cold@example.org", secrets.token_urlsafe(16))
    token = user.authorization["Authorization"]
    conversation = user.json("POST", "/conversations", {})["id"]
    texts = [f"Pump {number} is inspected every {number + 30} days." for number in range(runs)]
    documents = [user.json("POST", "/documents", {"title": "Pump", "content": text}) for text in texts]
    for number in range(runs):
        user.enqueue(conversation, f"How often is pump {number} inspected?")
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
    local_result, first, theirs = (statistics.median(column) * 1000 for column in (imports, requests, alone))
    ratio = statistics.median((a + b) / c for a, b, c in zip(imports, requests, alone, strict=True))
    print(f"  {name:<26}{local_result:>11.0f}{first:>15.0f}{theirs:>11.0f}{ratio:>7.2f}", flush=True)


def _python(code: str, environment: dict[str, str] | None = None) -> str:
    finished = subprocess.run(
        [sys.executable, "-I", "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    if finished.returncode:
        raise RuntimeError(finished.stderr[-2000:])
    return finished.stdout
