"""The servers of tests/peers speak the vendors' protocols: the vendors' own client libraries read them."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.doors.conftest import HERE, PREPARED
from tests.peers import confluence, drives, teams, trackers


def _read(server: str, **environment: str) -> Any:
    """What the vendor's client reads at a server."""
    command = [str(PREPARED / "vendors" / "bin" / "python"), str(HERE / "vendor_clients.py"), server]
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr[-3000:]
    return json.loads(finished.stdout.strip().splitlines()[-1])


@pytest.fixture
def drive() -> Iterator[drives.DrivePeer]:
    with drives.serve() as served:
        served.put("f1", "Manuals")
        for name in ("a", "b", "c", "d", "e"):
            served.put(name, f"{name}.md", f"Pump {name}.", parent="f1")
        served.put("doc", "Notes", "Exported.", mime="application/vnd.google-apps.document")
        served.grant("a", ("user", "ada@acme.example.org"))
        served.sharing.groups["pumps"] = {f"person{number}@example.org" for number in range(5)}
        yield served


NAMES = {"a": "a.md", "b": "b.md", "c": "c.md", "d": "d.md", "e": "e.md", "doc": "Notes"}


def test_googles_client_reads_the_drive(drive: drives.DrivePeer) -> None:
    position = len(drive.changes)
    drive.put("b", "b.md", "Another pump.")
    drive.delete("c")
    drive.put("h", "h.md", "New.")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    account = {"client_email": "s@acme.example.org", "private_key": pem.decode(), "token_uri": f"{drive.url}/token"}
    drive.limited = 1
    account["type"] = "service_account"
    read = _read(
        "google", URL=drive.url, SECRET=drives.SECRET, CHANGES=drive.token(position), ACCOUNT=json.dumps(account)
    )
    assert read["files"].keys() == NAMES.keys() - {"c"} | {"h"}
    assert (read["changes"], read["removed"]) == (["b", "c", "h"], ["c"])
    assert (read["bytes"], read["exported"]) == ("Pump a.", "Exported.")
    assert read["permissions"] == ["ada@acme.example.org"]
    assert read["members"] == sorted(drive.sharing.groups["pumps"])
    assert read["forgotten"] == 410
    assert read["start"] == read["account"] == drive.token(len(drive.changes))


def test_microsofts_client_reads_the_drive(drive: drives.DrivePeer) -> None:
    position = len(drive.changes)
    drive.put("b", "b.md", "Another pump.")
    drive.delete("c")
    changes = f"{drive.url}/v1.0/drives/d1/root/delta?token={drive.token(position)}"
    read = _read("graph", URL=drive.url, SECRET=drives.SECRET, PART="drive", CHANGES=changes)
    assert read["files"].keys() == NAMES.keys() - {"c"}
    assert read["folders"] == ["root", "f1"]
    assert read["delta"].endswith(drive.token(len(drive.changes)))
    assert (read["changes"], read["removed"], read["forgotten"]) == (["b", "c"], ["c"], 410)
    assert read["bytes"] == "Pump a."
    assert read["permissions"] == ["ada@acme.example.org"]
    assert read["members"] == sorted(drive.sharing.groups["pumps"])


def test_microsofts_client_reads_the_team() -> None:
    with teams.serve() as team:
        team.write("pumps", "1", "The pump leaks.")
        team.write("pumps", "2", "Since when?", reply_to="1")
        team.write("pumps", "3", "Another.")
        team.members["pumps"] = ["ada@example.org", "grace@example.org"]
        read = _read("graph", URL=team.url, SECRET="secret-0123456789", PART="team")
    assert read["channels"] == ["pumps"]
    assert read["messages"] == {number: team.messages["pumps"][number]["body"]["content"] for number in "123"}
    assert read["replies"] == ["2"]
    assert read["members"] == ["ada@example.org", "grace@example.org"]


@pytest.mark.parametrize("system", ["github", "gitlab", "redmine", "jira-cloud", "jira-server"])
def test_a_trackers_client_reads_the_tracker(system: str) -> None:
    with trackers.serve(system) as tracker:
        # Redmine's client asks for 100 issues and relies on getting as many.
        tracker.page, number_of = (100, 103) if system == "redmine" else (trackers.PAGE, 5)
        for number in range(1, number_of + 1):
            tracker.write(number, f"Pump {number} leaks", "The seal is worn.")
        tracker.write(2, "Pump 2 leaks", "The seal is worn.", "Grace replaced it.")
        tracker.write(3, "Pump 3 leaks", "The seal is worn.", report_txt=b"Four bar.")
        read = _read(system, URL=tracker.url, TOKEN=trackers.TOKEN)
        assert read["tickets"] == {str(number): f"Pump {number} leaks" for number in tracker.tickets}
        assert read["since"] == [one.number for one in tracker.changed("2026-01-01T03:00:00+00:00")]
        assert read["comments"] == ["Grace replaced it."]
        assert read.get("file", "Four bar.") == "Four bar."
        if system == "github":
            assert any(f"{tracker.url}/acme/pumps/files/3/report.txt" in text for text in read["texts"])


@pytest.mark.parametrize("deployment", ["cloud", "server"])
def test_a_client_of_confluence_reads_the_site(deployment: str) -> None:
    with confluence.serve(deployment) as wiki:
        parents = {"1": None, "2": "1", "3": "2", "4": "1", "5": "3"}
        for page_id, parent in parents.items():
            wiki.write(page_id, f"Pump {page_id}", f"<p>Pump {page_id} is blue.</p>", parent, labels=["pump"])
        first = wiki.comment("3", "<p>Since when?</p>")
        wiki.comment("3", "<p>Since 2019.</p>", parent=first.id)
        wiki.attach("3", "report.txt", b"Four bar.")
        wiki.pages["2"].readers = ["g1"]
        read = _read(f"confluence-{deployment}", URL=wiki.url, TOKEN=confluence.TOKEN)
    assert read == {
        "pages": {page_id: f"Pump {page_id}" for page_id in parents},
        "parents": parents,
        "text": "<p>Pump 3 is blue.</p>",
        "labels": ["pump"],
        "comments": ["<p>Since when?</p>", "<p>Since 2019.</p>"],
        "file": "Four bar.",
        "restricted": ["Grace Hopper"],
    }
