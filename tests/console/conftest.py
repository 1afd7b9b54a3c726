"""The console in Chromium, against a stack of its own. `make test-console` installs what it needs."""

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest

from infra.local import emulator, stack
from infra.local.api_session import ApiSession
from infra.local.release import STAGE
from tests.auth.peers import OIDC_CLIENT, IdentityProvider, identity_provider_process
from tests.chat.llm.servers import Connection, serving

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SHOTS = Path(os.environ.get("SHOTS") or ROOT / ".local" / "console")
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or ""

Walk = Callable[[str], str]


@pytest.fixture(scope="session", autouse=True)
def prepared() -> None:
    if not (ROOT / "console" / "node_modules" / ".installed").is_file():
        pytest.skip("the browser's driver is not installed; `make test-console` installs it and runs these tests")
    if not CHROMIUM:
        pytest.skip("Chromium is not installed: set CHROMIUM to its path, or install Debian's package `chromium`")


@pytest.fixture(scope="session")
def running(prepared: None) -> Iterator[tuple[stack.StackInfo, Path]]:
    """A stack of its own, and the folder of its state, where its e-mails are."""
    with tempfile.TemporaryDirectory(prefix="alcove-console-") as name, ExitStack() as opened:
        directory = Path(name)
        directory.chmod(0o755)  # PostgreSQL runs as nobody when the tests run as root
        opened.callback(stack.reset, directory)
        info = stack.up(directory, silent=True)
        with psycopg.connect(info.database_url["owner"], autocommit=True) as conn:
            # Ten people of one address register within minutes; the limits have tests of their own.
            conn.execute("update rate_limits set burst = 100000, every = interval '1 millisecond'")
        yield info, directory


@pytest.fixture(scope="session")
def provider(running: tuple[stack.StackInfo, Path]) -> Iterator[IdentityProvider]:
    """A login provider that the stack offers from now on."""
    info, directory = running
    (directory / "provider").mkdir()
    callback = f"{info.api_url}/auth/oidc/callback"
    with identity_provider_process(directory / "provider", callback) as started:
        started.set_users(grace={})
        secret = _provider_secret(info, started, callback)
        stack.up(directory, silent=True, parameters={"OidcSecretArn": secret})
        yield started


@pytest.fixture(scope="session")
def cloud(running: tuple[stack.StackInfo, Path]) -> None:
    """From now on the API's function is set as in an account, and CloudWatch has values of the last hours."""
    info, _ = running
    session = boto3.Session(emulator.ACCESS_KEY, emulator.ACCESS_KEY, region_name=info.region)
    functions = session.client("lambda", endpoint_url=info.endpoint_url)
    name = f"alcove-{STAGE}-api"
    variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    variables |= {"ALCOVE_CLOUD_METRICS": "true", "ALCOVE_DATABASE_ENGINE": "aurora"}
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
    metrics = session.client("cloudwatch", endpoint_url=info.endpoint_url)
    for hours in range(1, 5):
        at = datetime.now(UTC) - timedelta(hours=hours)
        for namespace, metric, dimension, thing, value in (
            ("AWS/Lambda", "Invocations", "FunctionName", f"alcove-{STAGE}-answer", 3),
            ("AWS/Lambda", "Duration", "FunctionName", f"alcove-{STAGE}-answer", 1200 + hours),
            ("AWS/Lambda", "Invocations", "FunctionName", f"alcove-{STAGE}-ingest", hours),
            ("AWS/RDS", "ServerlessDatabaseCapacity", "DBClusterIdentifier", f"alcove-{STAGE}", 0.5 * hours),
        ):
            datum: Any = {"MetricName": metric, "Dimensions": [{"Name": dimension, "Value": thing}]}
            metrics.put_metric_data(Namespace=namespace, MetricData=[datum | {"Timestamp": at, "Value": float(value)}])


@pytest.fixture(scope="session")
def walk(running: tuple[stack.StackInfo, Path]) -> Iterator[Walk]:
    """Runs a walk of walks.mjs; returns what it prints, fails with what went wrong."""
    info, directory = running
    with serving(_write_slowly) as server:
        administrator = ApiSession.log_in_as(info.api_url, info.administrator["email"], info.administrator["password"])
        model = {"name": "slow", "provider": "vllm", "model_id": "slow", "endpoint": server.url}
        administrator.json("POST", "/llms", model)
        administrator.close()
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": tempfile.gettempdir(),
            "BASE": info.api_url,
            "EMAIL": info.administrator["email"],
            "PASSWORD": info.administrator["password"],
            "CHROMIUM": CHROMIUM,
            "SHOTS": str(SHOTS),
            "STACK_DIR": str(directory),
        }

        def run(name: str) -> str:
            command = ["node", str(HERE / "walks.mjs"), name]
            finished = subprocess.run(
                command, env=environment, capture_output=True, text=True, check=False, timeout=900
            )
            assert finished.returncode == 0, finished.stdout[-3000:] + finished.stderr[-5000:]
            return finished.stdout

        yield run


def _provider_secret(info: stack.StackInfo, provider: IdentityProvider, callback: str) -> str:
    """Store what the service must know of the provider; returns the ARN of the secret."""
    session = boto3.Session(emulator.ACCESS_KEY, emulator.ACCESS_KEY, region_name=info.region)
    settings = {
        "title": "Office",
        "issuer": provider.url,
        "client_id": OIDC_CLIENT[0],
        "client_secret": OIDC_CLIENT[1],
        "redirect_uris": [callback],
    }
    client = session.client("secretsmanager", endpoint_url=info.endpoint_url)
    arn: str = client.create_secret(Name="console-oidc", SecretString=json.dumps(settings))["ARN"]
    return arn


def _write_slowly(connection: Connection) -> None:
    """A hundred numbered words, four in a second, as a server with OpenAI's protocol streams them."""
    connection.head()
    sent = connection.request.json
    words = [f"word{number} " for number in range(100)]
    if sent.get("temperature") == 0:  # a follow-up is rewritten first, at once
        words = ["How often is the coolant pump P-17 inspected?"]
    with suppress(OSError):  # the service went away because somebody stopped the answer
        for word in words:
            delta = {"index": 0, "delta": {"content": word}, "finish_reason": None}
            connection.send(f"data: {json.dumps({'id': 'x', 'choices': [delta]})}\n\n".encode())
            time.sleep(0.25 if len(words) > 1 else 0)
        end = {"index": 0, "delta": {}, "finish_reason": "stop"}
        connection.send(f"data: {json.dumps({'id': 'x', 'choices': [end]})}\n\ndata: [DONE]\n\n".encode())
