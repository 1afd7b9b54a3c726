"""A backup of one machine's service: database, objects, keys and secrets of one moment, in one folder.

| file | holds |
|---|---|
| `database.dump` | `pg_dump --format=custom` of one snapshot |
| `objects.jsonl`, `objects/` | each object that the snapshot's documents refer to, in the version that they refer to |
| `keys.json` | the data keys of sealed secrets, encrypted under the recovery key |
| `secrets.json` | the secrets of the deployment, encrypted under the recovery key |
| `manifest.json` | the moment, the versions, the number of rows and a checksum of each table, SHA-256 of every file |

The manifest is written last and the folder gets its name last: an archive that has its name is whole. The recovery key
is no part of the archive. Whoever has both has everything.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from psycopg import sql

from chalicelib.core import sealed
from chalicelib.ops.drills import digests
from chalicelib.ops.drills.digests import TableSum
from infra.local import cluster, postgres

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient

FORMAT = 1
_OBJECTS = (
    "select object_key, object_version from documents where object_version is not null or status = 'pending' order by 1"
)


class BackupError(RuntimeError):
    """The backup or the restore did not succeed; the message says why and what to do."""


@dataclass(frozen=True)
class Place:
    """Where a service's data is: its database, its bucket, its master key, and its secrets by name."""

    server: postgres.Server
    database: str
    s3: S3Client
    bucket: str
    kms: KMSClient
    master_key: str
    vault: SecretsManagerClient
    secrets: Mapping[str, str]


@dataclass
class Manifest:
    """What an archive holds; see the module."""

    format: int
    created_at: str
    postgres: str
    migrations: list[str]
    tables: dict[str, TableSum]
    objects: int
    object_bytes: int
    files: dict[str, str] = field(default_factory=dict)

    @staticmethod
    def read(archive: Path) -> Manifest:
        """The manifest of an archive. Raises BackupError for a folder that is none."""
        try:
            document = json.loads((archive / "manifest.json").read_text("utf-8"))
            tables = {name: TableSum(**values) for name, values in document.pop("tables").items()}
            manifest = Manifest(**document, tables=tables)
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise BackupError(f"{archive} is no backup: its manifest cannot be read ({error}).") from error
        if manifest.format != FORMAT:
            raise BackupError(f"{archive} has the format {manifest.format}; this version reads {FORMAT}.")
        return manifest


def new_recovery_key(path: Path) -> bytes:
    """The recovery key in the file `path`, created (mode 0600) when there is none."""
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as handle:
            handle.write(base64.b64encode(secrets.token_bytes(32)).decode() + "\n")
    return recovery_key(path)


def recovery_key(path: Path) -> bytes:
    """The recovery key in the file `path`. Raises BackupError."""
    try:
        key = base64.b64decode(path.read_text("ascii"), validate=False)
    except (OSError, ValueError) as error:
        raise BackupError(f"The recovery key cannot be read: {error}.") from error
    if len(key) != 32:
        raise BackupError(f"{path} holds no recovery key.")
    return key


