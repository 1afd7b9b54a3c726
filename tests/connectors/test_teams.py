"""Connectors of Microsoft Teams, against a server that answers as Graph's reference describes."""

from collections.abc import Iterator

import pytest

from chalicelib.knowledge.connectors.types import teams as teams_module
from tests.connectors.connected import Library, counts
from tests.peers import teams
from tests.service import Service, User


@pytest.fixture
def team() -> Iterator[teams.TeamPeer]:
    with teams.serve() as served:
        served.write("pumps", "1", "The pump leaks.")
        served.write("pumps", "2", "I replace the seal.", reply_to="1")
        served.write("pumps", "3", "The pump runs again.", reply_to="1")
        served.write("cranes", "4", "The crane lifts five tons.")
        served.write("pumps", "5", "A new pump arrives on Monday.")
        yield served


@pytest.fixture
def library(connected: Service, admin: User, team: teams.TeamPeer) -> Library:
    settings, credentials = team.connection()
    return Library.connect(connected, admin, "teams", settings, name=team.url, credentials=credentials)


def test_a_thread_is_a_document_that_grows_with_its_replies(library: Library, team: teams.TeamPeer) -> None:
    assert counts(library.sync()) == {"created": 3}
    thread = library.items()["pumps/1"]["document_id"]
    text = library.text(thread)
    assert text.index("leaks") < text.index("replace the seal") < text.index("runs again")
    before, stored = library.paths(), library.rows()
    assert len(before) == 3
    assert counts(library.sync()) == {"unchanged": 3}
    assert library.rows() == stored
    team.write("pumps", "6", "The seal was worn.", reply_to="1")
    team.delete("cranes", "4")
    assert counts(library.sync()) == {"updated": 1, "removed": 1}
    assert "worn" in library.text(thread)
    assert set(library.items()) == {"pumps/1", "pumps/5"}


def test_a_forgotten_delta_lists_everything_and_loses_nothing(library: Library, team: teams.TeamPeer) -> None:
    library.sync(ingest=False)
    before = library.paths()
    team.generation += 1
    run = library.sync(ingest=False)
    assert (run["status"], counts(run)) == ("completed", {"unchanged": 3})
    assert library.paths() == before


@pytest.mark.parametrize("how", ["deleted", "not chosen"])
def test_a_channel_that_the_team_no_longer_has_or_that_is_not_chosen_takes_its_threads_along(
    library: Library, team: teams.TeamPeer, how: str
) -> None:
    library.sync(ingest=False)
    if how == "deleted":
        del team.messages["cranes"]
    else:
        settings = team.connection()[0] | {"channels": ["pumps"]}
        assert library.user.request("PATCH", library.path, {"settings": settings}).status == 200
    run = library.sync(ingest=False)
    assert (run["status"], run["removed"]) == ("completed", 1)
    assert set(library.items()) == {"pumps/1", "pumps/5"}
    assert counts(library.sync(ingest=False)) == {"unchanged": 2}


def test_all_threads_of_a_channel_that_is_gone_go_however_many_others_there_are(
    connected: Service, admin: User, team: teams.TeamPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teams_module, "_MOST_THREADS", 2)
    for number in range(10, 14):
        team.write("cranes", str(number), f"The crane {number} lifts five tons.")
    settings, credentials = team.connection()
    more = {"name": f"All of {team.url}", "credentials": credentials, "most_removed_percent": 100}
    library = Library.connect(connected, admin, "teams", settings, **more)
    assert counts(library.sync(ingest=False)) == {"created": 7}
    del team.messages["cranes"]
    run = library.sync(ingest=False)
    assert (run["status"], counts(run)) == ("completed", {"removed": 5}), run["error"]
    assert set(library.items()) == {"pumps/1", "pumps/5"}
    assert counts(library.sync(ingest=False)) == {"unchanged": 2}


def test_a_team_that_shows_no_channel_loses_nothing(library: Library, team: teams.TeamPeer) -> None:
    library.sync(ingest=False)
    team.messages.clear()
    assert counts(library.sync(ingest=False)) == {"unchanged": 3}
