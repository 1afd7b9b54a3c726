"""A login with a provider hands its session to a front end, and a cancelled one its error (D6)."""

from urllib.parse import parse_qs, urlsplit

import httpx

from tests.auth.peers import IdentityProvider, Login, Peer
from tests.service import Answer

PAGE = "https://app.example.org/signed-in"


def _fragment(answer: Answer) -> dict[str, str]:
    assert answer.status == 302, answer.body
    address = urlsplit(answer.headers["Location"])
    assert f"{address.scheme}://{address.netloc}{address.path}" == PAGE
    assert address.query == ""
    return {name: values[0] for name, values in parse_qs(address.fragment).items()}


def _started(login: Login, query: str = "") -> Answer:
    return login.start("oidc", query=f"?return_to={PAGE}{query}")


def test_a_front_end_gets_the_session_and_its_own_state(login: Login, idp: IdentityProvider) -> None:
    login.oidc(idp.url, front_ends=[PAGE])
    idp.set_users(ada={})
    location = idp.log_in(_started(login, "&state=f3a9c1").headers["Location"], "ada")
    fragment = _fragment(login.come_back("oidc", location))
    assert fragment.keys() == {"refresh_token", "state"}
    assert fragment["state"] == "f3a9c1"
    body = {"refresh_token": fragment["refresh_token"]}
    tokens = login.service.request("POST", "/auth/refresh", body)
    me = login.service.request("GET", "/me", headers={"Authorization": f"Bearer {tokens.json['access_token']}"})
    assert me.status == 200


def test_a_session_is_handed_over_to_a_registered_page_alone(login: Login, idp: IdentityProvider) -> None:
    login.oidc(idp.url, front_ends=[PAGE])
    for page in ("https://evil.example.org/", f"{PAGE}/more", "https://app.example.org"):
        refused = login.start("oidc", query=f"?return_to={page}")
        assert (refused.status, refused.json["code"]) == (400, "redirect_uri_refused")
    login.oidc(idp.url)
    assert _started(login).json["code"] == "redirect_uri_refused"
    login.oidc(idp.url, front_ends=[PAGE])
    assert login.start("oidc", query=f"?return_to={PAGE}&mode=json").status == 422


def test_the_services_own_console_gets_a_session_without_being_registered(login: Login, idp: IdentityProvider) -> None:
    login.oidc(idp.url)
    page = "https://answers.example.org/v1/console"
    assert login.service.gateway("GET", "/console").status == 200
    started = login.service.gateway("GET", f"/auth/oidc/start?return_to={page}&state=f3a9c1")
    assert started.status == 302
    for other in (f"{page}/x", "https://answers.example.org/console", "/console"):
        assert login.service.gateway("GET", f"/auth/oidc/start?return_to={other}").status == 400


def test_a_cancelled_login_returns_to_the_front_end(login: Login, idp: IdentityProvider) -> None:
    login.oidc(idp.url, front_ends=[PAGE])
    state = parse_qs(urlsplit(_started(login, "&state=f3a9c1").headers["Location"]).query)["state"][0]
    cancelled = login.come_back("oidc", f"https://x/?state={state}&error=access_denied&iss={idp.url}")
    assert _fragment(cancelled) == {"error": "provider_refused", "state": "f3a9c1"}


def test_a_login_of_another_browser_goes_to_no_front_end(login: Login, idp: IdentityProvider) -> None:
    login.oidc(idp.url, front_ends=[PAGE])
    idp.set_users(ada={})
    location = idp.log_in(_started(login).headers["Location"], "ada")
    other = Login(login.service, login.environment)
    assert other.come_back("oidc", location).json["code"] == "login_state_invalid"
    assert _fragment(login.come_back("oidc", location)).keys() == {"refresh_token"}
    assert login.come_back("oidc", location).json["code"] == "login_state_invalid"  # once


def test_github_hands_over_its_session_too(login: Login, peer: Peer) -> None:
    login.github(peer, front_ends=[PAGE])
    peer.github_user()
    started = login.start("github", query=f"?return_to={PAGE}")
    location = httpx.get(started.headers["Location"]).headers["Location"]
    assert _fragment(login.come_back("github", location)).keys() == {"refresh_token"}