def create(place: Place, archive: Path, key: bytes) -> Manifest:
    """Back up `place` into the new folder `archive`, while the service works. Raises BackupError."""
    if archive.exists():
        raise BackupError(f"{archive} exists already.")
    partial = archive.with_name(f"{archive.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700, parents=True)
    (partial / "objects").mkdir()
    with postgres.connect_superuser(place.server, place.database) as connection:
        connection.execute("begin isolation level repeatable read read only")
        snapshot, moment, version = _row(
            connection.execute("select pg_export_snapshot(), now()::text, current_setting('server_version')").fetchone()
        )
        _dump(place, snapshot, partial / "database.dump")
        manifest = Manifest(
            format=FORMAT,
            created_at=moment,
            postgres=version,
            migrations=[row[0] for row in connection.execute("select migration_id from _yoyo_migration order by 1")],
            tables={name: digests.total(sums) for name, sums in digests.of_database(connection).items()},
            objects=0,
            object_bytes=0,
        )
        references = connection.execute(_OBJECTS).fetchall()
        keys = list(_data_keys(place, connection))
        connection.execute("commit")
    for entry in _copy_objects(place, references, partial):
        manifest.objects += 1
        manifest.object_bytes += entry["size"]
    values = {name: place.vault.get_secret_value(SecretId=arn)["SecretString"] for name, arn in place.secrets.items()}
    (partial / "keys.json").write_text(encrypt(key, json.dumps(keys)), "ascii")
    (partial / "secrets.json").write_text(encrypt(key, json.dumps(values)), "ascii")
    manifest.files = {name: _digest(partial / name) for name in _FILES}
    (partial / "manifest.json").write_text(json.dumps(asdict(manifest), indent=2) + "\n", "utf-8")
    partial.rename(archive)
    return manifest


_FILES = ("database.dump", "objects.jsonl", "keys.json", "secrets.json")


def verify(archive: Path) -> Manifest:
    """The manifest of an archive whose files are as they were written. Raises BackupError, which names what is not."""
    manifest = Manifest.read(archive)
    for name in _FILES:
        if not (archive / name).is_file() or _digest(archive / name) != manifest.files.get(name):
            raise BackupError(f"{archive / name} was changed, or is missing.")
    for entry in objects(archive):
        path = archive / "objects" / entry["sha256"]
        if not path.is_file() or _digest(path) != entry["sha256"]:
            raise BackupError(f"The object {entry['key']} was changed, or is missing: {path}.")
    return manifest


def objects(archive: Path) -> Iterator[dict[str, Any]]:
    """Each object of an archive: key, version, sha256, size, content_type."""
    with (archive / "objects.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def encrypt(key: bytes, text: str) -> str:
    """The text under the recovery key: AES-256-GCM, base64."""
    nonce = secrets.token_bytes(12)
    return base64.b64encode(nonce + AESGCM(key).encrypt(nonce, text.encode(), b"alcove backup")).decode()


def decrypt(key: bytes, text: str) -> str:
    """The text of `encrypt`. Raises BackupError for another key."""
    data = base64.b64decode(text)
    try:
        return AESGCM(key).decrypt(data[:12], data[12:], b"alcove backup").decode()
    except InvalidTag as error:
        raise BackupError("The recovery key is not that of this backup.") from error


def program(server: postgres.Server, name: str, *arguments: str) -> None:
    """Run one of PostgreSQL's client programs as the superuser. Raises BackupError with what it printed."""
    environment = {"PATH": os.defpath, "PGPASSWORD": server.superuser_password, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    place = ["--host", server.host, "--port", str(server.port), "--username", postgres.SUPERUSER, "--no-password"]
    ended = subprocess.run(
        [str(cluster.binaries() / name), *place, *arguments],
        env=environment,
        capture_output=True,
        check=False,
        text=True,
    )
    if ended.returncode:
        raise BackupError(f"{name} failed with status {ended.returncode}:\n{ended.stderr.strip()[-2000:]}")


def _dump(place: Place, snapshot: str, file: Path) -> None:
    options = ["--format=custom", "--compress=1", f"--snapshot={snapshot}", f"--file={file}"]
    program(place.server, "pg_dump", *options, place.database)


def _data_keys(place: Place, connection: postgres.Superuser) -> Iterator[dict[str, Any]]:
    """The data key of each sealed secret, by its table and the values of its primary key."""
    for table, columns in sealed.registered().items():
        names = sql.SQL(", ").join(map(sql.Identifier, columns.key))
        statement = sql.SQL("select wrapped_key, master_key, {} from {} where wrapped_key is not null")
        for wrapped, master, *key in connection.execute(statement.format(names, sql.Identifier(table))).fetchall():
            context = {"table": table, **{n: str(v) for n, v in zip(columns.key, key, strict=True)}}
            plain = place.kms.decrypt(CiphertextBlob=wrapped, KeyId=master, EncryptionContext=context)["Plaintext"]
            yield {"context": context, "data_key": base64.b64encode(plain).decode()}


def _copy_objects(place: Place, references: list[tuple[str, str | None]], folder: Path) -> Iterator[dict[str, Any]]:
    """Copy each object, in its version; one that waits for its ingestion in the newest. Raises BackupError."""
    missing = (place.s3.exceptions.NoSuchKey, place.s3.exceptions.ClientError)
    with (folder / "objects.jsonl").open("w", encoding="utf-8") as index:
        for key, version in references:
            which = {} if version is None else {"VersionId": version}
            try:
                stored = place.s3.get_object(Bucket=place.bucket, Key=key, **which)  # type: ignore[arg-type]
            except missing as error:
                if version is None or error.response.get("Error", {}).get("Code") in {"NoSuchKey", "NoSuchVersion"}:
                    continue  # an upload that has not arrived; or the bucket lost it, which the document says
                raise BackupError(f"The object {key} cannot be read: {error}.") from error
            temporary = folder / "objects" / "partial"
            digest, size = hashlib.sha256(), 0
            with temporary.open("wb") as file:
                for part in stored["Body"].iter_chunks(1024 * 1024):
                    digest.update(part)
                    size += len(part)
                    file.write(part)
            temporary.replace(folder / "objects" / digest.hexdigest())
            entry = {"key": key, "version": version, "sha256": digest.hexdigest(), "size": size}
            entry["content_type"] = stored.get("ContentType", "application/octet-stream")
            index.write(json.dumps(entry) + "\n")
            yield entry


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _row(row: tuple[Any, ...] | None) -> tuple[Any, ...]:
    if row is None:
        raise BackupError("The database did not answer.")
    return row
