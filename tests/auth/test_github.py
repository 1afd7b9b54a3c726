"""GitHub's login against a server that speaks its wire format (A6)."""

from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from chalicelib.core import outbound
from tests.auth.peers import Login, Peer, query_of, session


def test_a6_a_person_logs_in_with_github_and_stays_the_same_through_a_rename(login: Login, peer: Peer) -> None:
    login.github(peer)
    peer.github_user()
    user = session(login.service, login.with_github())
    me = user.get("/me").json
    assert (me["email"], me["username"], me["auth_provider"]) == ("octo@example.org", "octo-cat", "github")
    assert me["display_name"] == "Octo Cat"
    stored = "select github_id, github_username from users"
    assert login.service.rows(stored) == [(583231, "Octo-Cat")]
    peer.github_user(login="Octo-Dog")
    assert session(login.service, login.with_github()).id == user.id
    assert login.service.rows(stored) == [(583231, "Octo-Dog")]


def test_a6_who_takes_over_a_github_name_is_somebody_else(login: Login, peer: Peer) -> None:
    login.github(peer)
    peer.github_user()
    user = session(login.service, login.with_github())
    peer.github_user(number=999, email=None)
    other = session(login.service, login.with_github())
    assert other.id != user.id
    me = other.get("/me").json
    assert (me["username"], me["email"]) == (None, None), "the name and the address are the first one's"


def test_a6_only_a_verified_primary_address_is_believed(login: Login, peer: Peer) -> None:
    login.github(peer)
    user: dict[str, Any] = {"id": 7, "login": "seven", "name": None, "email": "public@example.org"}
    emails = [
        {"email": "a@example.org", "primary": True, "verified": False},
        {"email": "b@example.org", "primary": False, "verified": True},
    ]
    peer.put("/github/_user", {"user": user, "emails": emails})
    me = session(login.service, login.with_github()).get("/me").json
    assert (me["email"], me["display_name"]) == (None, "seven")


def test_a6_state_pkce_and_the_browser_are_checked(login: Login, peer: Peer) -> None:
    login.github(peer)
    peer.github_user()
    started = login.start("github")
    queued = query_of(started.headers["Location"])
    assert (queued["code_challenge_method"], queued["scope"]) == ("S256", "read:user user:email")
    location = httpx.get(started.headers["Location"]).headers["Location"]
    forged = login.come_back("github", location.replace(queued["state"], "A" * 43))
    assert (forged.status, forged.json["code"]) == (400, "login_state_invalid")
    other_user = Login(login.service, login.environment)
    assert other_user.come_back("github", location).json["code"] == "login_state_invalid"
    assert login.come_back("oidc", location).json["code"] == "provider_off"
    own = query_of(httpx.get(other_user.start("github").headers["Location"]).headers["Location"])
    code = query_of(location)["code"]
    stolen = other_user.come_back("github", f"https://x/?code={code}&state={own['state']}")
    assert (stolen.status, stolen.json["code"]) == (401, "provider_refused"), "PKCE: the code is not of this login"
    assert login.service.rows("select count(*) from users") == [(0,)]


def test_a6_a_wrong_client_secret_and_a_github_that_is_down_have_different_codes(login: Login, peer: Peer) -> None:
    login.github(peer, client_secret="wrong")
    peer.github_user()
    assert login.with_github().json["code"] == "provider_refused"
    login.github(peer)
    location = httpx.get(login.start("github").headers["Location"]).headers["Location"]
    login.github(peer, web_url="http://127.0.0.1:9", api_url="http://127.0.0.1:9")
    answer = login.come_back("github", location)
    assert (answer.status, answer.json["code"]) == (502, "provider_failed")
    assert "secret" not in answer.body.decode()


def test_a6_a_github_account_is_linked_to_the_account_that_is_signed_in(login: Login, peer: Peer) -> None:
    login.github(peer)
    peer.github_user()
    user = login.service.user()
    assert session(login.service, login.with_github(user)).id == str(user.id)
    assert session(login.service, login.with_github()).id == str(user.id)
    assert user.get("/me").json["auth_provider"] == "local"


def test_no_provider_token_or_code_is_stored_or_logged(
    login: Login, peer: Peer, caplog: pytest.LogCaptureFixture
) -> None:
    login.github(peer)
    peer.github_user()
    started = login.start("github")
    location = httpx.get(started.headers["Location"]).headers["Location"]
    answer = login.come_back("github", location)
    output = login.service.dump() + "".join(str(record.__dict__) for record in caplog.records)
    secrets = [*query_of(location).values(), *login.cookies.values(), "gh-secret", "gho_"]
    for secret in [*secrets, answer.json["access_token"], answer.json["refresh_token"]]:
        assert secret not in output


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/",
        "http://127.0.0.1.example.org/",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "https://user:password@example.org/",
        "https:///nowhere",
        "//example.org",
        "http://[::1",
        "",
    ],
)
def test_addresses_that_are_not_encrypted_or_hide_something_are_refused(url: str) -> None:
    with pytest.raises(outbound.OutboundError):
        outbound.fetch("GET", url)


def test_an_endless_or_late_answer_ends(peer: Peer) -> None:
    peer.put("/canned/late", {"json": {}, "seconds": 2})
    with pytest.raises(outbound.OutboundError, match=str(urlsplit(peer.url).hostname)):
        outbound.fetch("GET", f"{peer.url}/canned/late", bounds=outbound.ResponseLimits(read_seconds=0.2))
    peer.put("/canned/endless", {"text": "x" * (outbound.MAX_BYTES + 1)})
    with pytest.raises(outbound.OutboundError, match="more than"):
        outbound.fetch("GET", f"{peer.url}/canned/endless")
