"""Restoring a backup: into a database beside the present one, compared table by table, and then in its place."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg import sql

from chalicelib.core import sealed
from chalicelib.ops.drills import digests
from infra.backups import archive
from infra.backups.archive import BackupError, Manifest, Place
from infra.local import postgres

# Of so many objects the drill compares the contents in the bucket with those of the backup.
SAMPLE = 20


@dataclass(frozen=True)
class Restored:
    """What was restored and compared."""

    manifest: Manifest
    tables: int
    rows: int
    objects: int


def restore(folder: Path, place: Place, key: bytes) -> Restored:
    """Put a backup in the place of what `place` has now: database, objects, data keys and secrets.

    The database is restored under another name and compared with the manifest first: until then nothing is changed. The
    former database stays as `<name>_before_restore`. The functions should not work meanwhile. Raises BackupError.
    """
    manifest = archive.verify(folder)
    keys = json.loads(archive.decrypt(key, (folder / "keys.json").read_text("ascii")))
    secrets: dict[str, str] = json.loads(archive.decrypt(key, (folder / "secrets.json").read_text("ascii")))
    _refuse_newer(manifest, place)
    candidate = f"{place.database}_restored"
    load(folder, place.server, candidate)
    differences = compare(manifest, place.server, candidate)
    if differences:
        raise BackupError("The restored database differs from the backup's manifest: " + "; ".join(differences))
    with postgres.connect_superuser(place.server, candidate) as connection:
        versions = _put_objects(folder, place)
        _set_versions(connection, versions)
        _wrap_keys(connection, place, keys)
    for name, value in secrets.items():
        if name in place.secrets:
            place.vault.put_secret_value(SecretId=place.secrets[name], SecretString=value)
    _swap(place, candidate)
    rows = sum(table.rows for table in manifest.tables.values())
    return Restored(manifest, len(manifest.tables), rows, len(versions))


def load(folder: Path, server: postgres.Server, database: str) -> None:
    """Load a backup's database into a new one called `database`; one of that name is dropped first."""
    postgres.drop_database(server, database)
    postgres.create_database(server, database, "template0")
    archive.program(server, "pg_restore", "--exit-on-error", f"--dbname={database}", str(folder / "database.dump"))


def compare(manifest: Manifest, server: postgres.Server, database: str) -> list[str]:
    """How a database differs from a backup's manifest: a sentence for each table."""
    with postgres.connect_superuser(server, database) as connection:
        present = digests.of_database(connection)
    expected = {name: {0: sums} if sums.rows else {} for name, sums in manifest.tables.items()}
    return digests.differences(expected, present)


def compare_objects(folder: Path, place: Place, sample: int = SAMPLE) -> list[str]:
    """How a sample of the bucket's objects differs from the backup's."""
    import hashlib

    entries = list(archive.objects(folder))
    chosen = entries if len(entries) <= sample else random.Random(0).sample(entries, sample)  # noqa: S311 — a sample
    differences = []
    for entry in chosen:
        body = place.s3.get_object(Bucket=place.bucket, Key=entry["key"])["Body"].read()
        if hashlib.sha256(body).hexdigest() != entry["sha256"]:
            differences.append(f"the object {entry['key']} has other contents")
    return differences


def _refuse_newer(manifest: Manifest, place: Place) -> None:
    with postgres.connect_superuser(place.server, place.database) as connection:
        present = {row[0] for row in connection.execute("select migration_id from _yoyo_migration").fetchall()}
    newer = sorted(set(manifest.migrations) - present)
    if newer:
        raise BackupError(
            f"The backup is of a newer version, with {', '.join(newer)}. Restore it with the version that made it."
        )


def _put_objects(folder: Path, place: Place) -> list[tuple[str, str | None, str]]:
    """Put every object into the bucket; returns its key, its version in the backup, and its version now."""
    versions = []
    for entry in archive.objects(folder):
        with (folder / "objects" / entry["sha256"]).open("rb") as body:
            put = place.s3.put_object(
                Bucket=place.bucket, Key=entry["key"], Body=body, ContentType=entry["content_type"]
            )
        versions.append((entry["key"], entry["version"], put["VersionId"]))
    return versions


def _set_versions(connection: postgres.Superuser, versions: Sequence[tuple[str, str | None, str]]) -> None:
    """Documents refer to the versions that their objects have in this bucket: nothing is ingested again."""
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute("alter table documents disable trigger user")
        cursor.executemany(
            "update documents set object_version = %(now)s where object_key = %(key)s and object_version = %(before)s",
            [{"key": key, "before": before, "now": now} for key, before, now in versions if before is not None],
        )
        cursor.execute("alter table documents enable trigger user")


def _wrap_keys(connection: postgres.Superuser, place: Place, keys: Sequence[dict[str, Any]]) -> None:
    """Put the data keys of sealed secrets under the master key of this place."""
    columns = sealed.registered()
    for entry in keys:
        context = dict(entry["context"])
        table = columns[context["table"]]
        wrapped = place.kms.encrypt(
            KeyId=place.master_key, Plaintext=base64.b64decode(entry["data_key"]), EncryptionContext=context
        )
        condition = sql.SQL(" and ").join(
            sql.SQL("{}::text = {}").format(sql.Identifier(name), sql.Literal(context[name])) for name in table.key
        )
        statement = sql.SQL("update {} set wrapped_key = %s, master_key = %s where {}")
        connection.execute(
            statement.format(sql.Identifier(table.table), condition), [wrapped["CiphertextBlob"], wrapped["KeyId"]]
        )


def _swap(place: Place, candidate: str) -> None:
    """Give the restored database the name of the present one, which stays under another name."""
    former = f"{place.database}_before_restore"
    postgres.drop_database(place.server, former)
    rename = sql.SQL("alter database {} rename to {}")
    end = "select pg_terminate_backend(pid) from pg_stat_activity where datname = any (%s) and pid <> pg_backend_pid()"
    with postgres.connect_superuser(place.server) as connection:
        # Nobody connects between the end of the connections and the change of the name.
        connection.execute(sql.SQL("alter database {} allow_connections false").format(sql.Identifier(place.database)))
        connection.execute(end, [[place.database, candidate]])
        connection.execute(rename.format(sql.Identifier(place.database), sql.Identifier(former)))
        connection.execute(rename.format(sql.Identifier(candidate), sql.Identifier(place.database)))
        connection.execute(sql.SQL("alter database {} allow_connections true").format(sql.Identifier(former)))
