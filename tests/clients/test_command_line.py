"""`alcove` as people and scripts use it, against the running service."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from alcove import Alcove
from alcove.cli import main
from importers import exported as exported_files
from infra.local import instances
from tests.clients.conftest import PASSWORD
from tests.clients.test_client import respond, server
from tests.peers import web


class Terminal:
    """Runs commands of one person, with the configuration in a folder of its own."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture

    def run(self, *arguments: str, status: int = 0) -> str:
        """What a command prints; it must end with the status."""
        ended = main(list(arguments))
        out, err = self._capture.readouterr()
        assert ended == status, f"{ended}: {out}{err}"
        return out + err

    def json(self, *arguments: str, status: int = 0) -> Any:
        """What a command prints as JSON."""
        ended = main([*arguments, "--json"])
        out, err = self._capture.readouterr()
        assert ended == status, f"{ended}: {out}{err}"
        return json.loads(out or err)


@pytest.fixture
def outsider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    for name in ("ALCOVE_URL", "ALCOVE_API_KEY", "ALCOVE_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return Terminal(capsys)


@pytest.fixture
def terminal(
    outsider: Terminal, client: Alcove, place: instances.Place, email: str, monkeypatch: pytest.MonkeyPatch
) -> Terminal:
    sign_in(outsider, place.api_url, email, PASSWORD, monkeypatch)
    return outsider


def sign_in(terminal: Terminal, url: str, name: str, password: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(password.encode() + b"\n")))
    assert "Signed in" in terminal.run("login", url, "--name", name, "--password-stdin")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "machines"
    (folder / "old").mkdir(parents=True)
    (folder / "pump.txt").write_text("The coolant pump P-17 is inspected every ninety days.")
    (folder / "old" / "valve.md").write_text("# Valve\n\nThe safety valve V-4 opens at eleven bar.")
    (folder / ".hidden").write_text("not a document")
    return folder


def test_a_folder_is_uploaded_asked_and_searched(terminal: Terminal, client: Alcove, folder: Path) -> None:
    assert terminal.run("upload", str(folder), "--repository", "machines").strip() == "2 uploaded"
    [repository] = client.list_repositories().items
    placed = client.list_repository_documents(repository.id).items
    assert {(entry.path, entry.title) for entry in placed} == {
        ("pump.txt", "pump.txt"),
        ("old/valve.md", "valve.md"),
    }

    answered = terminal.run("ask", "At how many bar does the safety valve open?")
    assert "eleven bar" in answered
    assert "[1] valve.md" in answered

    assert "valve.md" in str(terminal.json("docs", "list", "--q", "valve"))
    [hit] = terminal.json("search", "coolant pump", "--limit", "1")["items"]
    assert hit["title"] == "pump.txt"


def test_only_what_changed_is_sent_again(terminal: Terminal, client: Alcove, folder: Path) -> None:
    terminal.run("upload", str(folder))
    before = {document.title: document.id for document in client.list_documents().items}
    (folder / "pump.txt").write_text("The coolant pump P-17 is inspected every sixty days.")

    report = terminal.json("upload", str(folder))

    assert report["counts"] == {"unchanged": 1, "replaced": 1}
    assert {document.title: document.id for document in client.list_documents().items} == before
    assert "sixty" in client.get_document_content(before["pump.txt"]).text


def test_what_was_deleted_is_uploaded_again(terminal: Terminal, client: Alcove, folder: Path) -> None:
    terminal.run("upload", str(folder / "pump.txt"))
    [document] = client.list_documents().items
    terminal.run("docs", "delete", str(document.id))

    assert terminal.run("upload", str(folder / "pump.txt")).strip() == "1 uploaded"
    assert terminal.run("upload", str(folder / "pump.txt")).strip() == "1 unchanged"


def test_an_interrupted_upload_goes_on(terminal: Terminal, client: Alcove, folder: Path, tmp_path: Path) -> None:
    """The process ends between the announcement and the bytes: the second run sends them, to the same document."""
    terminal.run("upload", str(folder / "pump.txt"))
    [document] = client.list_documents().items
    [remembered] = (tmp_path / "XDG_STATE_HOME" / "alcove").glob("uploads-*.json")
    remembered.write_text(remembered.read_text().replace('"arrived": true', '"arrived": false'))

    assert terminal.run("upload", str(folder / "pump.txt")).strip() == "1 replaced"

    [after] = client.list_documents().items
    assert (after.id, after.status) == (document.id, "completed")


