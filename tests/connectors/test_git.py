"""Connectors of Git repositories, against a bare repository behind Git's own HTTP backend."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.connectors.connected import Library, counts
from tests.peers import git
from tests.service import Service, User

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="requires git, whose http-backend serves")

FILES: dict[str, str | bytes | None] = {
    "README.md": "# Pump controller\n\nThe pump is inspected every ninety days.\n",
    "docs/valve.md": "# Valve\n\nThe valve closes at four bar.\n",
    "src/pump.py": "def inspect_pump():\n    return 'ninety days'\n",
    "logo.png": b"\x89PNG\r\n",
}


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[git.Repository]:
    with git.serve(tmp_path) as served:
        served.commit(FILES)
        yield served


@pytest.fixture
def library(connected: Service, admin: User, repository: git.Repository) -> Library:
    return Library.connect(connected, admin, "git", {"url": repository.url}, name=repository.url)


def test_the_files_of_a_branch_become_documents_with_their_commit(library: Library, repository: git.Repository) -> None:
    run = library.sync()
    assert (run["status"], counts(run)) == ("completed", {"created": 3})
    assert set(library.paths()) == {"README.md", "docs/valve.md", "src/pump.py"}
    item = library.items()["README.md"]
    assert item["metadata"]["git_repo"] == repository.url
    assert len(item["metadata"]["git_commit"]) == 40
    assert item["authors"] == ["Ada Lovelace"]


def test_a_second_sync_of_a_branch_that_did_not_move_asks_for_nothing_but_its_tip(
    library: Library, repository: git.Repository
) -> None:
    library.sync()
    before = library.rows()
    repository.requests.clear()
    run = library.sync()
    assert counts(run) == {"unchanged": 3}
    assert sum(repository.requests.values()) <= 2
    assert library.rows() == before


def test_a_commit_changes_what_it_changes(library: Library, repository: git.Repository) -> None:
    library.sync()
    before = library.paths()
    commit = repository.commit(
        {
            "README.md": "# Pump controller\n\nThe pump is inspected every thirty days.\n",
            "docs/valve.md": None,
            "manuals/valve.md": "# Valve\n\nThe valve closes at four bar.\n",
            "new.md": "# New\n\nA new file.\n",
        }
    )
    run = library.sync()
    assert counts(run) == {"created": 1, "updated": 1, "unchanged": 2}
    after = library.paths()
    assert set(after) == {"README.md", "manuals/valve.md", "new.md", "src/pump.py"}
    assert after["manuals/valve.md"] == before["docs/valve.md"]
    assert "thirty days" in library.text(after["README.md"])
    assert library.items()["README.md"]["metadata"]["git_commit"] == commit
    assert library.items()["src/pump.py"]["metadata"]["git_commit"] != commit
    repository.commit({"new.md": None})
    assert counts(library.sync())["removed"] == 1
    assert "new.md" not in library.paths()


def test_a_revert_brings_the_former_bytes_back(library: Library, repository: git.Repository) -> None:
    library.sync()
    repository.commit({"docs/valve.md": "# Valve\n\nThe valve closes at nine bar.\n"})
    library.sync()
    repository.commit({"docs/valve.md": FILES["docs/valve.md"]})
    assert counts(library.sync()) == {"updated": 1, "unchanged": 2}
    assert "four bar" in library.text(library.paths()["docs/valve.md"])


@pytest.mark.parametrize("failure", ["down", "refused", "emptied", "no branch"])
def test_a_repository_that_fails_loses_nothing(library: Library, repository: git.Repository, failure: str) -> None:
    library.sync()
    before = library.paths()
    expected = {
        "down": "source_unavailable",
        "refused": "credentials_refused",
        "emptied": "too_many_removals",
        "no branch": "source_not_found",
    }
    if failure == "down":
        repository.is_down = True
    elif failure == "refused":
        repository.token = "secret"
    elif failure == "emptied":
        repository.commit({"README.md": None, "docs/valve.md": None, "src/pump.py": None})
    else:
        assert (
            library.user.request("PATCH", library.path, {"settings": {"url": repository.url, "branch": "gone"}}).status
            == 200
        )
    run = library.sync()
    assert run["error"]["code"] == expected[failure]
    assert library.paths() == before


def test_a_token_is_sealed_and_opens_the_repository(
    connected: Service, admin: User, repository: git.Repository
) -> None:
    repository.token = "glpat-0123456789"
    library = Library.connect(
        connected,
        admin,
        "git",
        {"url": repository.url, "paths": ["docs"]},
        name="sealed",
        credentials={"token": repository.token},
    )
    assert library.connector["has_credentials"]
    assert counts(library.sync()) == {"created": 1}
    assert repository.token not in connected.dump()
    assert repository.token not in str(library.state())


def test_another_branch_and_patterns_decide_what_is_read(
    connected: Service, admin: User, repository: git.Repository
) -> None:
    settings = {"url": repository.url, "include": ["*.md", "src/*"], "exclude": ["docs/*"]}
    library = Library.connect(connected, admin, "git", settings, name=f"patterns {repository.url}")
    library.sync(ingest=False)
    assert set(library.paths()) == {"README.md", "src/pump.py"}
    repository.push("trunk")
    repository.commit({"late.md": "# Late\n\nNot on the other branch.\n"})
    settings = {"url": repository.url, "branch": "trunk"}
    library = Library.connect(connected, admin, "git", settings, name=f"branch {repository.url}")
    library.sync(ingest=False)
    assert set(library.paths()) == {"README.md", "docs/valve.md", "src/pump.py"}


def test_of_a_history_only_the_last_commit_is_fetched(library: Library, repository: git.Repository) -> None:
    repository.commit({"former.md": "# Former\n\nIt lies in the history alone.\n"})
    repository.commit({"former.md": None})
    repository.forget("former.md")
    run = library.sync(ingest=False)
    assert (run["status"], counts(run)) == ("completed", {"created": 3}), run["error"]


def test_paths_that_no_index_takes_and_names_that_are_no_text_are_files_like_others(
    library: Library, repository: git.Repository
) -> None:
    # Not the same letters again and again: an index stores those in fewer bytes.
    letters = "".join(chr(0x4E00 + number * 37 % 20000) for number in range(1280))
    long, longer = ("/".join(letters[at : at + 80] for at in range(0, size, 80)) for size in (960, 1280))
    files: dict[str, str | bytes | None] = {f"{long}/深.md": "The deep pump.", f"{longer}/深.md": "The deeper pump."}
    repository.commit(files | {os.fsdecode(f"l{letter}".encode("latin-1") + b".md"): letter for letter in "éè"})
    run = library.sync()
    assert (run["status"], counts(run)) == ("completed", {"created": 7})
    before = library.paths()
    assert sorted(path[:2] for path in before if path.startswith("l")) == ["l\ufffd", "l\ufffd"]
    repository.commit({f"{longer}/深.md": "The deepest pump."})
    assert counts(library.sync()) == {"updated": 1, "unchanged": 6}
    assert library.paths() == before


def test_a_commit_of_no_year_of_the_calendar_is_read(library: Library, repository: git.Repository) -> None:
    repository.commit({"README.md": "# Of the year 33658"}, at=10**12)
    run = library.sync()
    assert (run["status"], counts(run)) == ("completed", {"created": 3})
