"""The service on an AWS emulator and a PostgreSQL that run already, in Docker or anywhere: deployed the same way.

`python -m infra.local.external up|down|reset` is `make up STACK=docker` and so on: LocalStack and pgvector by
`infra/docker/compose.yaml`. With AWS_ENDPOINT_URL and ALCOVE_PG_URL in the environment it uses what listens there, and
starts and stops nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psycopg
from botocore.exceptions import BotoCoreError, ClientError
from psycopg import sql

from chalicelib.ops.updates.clouds import DeployError, Progress
from chalicelib.ops.updates.clouds import silent as silent_progress
from infra import models, package
from infra.local import postgres, release, stack

STATE = package.STATE / "docker"
COMPOSE = package.ROOT / "infra" / "docker" / "compose.yaml"
# Resolves to this machine here, and to LocalStack in the containers that it starts.
LOCALSTACK_HOST = "localhost.localstack.cloud"


class ExternalError(RuntimeError):
    """A required server is missing or refuses the connection; the message says what to do."""


@dataclass(frozen=True)
class Place:
    """Where things listen. `database` is a superuser's URL; `seen_at` is the database's host and port for functions."""

    endpoint_url: str
    database: str
    seen_at: tuple[str, int] | None = None
    target: package.Target = package.Target()  # noqa: RUF009 — it never changes


def up(directory: Path, place: Place, *, silent: bool = False) -> release.StackInfo:
    """Make roles and database, deploy what has changed, and return how to reach it once it answers a request.

    `directory` keeps the generated passwords and `stack.json`. The libraries travel inside of the function's zip, which
    every emulator runs, with layers or without.
    """
    directory.mkdir(parents=True, exist_ok=True)
    progress = silent_progress() if silent else Progress()
    with progress.step("PostgreSQL") as details_of_step:
        server = _server(directory, place.database)
        _prepare(server)
        details_of_step(f"{server.host}:{server.port}")
    with progress.step("package"):
        models.remember()
        built = package.merged(package.build(place.target))
    cloud = stack.cloud_of(place.endpoint_url)
    released = release.release(cloud, server, built, {"EndpointUrl": place.endpoint_url}, progress, place.seen_at)
    return release.finish(directory, cloud, released.outputs, server, {}, progress)


def _server(directory: Path, url: str) -> postgres.Server:
    """The server behind a superuser's URL, with the two roles' passwords, made at the first time."""
    parts = urlsplit(url)
    if not parts.hostname or not parts.username:
        raise ExternalError("ALCOVE_PG_URL must have the form postgresql://postgres:password@127.0.0.1:5432.")
    state_file = directory / "roles.json"
    if not state_file.exists():
        release.write_private(state_file, json.dumps({role: secrets.token_urlsafe(24) for role in ("owner", "app")}))
    passwords = json.loads(state_file.read_text())
    return postgres.Server(
        host=parts.hostname,
        port=parts.port or 5432,
        pid=0,
        superuser_password=unquote(parts.password or ""),
        owner_password=passwords["owner"],
        app_password=passwords["app"],
    )


def _prepare(server: postgres.Server) -> None:
    """Roles with the passwords that are kept here, and the database."""
    try:
        postgres.create_roles(server)
        with psycopg.connect(server.url("superuser", "postgres"), autocommit=True, connect_timeout=10) as connection:
            for role, password in ((postgres.OWNER, server.owner_password), (postgres.APP, server.app_password)):
                connection.execute(
                    sql.SQL("alter role {} password {}").format(sql.Identifier(role), sql.Literal(password))
                )
        if not postgres.database_exists(server, release.DATABASE):
            postgres.create_database(server, release.DATABASE)
    except psycopg.OperationalError as error:
        raise ExternalError(f"PostgreSQL at {server.host}:{server.port} refuses the connection: {error}") from error


def docker_place(environment: dict[str, str]) -> Place:
    """Where the compose file's services listen, with the variables that compose was given."""
    return Place(
        endpoint_url=f"http://{LOCALSTACK_HOST}:{environment.get('ALCOVE_AWS_PORT', '4566')}",
        database=f"postgresql://postgres:{environment['ALCOVE_PG_PASSWORD']}@127.0.0.1:"
        f"{environment.get('ALCOVE_PG_PORT', '5433')}",
        seen_at=("postgres", 5432),
        target=package.aws(package.Target().architecture),
    )


def compose_environment(directory: Path = STATE) -> dict[str, str]:
    """The variables of the compose file: a password made at the first time, ports as the environment wants them."""
    directory.mkdir(parents=True, exist_ok=True)
    state_file = directory / "compose.env"
    if not state_file.exists():
        release.write_private(state_file, f"ALCOVE_PG_PASSWORD={secrets.token_urlsafe(24)}\n")
    stored = dict(line.split("=", 1) for line in state_file.read_text().splitlines() if "=" in line)
    return stored | {name: os.environ[name] for name in ("ALCOVE_PG_PORT", "ALCOVE_AWS_PORT") if name in os.environ}


def _compose(*arguments: str) -> None:
    command = ["docker", "compose", "--file", str(COMPOSE), *arguments]
    try:
        subprocess.run(command, env={**os.environ, **compose_environment()}, check=True)
    except FileNotFoundError:
        raise ExternalError("Docker is not installed. `make up` works without Docker.") from None
    except subprocess.CalledProcessError as error:
        raise ExternalError(f"docker compose {arguments[0]} failed with status {error.returncode}.") from error


def _start() -> Place:
    """Where to deploy to: what the environment names, or the compose file's services, started if need be."""
    endpoint, database = os.environ.get("AWS_ENDPOINT_URL"), os.environ.get("ALCOVE_PG_URL")
    if endpoint and database:
        return Place(endpoint, database)
    if endpoint or database:
        raise ExternalError("AWS_ENDPOINT_URL and ALCOVE_PG_URL must be set together, or neither for Docker.")
    _compose("up", "--detach", "--wait")
    return docker_place(compose_environment())


def main() -> None:
    """Start and deploy, stop, or stop and forget."""
    parser = argparse.ArgumentParser(prog="python -m infra.local.external", description=__doc__)
    parser.add_argument("action", choices=("up", "down", "reset"))
    action = parser.parse_args().action
    try:
        if action == "up":
            info = up(STATE, _start())
            print(
                f"\n  console: {info.api_url}/console\n  API: {info.api_url}"
                f"\n  administrator: {info.administrator['email']} {info.administrator['password']}"
            )
        else:
            _compose("down", *(["--volumes"] if action == "reset" else []))
            print(
                "stopped; the state stays in Docker's volumes" if action == "down" else "stopped; the state is deleted"
            )
    except (ExternalError, package.PackageError, DeployError, BotoCoreError, ClientError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