def test_an_interrupted_upload_in_parts_sends_what_is_missing(client: Alcove, tmp_path: Path) -> None:
    path = tmp_path / "big.txt"
    path.write_text("The coolant pump P-17." + " " * (16 << 20) + "The valve V-4.")
    document = client.create_document(filename="big.txt", content_type="text/plain", size_bytes=path.stat().st_size)
    [last] = client.create_document_parts(document.id, numbers=[2]).items
    content = path.read_bytes()[16 << 20 :]
    assert httpx.put(last.url, headers=last.headers, content=content).status_code == 200
    progress: list[tuple[int, int]] = []

    client.send_parts(document.id, path, on_progress=lambda done, count: progress.append((done, count)))

    assert progress == [(2, 2)], "one part was there"
    assert client.wait_for_document(document.id, timeout=120).status == "completed"


def test_a_file_that_fails_is_reported_and_the_others_are_uploaded(terminal: Terminal, folder: Path) -> None:
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 broken")

    printed = terminal.run("upload", str(folder), status=1)

    assert "broken.pdf" in printed
    assert "2 uploaded" in printed
    assert "1 failed" in printed


def test_a_question_can_follow_another(terminal: Terminal, client: Alcove, folder: Path) -> None:
    terminal.run("upload", str(folder))
    first = terminal.json("ask", "How often is the coolant pump inspected?")
    second = terminal.json("ask", "--follow", "At how many bar does the safety valve open?")

    assert first["conversation_id"] == second["conversation_id"]


def test_documents_are_archived_deleted_and_restored(terminal: Terminal, client: Alcove, folder: Path) -> None:
    terminal.run("upload", str(folder / "pump.txt"))
    [document] = client.list_documents().items

    terminal.run("docs", "archive", str(document.id))
    assert client.get_document(document.id).is_archived
    terminal.run("docs", "archive", "--undo", str(document.id))
    terminal.run("docs", "delete", str(document.id))
    assert terminal.json("docs", "list", "--deleted")["id"] == str(document.id)
    assert "1 restored" in terminal.run("docs", "restore", str(document.id))
    assert "pump.txt" in terminal.run("docs", "show", str(document.id))


def test_everything_of_a_person_is_exported_with_the_files(
    terminal: Terminal, client: Alcove, folder: Path, tmp_path: Path
) -> None:
    terminal.run("upload", str(folder))

    exported = terminal.json("export", "mine")

    lines = [json.loads(line) for line in (tmp_path / "mine" / "rows.jsonl").read_text().splitlines()]
    documents = {entry["row"]["id"]: entry["row"]["filename"] for entry in lines if entry["table"] == "documents"}
    assert set(documents) == {str(document.id) for document in client.list_documents().items}
    for document, name in documents.items():
        assert (tmp_path / "mine" / "files" / document).read_bytes() == next(folder.rglob(name)).read_bytes()
    stated = json.loads((tmp_path / "mine" / "export.json").read_text())
    assert (stated["format"], stated["version"]) == (exported_files.FORMAT, exported_files.VERSION)
    assert (stated["rows"], stated["files"]) == (exported["rows"], exported["files"]) == (len(lines), len(documents))
    assert "not an empty folder" in terminal.run("export", "mine", status=2)


