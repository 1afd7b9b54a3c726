"""Moves from small databases of the other systems: every text is found again over the API, by who logs in as before."""

import hashlib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import bcrypt
import psycopg
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from importers import engine, report
from importers.files import Folder
from importers.move import Move
from infra.local import postgres
from tests.importers.sources import Source, move_of, source
from tests.service import Service, User

PASSWORD = "the password of before"
HERE = Path(__file__).parent
SYSTEMS = ("aichat", "arasul", "archi", "echomind", "knowledge")
OPTIONS: dict[str, dict[str, Any]] = {
    "archi": {"key": "the-key"},
    "arasul": {"key": "the secret of before"},
    "echomind": {"issuer": "https://id.example.org/"},
}


def hashed() -> str:
    return bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()


def schema(system: str) -> str:
    text = (HERE / f"{system}.sql").read_text("utf-8").replace("{password}", hashed())
    nonce, key = bytes(12), hashlib.sha256(OPTIONS["arasul"]["key"].encode()).digest()
    sealed = AESGCM(key).encrypt(nonce, b"12:the-token", None)
    secrets = {"{token}": sealed[:-16].hex(), "{nonce}": nonce.hex(), "{tag}": sealed[-16:].hex()}
    for place, value in secrets.items():
        text = text.replace(place, value)
    return text


@pytest.fixture(params=SYSTEMS)
def origin(request: pytest.FixtureRequest, server: postgres.Server) -> Iterator[tuple[str, Source]]:
    with source(server, f"source_{request.param}", schema(request.param)) as created:
        yield request.param, created


@pytest.fixture
def administrator(service: Service, monkeypatch: pytest.MonkeyPatch) -> User:
    service.create_master_key(monkeypatch)
    return service.administrator()


def moved(move: Move, system: str, **options: Any) -> str:
    """Move what was not moved yet; returns the report."""
    reports: list[str] = []
    steps = import_module(f"importers.{system}").steps
    engine.run(move, steps, report=lambda: reports.append(report.of_move(move)), **options)
    return reports[0]


@pytest.fixture
def talks(server: postgres.Server) -> Iterator[Source]:
    with source(server, "source_talks", schema("aichat")) as created:
        yield created


@pytest.fixture
def papers(server: postgres.Server) -> Iterator[Source]:
    with source(server, "source_papers", schema("knowledge")) as created:
        yield created


def test_a_later_move_takes_what_was_added_and_brings_no_erased_account_back(
    service: Service, administrator: User, talks: Source
) -> None:
    with move_of(service, talks, "aichat") as move:
        moved(move, "aichat")
    user = service.log_in("ada@example.org", PASSWORD)
    conversation = user.get("/conversations").json["items"][0]["id"]
    talks.run(
        "insert into messages (id, session_id, role, content, created_at) values "
        "('11111111-0000-4000-8000-000000000001', '00000000-0000-4000-8000-00000000000a', 'user', 'Added later.', "
        "now())"
    )
    with move_of(service, talks, "aichat") as move:
        moved(move, "aichat")
    messages = user.get(f"/conversations/{conversation}/messages").json["items"]
    assert [each["content"] for each in messages] == ["messages.content", "messages.answer", "Added later."]
    assert [each["parent_message_id"] for each in messages] == [None, messages[0]["id"], messages[1]["id"]]
    assert user.delete("/me").status == 204
    with move_of(service, talks, "aichat") as move:
        moved(move, "aichat")
    assert service.rows("select count(*) from users where email = 'ada@example.org'") == [(0,)]


def test_an_id_that_is_a_uuid7_of_another_time_does_not_stay(
    service: Service, administrator: User, talks: Source
) -> None:
    talks.run(
        "insert into messages (id, session_id, role, content, prompt_tokens, completion_tokens, created_at) values "
        "('00000000-0000-7000-8000-000000000009', '00000000-0000-4000-8000-00000000000a', 'assistant', 'Last.', 1, 2, "
        "now())"
    )
    with move_of(service, talks, "aichat") as move:
        text = moved(move, "aichat")
    assert "| messages | 3 | 0 | 0 |" in text, text
    user = service.log_in("ada@example.org", PASSWORD)
    conversation = user.get("/conversations").json["items"][0]["id"]
    messages = user.get(f"/conversations/{conversation}/messages").json["items"]
    assert messages[-1]["content"] == "Last."


def test_a_dry_run_reports_and_leaves_nothing(service: Service, administrator: User, talks: Source) -> None:
    with move_of(service, talks, "aichat") as move:
        assert "| messages | 2 | 0 | 0 |" in moved(move, "aichat", dry=True)
    assert service.rows("select count(*) from moved_rows") == [(0,)]
    assert service.rows("select count(*) from conversations") == [(0,)]


