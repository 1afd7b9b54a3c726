"""Backup and restore (O8): one moment of database, objects and keys, and a comparison that notices what is not so."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from chalicelib.config.registry.sealed_columns import LLM_KEYS
from chalicelib.core import process
from chalicelib.core.sealed import Sealed
from chalicelib.core.settings import settings
from infra.backups import archive, restoring
from infra.backups.archive import BackupError, Place
from infra.local import postgres
from tests.service import Service

KEY = bytes(range(32))
PUMP = "The coolant pump P-17 is inspected every ninety days."


def _place(service: Service, server: postgres.Server, master_key: str) -> Place:
    return Place(
        server=server,
        database=service.database.owner["dbname"],
        s3=boto3.client("s3"),
        bucket=service.bucket,
        kms=boto3.client("kms"),
        master_key=master_key,
        vault=boto3.client("secretsmanager"),
        secrets={"signing": settings().signing_secret},
    )


@pytest.fixture
def place(service: Service, server: postgres.Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    key = boto3.client("kms").create_key()["KeyMetadata"]["Arn"]
    monkeypatch.setenv("ALCOVE_MASTER_KEY", key)
    process.forget()
    yield _place(service, server, key)
    for suffix in ("restored", "before_restore"):
        postgres.drop_database(server, f"{service.database.owner['dbname']}_{suffix}")


def _fill(service: Service) -> dict[str, str]:
    """A document, a conversation with an answer, and a sealed secret; their ids."""
    administrator, user = service.administrator(), service.user()
    document = user.add("Pump", PUMP)["id"]
    conversation = user.post("/conversations", {}).json["id"]
    user.post(f"/conversations/{conversation}/messages", {"content": "How often is the pump inspected?"})
    service.pump_answer()
    body = {"name": "m", "provider": "openai", "model_id": "m", "api_key": "sk-0123456789abcdef0123456789"}
    created = administrator.post("/llms", body)
    assert created.status == 201, created.body
    return {"document": document, "conversation": conversation, "llm": created.json["id"]}


def test_what_was_there_at_the_moment_of_the_backup_is_there_again(
    service: Service, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = _fill(service)
    before = service.dump()
    manifest = archive.create(place, tmp_path / "backup", KEY)
    assert (manifest.tables["documents"].rows, manifest.objects) == (1, 1)
    assert b"sk-0123456789" not in b"".join(
        path.read_bytes() for path in (tmp_path / "backup").iterdir() if path.is_file()
    )
    later = service.user()
    later.add("Valve", "Valve V-3 closes at six bar.")
    service.rows("update documents set title = 'Changed' where id = %s returning 1", ids["document"])
    boto3.client("s3").put_object(Bucket=service.bucket, Key=f"documents/{ids['document']}", Body=b"changed")
    service.close()
    other_key = boto3.client("kms").create_key()["KeyMetadata"]["Arn"]
    another = Place(**{**place.__dict__, "master_key": other_key})
    restored = restoring.restore(tmp_path / "backup", another, KEY)
    assert (restored.tables, restored.objects) == (len(manifest.tables), 1)
    monkeypatch.setenv("ALCOVE_MASTER_KEY", other_key)
    process.forget()
    ((version,),) = service.rows("select object_version from documents")
    assert service.dump().replace(version, "V") != before, "the key's wrapping and the object's version differ"
    volatile = ("documents:", "llms:")
    unchanged = [line for line in before.splitlines() if not line.startswith(volatile)]
    assert [line for line in service.dump().splitlines() if not line.startswith(volatile)] == unchanged
    body = boto3.client("s3").get_object(Bucket=service.bucket, Key=f"documents/{ids['document']}")
    assert (body["Body"].read().decode(), body["VersionId"]) == (PUMP, version)
    (row,) = service.rows("select ciphertext, wrapped_key, master_key from llms where id = %s", ids["llm"])
    assert row[2] == other_key
    assert LLM_KEYS.unseal(Sealed(*row), ids["llm"]) == "sk-0123456789abcdef0123456789"
    service.drain("ingest")
    service.tick()
    assert service.drain("ingest") == [], "nothing is ingested again"


def test_a_backup_under_writes_is_one_moment(service: Service, place: Place, tmp_path: Path) -> None:
    """A writer changes two tables together, again and again: a backup has both changes or neither."""
    service.user()
    with service.database.connect("owner") as conn:
        conn.execute("update users set display_name = '0'; update static_config set registration_open = true")
        conn.execute("create table counted (number bigint); insert into counted values (0)")
        conn.execute("create table counted_too (number bigint); insert into counted_too values (0)")
    stopped = threading.Event()

    def write() -> None:
        with service.database.connect("owner") as conn:
            while not stopped.is_set():
                conn.execute("begin; update counted set number = number + 1")
                conn.execute("update counted_too set number = number + 1; commit")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        manifest = archive.create(place, tmp_path / "backup", KEY)
    finally:
        stopped.set()
        writer.join()
    scratch = f"{place.database}_restored"
    restoring.load(tmp_path / "backup", place.server, scratch)
    with postgres.connect_superuser(place.server, scratch) as conn:
        pair = conn.execute("select a.number, b.number from counted a, counted_too b").fetchone()
    assert pair is not None
    assert pair[0] == pair[1]
    assert restoring.compare(manifest, place.server, scratch) == []


def test_damage_is_noticed_before_anything_is_changed(service: Service, place: Place, tmp_path: Path) -> None:
    _fill(service)
    folder = tmp_path / "backup"
    manifest = archive.create(place, folder, KEY)
    before = service.dump()
    with pytest.raises(BackupError, match="recovery key"):
        restoring.restore(folder, place, bytes(32))
    (entry,) = archive.objects(folder)
    stored = folder / "objects" / entry["sha256"]
    whole = stored.read_bytes()
    stored.write_bytes(b"x" + whole[1:])
    with pytest.raises(BackupError, match=f"The object {entry['key']} was changed"):
        restoring.restore(folder, place, KEY)
    stored.write_bytes(whole)
    for name in ("database.dump", "keys.json", "objects.jsonl"):
        file = folder / name
        contents = file.read_bytes()
        file.write_bytes(contents[:-1])
        with pytest.raises(BackupError, match=f"{name} was changed"):
            restoring.restore(folder, place, KEY)
        file.write_bytes(contents)
    document = json.loads((folder / "manifest.json").read_text())
    document["migrations"].append("9999_future")
    (folder / "manifest.json").write_text(json.dumps(document))
    with pytest.raises(BackupError, match="newer version, with 9999_future"):
        restoring.restore(folder, place, KEY)
    (folder / "manifest.json").unlink()
    with pytest.raises(BackupError, match="is no backup"):
        restoring.restore(folder, place, KEY)
    assert service.dump() == before
    scratch = f"{place.database}_restored"
    restoring.load(folder, place.server, scratch)
    with postgres.connect_superuser(place.server, scratch) as conn:
        conn.execute("truncate messages cascade")
        conn.execute("update documents set title = 'Another'")
    differences = restoring.compare(manifest, place.server, scratch)
    assert "messages has 0 rows instead of 2" in differences
    assert "documents has other contents" in differences
    boto3.client("s3").put_object(Bucket=service.bucket, Key=entry["key"], Body=b"other")
    assert restoring.compare_objects(folder, place) == [f"the object {entry['key']} has other contents"]