def test_an_administrator_exports_what_is_the_organisations(
    outsider: Terminal, terminal: Terminal, folder: Path, place: instances.Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal.run("upload", str(folder / "pump.txt"))
    assert "403" in terminal.run("export", "theirs", "--organisation", status=1)
    sign_in(outsider, place.api_url, place.administrator["email"], place.administrator["password"], monkeypatch)
    rules = folder / "rules.md"
    rules.write_text("The gate closes at ten.")
    outsider.run("upload", str(rules), "--organisation")

    exported = outsider.json("export", "ours", "--organisation")

    lines = [json.loads(line) for line in Path("ours/rows.jsonl").read_text().splitlines()]
    [document] = [entry["row"]["id"] for entry in lines if entry["table"] == "documents"]
    assert (Path("ours/files") / document).read_bytes() == rules.read_bytes()
    assert (exported["rows"], exported["files"]) == (len(lines), 1)
    stated = json.loads(Path("ours/export.json").read_text())
    assert stated["of"] == exported_files.ORGANISATION
    assert "coolant" not in Path("ours/rows.jsonl").read_text()
    outsider.run("docs", "delete", document)


def test_a_documents_original_is_written(terminal: Terminal, client: Alcove, folder: Path, tmp_path: Path) -> None:
    terminal.run("upload", str(folder / "pump.txt"))
    [document] = client.list_documents().items

    written = terminal.json("docs", "download", str(document.id))

    assert (tmp_path / "pump.txt").read_text() == (folder / "pump.txt").read_text()
    assert written == {"path": "pump.txt", "bytes": len((folder / "pump.txt").read_bytes())}


@pytest.mark.parametrize("kind", ["markdown", "docx"])
def test_a_conversation_is_written(terminal: Terminal, folder: Path, tmp_path: Path, kind: str) -> None:
    terminal.run("upload", str(folder))
    terminal.run("ask", "At how many bar does the safety valve open?")
    listed = json.loads(terminal.run("conversations", "list", "--json"))

    terminal.run("conversations", "export", listed["id"], "exported", "--format", kind)

    written = (tmp_path / "exported").read_bytes()
    assert (b"eleven bar" in written) if kind == "markdown" else written.startswith(b"PK")
    terminal.run("conversations", "delete", listed["id"])
    assert "Nothing found" in terminal.run("conversations", "list")


def test_any_operation_is_called(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "tag.json").write_text('{"name": "blue"}')
    created = json.loads(terminal.run("api", "POST", "/tags", "--input", "tag.json"))
    json.loads(terminal.run("api", "POST", "/tags", "name=green"))

    listed = [json.loads(line) for line in terminal.run("api", "GET", "/tags", "limit=1", "--all").splitlines()]
    assert {tag["name"] for tag in listed} == {"blue", "green"}
    assert terminal.run("api", "DELETE", f"/tags/{created['id']}") == ""
    assert terminal.json("api", "GET", f"/tags/{created['id']}", status=1)["error"]["code"] == "not_found"
    assert "no list" in terminal.run("api", "GET", "/me", "--all", status=2)
    assert "name=value" in terminal.run("api", "POST", "/tags", "blue", status=2)
    (tmp_path / "list.json").write_text("[]")
    assert "one JSON object" in terminal.run("api", "POST", "/tags", "--input", "list.json", status=2)


def test_an_administrator_manages_accounts_and_settings(
    outsider: Terminal, place: instances.Place, email: str, client: Alcove, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(outsider, place.api_url, place.administrator["email"], place.administrator["password"], monkeypatch)

    assert f"{email} is deactivated" in outsider.run("admin", "users", "deactivate", email)
    assert f"{email} is active" in outsider.run("admin", "users", "activate", email)
    before = outsider.json("admin", "settings", "show")
    outsider.run("admin", "settings", "set", "num_documents_to_retrieve=7")
    assert before != outsider.json("admin", "settings", "show")
    outsider.run("admin", "settings", "set", "num_documents_to_retrieve=null")
    assert "There is no such setting" in outsider.run("admin", "settings", "set", "colour=blue", status=2)
    assert "waiting" in outsider.run("admin", "queue")
    assert outsider.run("admin", "audit", "--limit", "3")
    assert outsider.run("admin", "llms")


def test_sign_ins_are_private_and_end(terminal: Terminal, tmp_path: Path, email: str) -> None:
    profiles = tmp_path / "XDG_CONFIG_HOME" / "alcove" / "profiles.json"
    assert profiles.stat().st_mode & 0o077 == 0
    assert PASSWORD not in profiles.read_text()
    assert terminal.json("whoami")["email"] == email

    assert "Signed out" in terminal.run("logout")

    assert "not signed in" in terminal.run("whoami", status=3)
    assert "access_token" not in profiles.read_text()


def test_an_api_key_in_the_environment_is_enough(
    outsider: Terminal, client: Alcove, place: instances.Place, email: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = client.create_api_key(name="script", scopes=["read"])
    monkeypatch.setenv("ALCOVE_URL", place.api_url)
    monkeypatch.setenv("ALCOVE_API_KEY", key.key)

    assert outsider.json("whoami")["email"] == email
    assert outsider.json("upload", "nothing", status=2)["error"]["code"] == "refused"


def test_wrong_use_and_an_unreachable_service_have_their_own_status(outsider: Terminal) -> None:
    assert "No such command" in outsider.run("frobnicate", status=2)
    assert "not signed in" in outsider.run("docs", "list", status=3)
    problem = outsider.json("--url", "http://127.0.0.1:1/", "--api-key", "alc_x", "whoami", status=4)
    assert problem["error"]["code"] == "unreachable"


def test_a_document_cannot_drive_the_terminal(terminal: Terminal, client: Alcove) -> None:
    client.create_document(title="red \x9b31m \x1b]0;owned\x07 title", content="text \x1b[2J of a document")

    printed = terminal.run("docs", "list")

    assert "\x1b" not in printed
    assert "\x9b" not in printed
    assert "owned" in printed


def test_a_set_of_questions_is_imported_run_reported_and_scheduled(terminal: Terminal, folder: Path) -> None:
    terminal.run("upload", str(folder))
    lines = [{"question": "How often is the coolant pump inspected?"}, {"question": "Who?", "should_decline": True}]
    path = folder.parent / "questions.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    created = terminal.json("eval", "import", str(path), "--name", "Pumps")
    assert terminal.json("eval", "sets")["question_count"] == 2
    run = terminal.json("eval", "run", created["id"], "--setting", "use_cross_encoder=false")
    assert (run["status"], run["finished_count"], run["failed_count"]) == ("completed", 2, 0)
    assert "abstention" in terminal.run("eval", "report", run["id"])
    again = terminal.json("eval", "run", created["id"], "--setting", "active_pipeline=search", "--name", "Again")
    assert "abstention" in terminal.run("eval", "compare", run["id"], again["id"])
    assert "starts at" in terminal.run("eval", "schedule", created["id"], "0 3 * * 1")
    assert terminal.json("eval", "schedules")["schedule"] == "0 3 * * 1"
    assert "is no setting" in terminal.run("eval", "run", created["id"], "--setting", "nonsense", status=2)


def test_an_administrator_chooses_the_embedding_model(
    outsider: Terminal, place: instances.Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(outsider, place.api_url, place.administrator["email"], place.administrator["password"], monkeypatch)
    chosen = outsider.json("admin", "use-embedding-model", "all-minilm-l6-v2")
    assert (chosen["model"], chosen["status"]) == ("all-minilm-l6-v2", "active")
    assert "is not among the models" in outsider.run("admin", "use-embedding-model", "bge-small-en-v1.5", status=1)


def test_a_source_is_connected_and_kept_up_to_date(
    outsider: Terminal, place: instances.Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.add("sync")
    admin = place.administrator
    sign_in(outsider, place.api_url, admin["email"], admin["password"], monkeypatch)
    with web.serve() as site:
        site.put("/", "<main>All <a href='/pump'>pumps</a></main>")
        site.put("/pump", "<title>Pump</title><main>The pelton pump is inspected every ninety days.</main>")
        settings = json.dumps({"start_urls": [f"{site.url}/"]})
        arguments = ("--type", "web", "--settings", settings, "--allow-private-addresses")
        created = outsider.json("connectors", "create", "Manuals", *arguments)
        run = outsider.json("sync", "Manuals")
        assert (run["status"], run["created"]) == ("completed", 2)
        site.put("/pump", "<title>Pump</title><main>The pelton pump is inspected every day.</main>")
        assert "1 updated" in outsider.run("sync", created["id"])
        assert outsider.json("sync", "Manuals")["unchanged"] == 2
        site.fail("/", 403)
        assert "Check the credentials" in outsider.run("sync", "Manuals", status=1)
    assert len(outsider.run("connectors", "runs", "Manuals", "--json").splitlines()) == 4
    assert "Check the credentials" in outsider.run("connectors", "list", "--json")
    assert outsider.json("connectors", "show", "Manuals")["status"] == "error"
    outsider.run("sync", "Pumps", status=1)
    outsider.run("connectors", "delete", "Manuals")
    assert "Manuals" not in outsider.run("connectors", "list")


def test_a_person_is_told_that_the_database_wakes(outsider: Terminal) -> None:
    answers = iter([(503, {"code": "waking"}), (200, {"status": "ok"})])
    with server(lambda handler: respond(handler, *next(answers), Retry_After="0")) as url:
        printed = outsider.run("--url", url, "--api-key", "ak_0123456789", "api", "GET", "/health")
    assert "The service's database was paused and wakes up. Trying again in 0 s." in printed
    assert '"status": "ok"' in printed
