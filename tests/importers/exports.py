"""Exports of an account and of the organisation: as `alcove export` writes them, and read back by another service."""

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from importers import alcove, engine, exported, organisation, report
from importers.exported import ACCOUNT, ORGANISATION
from importers.files import Folder
from importers.move import Move
from tests.service import Service, User

PATHS = {ACCOUNT: "/me/export", ORGANISATION: "/organisation/export"}
READERS = {ACCOUNT: alcove, ORGANISATION: organisation}


def rows_of(user: User, of: str = ACCOUNT, limit: int = 200) -> list[tuple[str, dict[str, Any]]]:
    """Every row of the export, with its table."""
    return [(item["table"], item["row"]) for item in user.items(PATHS[of], limit)]


def export(user: User, folder: Path, of: str = ACCOUNT) -> Path:
    """What `alcove export` writes; tests/clients shows that it does."""
    (folder / "files").mkdir(parents=True)
    rows = rows_of(user, of)
    (folder / "rows.jsonl").write_text("".join(json.dumps({"table": t, "row": r}) + "\n" for t, r in rows), "utf-8")
    for table, row in rows:
        original = user.get(f"/documents/{row['id']}/original") if table == "documents" else None
        if original is not None and original.status == 200:
            with urllib.request.urlopen(original.json["url"]) as answer:
                (folder / "files" / row["id"]).write_bytes(answer.read())
    stated = {"format": exported.FORMAT, "version": exported.VERSION, "of": of}
    (folder / "export.json").write_text(json.dumps(stated))
    return folder


@contextmanager
def move_of(service: Service, folder: Path, of: str = ACCOUNT, **options: Any) -> Iterator[Move]:
    """A move of an export to `service`."""
    from importers import destination

    with service.database.connect("owner") as owner, service.database.connect("owner") as reader:
        name = exported.load(reader, folder, READERS[of].KEYS, of)
        yield Move(f"alcove-{name}", reader, owner, files=Folder(folder / "files"), put=destination.put, **options)


def read_back(service: Service, folder: Path, of: str = ACCOUNT, **options: Any) -> str:
    """Read an export back; returns the report."""
    reports: list[str] = []
    with move_of(service, folder, of, **options) as move:
        engine.run(move, READERS[of].steps, report=lambda: reports.append(report.of_move(move)))
    return reports[0]