def test_the_source_cannot_be_changed(service: Service, talks: Source) -> None:
    with move_of(service, talks, "aichat") as move:
        engine.begin_reading(move)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            move.reader.execute("delete from messages")


def test_an_account_that_is_here_takes_what_is_its_own(service: Service, administrator: User, talks: Source) -> None:
    here = administrator.post("/users", {"email": "ada@example.org", "password": "another long password"}).json["id"]
    with move_of(service, talks, "aichat") as move:
        assert "| users | 1 | 1 | 0 |" in moved(move, "aichat")
    assert service.rows("select user_id::text from conversations") == [(here,)]
    assert service.log_in("ada@example.org", "another long password").id


def test_a_deployment_that_was_closed_to_strangers_stays_closed(
    service: Service, administrator: User, server: postgres.Server
) -> None:
    service.rows("update static_config set anonymous_allowed = false, session_lifetime_days = 7 returning 1")
    with (
        source(server, "source_closed", schema("archi")) as created,
        move_of(service, created, "archi", **OPTIONS["archi"]) as move,
    ):
        text = moved(move, "archi")
    settings = administrator.get("/config/static").json
    assert (settings["anonymous_allowed"], settings["session_lifetime_days"]) == (False, 7)
    assert "session_lifetime_days is set here and stays: it was 123 there" in text
    assert (settings["deployment_name"], settings["anonymous_reads_organisation"]) == (
        "static_config.deployment_name",
        True,
    )
    assert "everybody reads the organisation's documents here" in text


def test_what_a_connector_knew_as_a_secret_is_in_no_answer(
    service: Service, administrator: User, server: postgres.Server
) -> None:
    with source(server, "source_secrets", schema("echomind")) as created:
        created.run("""update connectors set state = '{"cursor": "17", "refresh_token": "hunter2"}',
                                             config = '{"start": "/", "client_secret": "hunter2"}'""")
        with move_of(service, created, "echomind", owner_name=administrator.email, **OPTIONS["echomind"]) as move:
            moved(move, "echomind")
    ((settings,),) = service.rows("select settings from connectors")
    assert settings["moved_in"] == {"start": "/"}
    assert settings["moved_in_state"]["state"] == {"cursor": "17"}


@pytest.mark.parametrize(("here", "then"), [("admin", "admin"), ("member", "editor"), (None, "editor")])
def test_who_made_a_connector_of_a_group_can_write_to_it_and_loses_no_right(
    service: Service, administrator: User, server: postgres.Server, here: str | None, then: str
) -> None:
    ada = administrator.post("/users", {"email": "ada@example.org", "password": "another long password"}).json["id"]
    if here is not None:
        group = administrator.post("/groups", {"name": "users.groups"}).json["id"]
        assert administrator.put(f"/groups/{group}/members/{ada}", {"role": here}).status in {200, 201, 204}
    with (
        source(server, "source_groups", schema("echomind")) as created,
        move_of(service, created, "echomind", owner_name=administrator.email, **OPTIONS["echomind"]) as move,
    ):
        moved(move, "echomind")
    assert service.rows("select role from memberships where user_id = %s", ada) == [(then,)]


def test_documents_are_ingested_from_their_files_or_their_chunks_and_known_by_their_old_ids(
    service: Service, administrator: User, papers: Source
) -> None:
    with move_of(service, papers, "knowledge") as move:
        moved(move, "knowledge")
    service.pump_ingest()
    user = service.log_in("ada@example.org", PASSWORD)
    old = "d0000000-0000-4000-8000-000000000002"
    (document,) = user.get(f"/documents?external_id={old}").json["items"]
    assert (document["title"], document["status"]) == ("In chunks", "completed")
    assert user.search("Which valve has a seal?")[0]["document_id"] == document["id"]
    assert administrator.get(f"/documents?external_id={old}").json["items"] == []


def test_files_are_found_under_their_path_and_never_outside_the_folder(tmp_path: Path) -> None:
    inside = tmp_path / "files"
    (inside / "docs").mkdir(parents=True)
    (inside / "docs" / "pump.md").write_text("P-17")
    (tmp_path / "secret.md").write_text("no")
    folder = Folder(inside)
    assert folder.read("minio:documents:docs/pump.md") == b"P-17"
    assert folder.read("/root/data/docs/pump.md") == b"P-17"
    assert folder.read("../secret.md") is None
    (inside / "link.md").symlink_to(tmp_path / "secret.md")
    assert folder.read("link.md") is None


def test_a_row_that_a_rule_refuses_is_left_out_alone_and_reported(
    service: Service, administrator: User, talks: Source
) -> None:
    talks.run("update messages set created_at = 'infinity' where role = 'assistant'")
    talks.run("update sessions set created_at = '294000-01-01', title = repeat('x', 255)")
    with move_of(service, talks, "aichat") as move:
        text = moved(move, "aichat")
    assert "created_at is missing" in text, text
