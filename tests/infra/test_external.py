"""An emulator and a PostgreSQL that run already: deployed to as `make up STACK=docker` does, here without Docker."""

import os
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from infra import package
from infra.local import emulator, external, postgres, stack
from infra.local.api_session import ApiSession

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def place() -> Iterator[external.Place]:
    """PostgreSQL and an emulator of nobody's: started by hand, without roles, database or stack."""
    with tempfile.TemporaryDirectory(prefix="alcove-external-") as name:
        directory = Path(name)
        directory.chmod(0o755)  # PostgreSQL runs as nobody when the tests run as root
        server = postgres.start(directory / "postgres")
        with psycopg.connect(server.url("superuser", "postgres"), autocommit=True) as connection:
            connection.execute("drop role alcove_app; drop role alcove_owner")
            connection.execute("comment on database template1 is null")
        started = emulator.start(directory / "aws")
        yield external.Place(started.endpoint_url, server.url("superuser", "postgres"))
        emulator.stop(directory / "aws")
        postgres.stop(directory / "postgres")


@pytest.mark.stack
def test_the_service_is_deployed_to_what_runs_already_and_answers(place: external.Place, tmp_path: Path) -> None:
    info = external.up(tmp_path, place, silent=True)
    user = ApiSession.register(info.api_url, "somebody@example.org", "a long enough password")
    document = user.json(
        "POST", "/documents", {"title": "Pump", "content": "Pump P-17 is inspected every ninety days."}
    )
    assert document["status"] == "pending"
    conversation = user.json("POST", "/conversations", {})["id"]
    deadline = time.monotonic() + 300
    while user.json("GET", f"/documents/{document['id']}")["status"] != "completed":
        assert time.monotonic() < deadline
        time.sleep(0.2)
    job = user.enqueue(conversation, "How often is pump P-17 inspected?")["job"]
    assert [event.name for event in user.events(job["id"])][-1] == "done"
    (answer,) = [m for m in user.json("GET", f"/conversations/{conversation}/messages")["items"] if m["role"] != "user"]
    assert "ninety days" in answer["content"]
    user.close()


@pytest.mark.stack
def test_going_up_again_keeps_passwords_and_lets_lost_ones_be_made_anew(place: external.Place, tmp_path: Path) -> None:
    first = external.up(tmp_path, place, silent=True)
    assert stat.S_IMODE((tmp_path / "roles.json").stat().st_mode) == 0o600
    assert external.up(tmp_path, place, silent=True) == first
    (tmp_path / "roles.json").unlink()
    again = external.up(tmp_path, place, silent=True)
    assert again.database_url != first.database_url
    with psycopg.connect(again.database_url["app"]) as connection:
        assert connection.execute("select current_user").fetchone() == ("alcove_app",)


def test_a_database_that_refuses_every_login_is_reported(place: external.Place, tmp_path: Path) -> None:
    wrong = replace(place, database=place.database.replace("postgres:", "postgres:x", 1))
    with pytest.raises(external.ExternalError, match="refuses the connection"):
        external.up(tmp_path, wrong, silent=True)
    with pytest.raises(external.ExternalError, match="ALCOVE_PG_URL must have the form postgresql://"):
        external.up(tmp_path, replace(place, database="postgres"), silent=True)


def test_the_libraries_in_the_function_s_zip_are_those_of_the_layer(built: package.Package) -> None:
    whole = package.merged(built)
    sizes = package._entry_sizes(whole.function)
    layer, function = package._entry_sizes(built.libraries), package._entry_sizes(built.function)
    assert sizes == function | {name.removeprefix("python/"): size for name, size in layer.items()}
    assert not function.keys() & {name.removeprefix("python/") for name in layer}
    assert sum(sizes.values()) < package.LAMBDA_LIMIT_BYTES


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(external.COMPOSE.read_text("utf-8"))
    return loaded


def test_the_compose_file_pins_its_images_and_listens_on_this_machine_only(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == {"postgres", "localstack"}
    for service in compose["services"].values():
        tag = service["image"].split(":", 1)[1].removesuffix("}").split(":-")[-1]
        assert tag[0].isdigit()
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        assert {"test", "interval", "timeout", "retries"} <= service["healthcheck"].keys()
        assert service["networks"] == ["alcove"]
    assert (
        compose["networks"]["alcove"]["name"]
        == compose["services"]["localstack"]["environment"]["LAMBDA_DOCKER_NETWORK"]
    )


def test_localstack_has_every_service_that_the_template_names(
    compose: dict[str, Any], template: dict[str, Any]
) -> None:
    """By the second part of each resource's type; the budget and the like have conditions that leave them out."""
    services = set(compose["services"]["localstack"]["environment"]["SERVICES"].split(","))
    names = {"Serverless": "lambda", "ApiGateway": "apigateway", "Serverless::Api": "apigateway"}
    expected = {
        names.get(part, part.lower())
        for item in template["Resources"].values()
        for part in [item["Type"].split("::")[1]]
        if item.get("Condition") != "IsAws"
    }
    assert expected <= services
    assert {"sts", "cloudformation"} <= services, "the deployment itself asks these"


def test_docker_s_place_follows_the_compose_file(
    compose: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment = external.compose_environment(tmp_path)
    assert external.compose_environment(tmp_path) == environment, "the password is made once"
    assert len(environment["ALCOVE_PG_PASSWORD"]) >= 32
    assert stat.S_IMODE((tmp_path / "compose.env").stat().st_mode) == 0o600
    monkeypatch.setenv("ALCOVE_PG_PORT", "6543")
    result = external.docker_place(external.compose_environment(tmp_path))
    assert result.database.endswith("@127.0.0.1:6543")
    assert result.endpoint_url == "http://localhost.localstack.cloud:4566"
    assert result.seen_at == ("postgres", 5432)
    assert result.target in {package.aws(architecture) for architecture in package.ARCHITECTURES}
    assert "4566" in compose["services"]["localstack"]["ports"][0]
    assert "5433" in compose["services"]["postgres"]["ports"][0]


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "must be set together"),
        ({"ALCOVE_PG_URL": "postgresql://a:b@127.0.0.1:1"}, "must be set together"),
        ({"PATH": ""}, "Docker is not installed"),
    ],
)
def test_what_is_missing_is_named_in_a_sentence(environment: dict[str, str], message: str) -> None:
    clean = {name: value for name, value in os.environ.items() if name not in ("AWS_ENDPOINT_URL", "ALCOVE_PG_URL")}
    finished = subprocess.run(
        [sys.executable, "-m", "infra.local.external", "up"],
        env=clean | environment,
        cwd=package.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 1
    assert finished.stderr.startswith("error: ")
    assert message in finished.stderr


def test_a_stack_in_docker_keeps_its_state_apart() -> None:
    assert external.STATE != stack._STATE
    assert external.STATE.is_relative_to(package.STATE)
