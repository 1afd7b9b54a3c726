"""The packaged service deployed to an emulator, for a database at a server: released, migrated and described."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from secrets import token_urlsafe

from chalicelib.ops.updates import deploying
from chalicelib.ops.updates.clouds import Progress
from infra import deploy, package
from infra.cloud import Cloud
from infra.local import emulator, postgres

STAGE = "local"
DATABASE = "alcove"
ADMINISTRATOR_EMAIL = "admin@example.com"
# SES of the emulator keeps e-mails in `.local/mail/`, and sends none.
MAIL = {"transport": "ses", "sender": "alcove@example.com"}


@dataclass(frozen=True)
class StackInfo:
    """How to reach a running stack; the same as `stack.json`."""

    api_url: str
    endpoint_url: str
    region: str
    bucket: str
    queues: dict[str, str]  # ingest, answer, sync, each with …_dead_letter: URLs
    database_url: dict[str, str]  # owner, app
    administrator: dict[str, str]  # email, password
    pids: dict[str, int]  # postgres, emulator


@dataclass(frozen=True)
class Released:
    """What was deployed: the artefacts' keys, the parameters given, and the stack's outputs."""

    keys: dict[str, str]
    parameters: dict[str, str]
    outputs: dict[str, str]


def release(
    cloud: Cloud,
    server: postgres.Server,
    built: package.Package,
    parameters: Mapping[str, str],
    progress: Progress,
    seen_at: tuple[str, int] | None = None,
) -> Released:
    """Bring the stack at `cloud` to what was built, for a database at `server`; migrated ahead when it stood already.

    `seen_at` is the database's host and port for the functions, when they are not the ones from here.
    """
    with progress.step("upload"):
        keys = deploy.upload(cloud, built)
        place = seen_at or (server.host, server.port)
        secrets = {role: _put_database_secret(cloud, server, place, role) for role in ("app", "owner")}
        secrets["mail"] = _put_secret(cloud, f"alcove/{STAGE}/mail", json.dumps(MAIL))
    environment = {
        "DatabaseSecretArn": secrets["app"],
        "OwnerSecretArn": secrets["owner"],
        "AdministratorEmail": ADMINISTRATOR_EMAIL,
        "RegistrationOpen": "true",
        "MailSecretArn": secrets["mail"],
        **parameters,
    }
    with progress.step("migrate ahead") as details_of_step:
        details_of_step(deploy.migrated(deploying.migrate_ahead(cloud, STAGE, keys)))
    outputs = deploy.apply(cloud, STAGE, keys, environment, progress)
    _delete_other_artefacts(cloud, keys)
    _name_password(cloud, outputs["AdministratorSecretArn"])
    return Released(keys, environment, outputs)


def _name_password(cloud: Cloud, secret: str) -> None:
    """Put the first administrator's password into its secret.

    `migrate` would do so; but the emulator's memory is saved before, and without the saved password a killed emulator
    would come back to an account that nobody can use.
    """
    administrator = json.loads(cloud.secrets.get_secret_value(SecretId=secret)["SecretString"])
    if "password" not in administrator:
        administrator["password"] = token_urlsafe(18)
        cloud.secrets.put_secret_value(SecretId=secret, SecretString=json.dumps(administrator))


def finish(
    directory: Path,
    cloud: Cloud,
    outputs: Mapping[str, str],
    server: postgres.Server,
    pids: dict[str, int],
    progress: Progress,
) -> StackInfo:
    """Migrate, wait for the first answer, and write down in `directory` how to reach what was released."""
    with progress.step("migrate") as details_of_step:
        details_of_step(deploy.migrated(deploying.migrate(cloud, outputs["MigrateFunctionName"])))
    with progress.step("first request"):
        deploying.await_ready(outputs["ApiUrl"])
    administrator = json.loads(
        cloud.secrets.get_secret_value(SecretId=outputs["AdministratorSecretArn"])["SecretString"]
    )
    info = StackInfo(
        api_url=outputs["ApiUrl"],
        endpoint_url=cloud.s3.meta.endpoint_url,
        region=emulator.REGION,
        bucket=outputs["BucketName"],
        queues={
            "ingest": outputs["IngestQueueUrl"],
            "ingest_dead_letter": outputs["IngestDeadLetterQueueUrl"],
            "answer": outputs["AnswerQueueUrl"],
            "answer_dead_letter": outputs["AnswerDeadLetterQueueUrl"],
            "sync": outputs["SyncQueueUrl"],
            "sync_dead_letter": outputs["SyncDeadLetterQueueUrl"],
        },
        database_url={role: server.url(role, DATABASE) for role in ("owner", "app")},
        administrator={"email": administrator["email"], "password": administrator["password"]},
        pids=pids,
    )
    write_private(directory / "stack.json", json.dumps(asdict(info), indent=2) + "\n")
    return info


def _put_database_secret(cloud: Cloud, server: postgres.Server, place: tuple[str, int], role: str) -> str:
    """Store how `role` connects, in the form of RDS's own secrets; return the secret's ARN."""
    name = f"alcove/{STAGE}/database/{role}"
    value = json.dumps(
        {
            "engine": "postgres",
            "host": place[0],
            "port": place[1],
            "dbname": DATABASE,
            "username": {"app": postgres.APP, "owner": postgres.OWNER}[role],
            "password": {"app": server.app_password, "owner": server.owner_password}[role],
        }
    )
    return _put_secret(cloud, name, value)


def _put_secret(cloud: Cloud, name: str, value: str) -> str:
    """Store a secret unless it is stored already; return its ARN."""
    try:
        stored = cloud.secrets.get_secret_value(SecretId=name)
    except cloud.secrets.exceptions.ResourceNotFoundException:
        return cloud.secrets.create_secret(Name=name, SecretString=value)["ARN"]
    if stored["SecretString"] != value:
        cloud.secrets.put_secret_value(SecretId=name, SecretString=value)
    return stored["ARN"]


def _delete_other_artefacts(cloud: Cloud, keys: dict[str, str]) -> None:
    """Keep one package, not the 80 MB of every build there ever was."""
    listed = cloud.s3.list_objects_v2(Bucket=cloud.artefact_bucket).get("Contents", [])
    for item in listed:
        if item["Key"] not in keys.values():
            cloud.s3.delete_object(Bucket=cloud.artefact_bucket, Key=item["Key"])


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read (mode 0600), atomically."""
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
        handle.write(text)
    partial.replace(path)
