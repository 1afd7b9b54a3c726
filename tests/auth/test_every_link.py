"""Every kind of link and code is guessed, used twice, too late, by another user, and by fifty at once (A12).

The kinds come from the catalogue: a new purpose of a link, or a new column of hashes, fails here until it is tried too.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.auth.mailboxes import Mailboxes, race
from tests.auth.test_second_factor import enrolled
from tests.service import Answer, Service, User

NEW = "another long password"

Get = Callable[[Mailboxes, User], str]
Use = Callable[[Mailboxes, User, str], Answer]


@dataclass(frozen=True)
class Kind:
    """How a link is got for a user, how a user uses it, and how it comes to be too old."""

    get: Get
    use: Use
    expire: str
    refusal: str = "link_invalid"
    # Whether the account's address is verified before.
    verified: bool = False
    # What another user is told who uses it; None: it is for whoever has it, and does what it says to its own account.
    for_others: str | None = None
    works_again: bool = False
    guess: str = "A" * 43


def _post(service: Service, path: str, body: dict[str, Any]) -> Answer:
    return service.request("POST", path, body)


def _requested(path: str, purpose: str) -> Get:
    """A link that anybody asks for by an address."""

    def get(mails: Mailboxes, user: User) -> str:
        assert _post(mails.service, path, {"email": user.email}).status == 204
        return mails.token(user.email, purpose)

    return get


def _change(purpose: str) -> Get:
    """A link of a change of address, for one of the two."""

    def get(mails: Mailboxes, user: User) -> str:
        assert user.post("/me/email-change", {"email": f"new-{user.email}"}).status == 201
        return mails.token(user.email if purpose == "email_old" else f"new-{user.email}", purpose)

    return get


def _reset(mails: Mailboxes, _: User, token: str) -> Answer:
    return _post(mails.service, "/auth/password/reset", {"token": token, "new_password": NEW})


def _unlock(mails: Mailboxes, _: User, token: str) -> Answer:
    return _post(mails.service, "/auth/unlock", {"token": token})


def _verify(mails: Mailboxes, user: User, token: str) -> Answer:
    return _post(mails.service, "/auth/verification", {"token": token, "password": user.password})


def _confirm(_: Mailboxes, user: User, token: str) -> Answer:
    return user.post("/me/email-change/confirmation", {"token": token})


def _invite(mails: Mailboxes, user: User) -> str:
    created = mails.service.administrator().post("/invitations", {"email": user.email, "send": True})
    assert created.status == 201, created.body
    return mails.token(user.email, "invitation")


def _join(_: Mailboxes, user: User, token: str) -> Answer:
    return user.post("/me/invitations", {"token": token})


def _share(_: Mailboxes, user: User) -> str:
    created = user.post("/shares", {"conversation_id": user.post("/conversations", {}).json["id"]})
    token: str = created.json["token"]
    return token


def _open(_: Mailboxes, user: User, token: str) -> Answer:
    return user.post("/shared-conversations", {"token": token})


def _recovery_code(mails: Mailboxes, user: User) -> str:
    if not user.get("/me").json["second_factor"]:
        with pytest.MonkeyPatch.context() as clock:
            enrolled(user, clock)
    codes: list[str] = user.post("/me/recovery-codes").json["codes"]
    return codes[0]


def _log_in(mails: Mailboxes, user: User, token: str) -> Answer:
    body = {"email": user.email, "password": user.password, "code": token}
    return _post(mails.service, "/auth/login", body)


_TOKENS = "update account_tokens set expires_at = now() returning 1"

KINDS = {
    "password_reset": Kind(_requested("/auth/password/forgotten", "password_reset"), _reset, _TOKENS),
    "unlock": Kind(_requested("/auth/unlock/request", "unlock"), _unlock, _TOKENS),
    "verification": Kind(
        _requested("/auth/verification/request", "verification"), _verify, _TOKENS, for_others="wrong_password"
    ),
    "email_new": Kind(_change("email_new"), _confirm, _TOKENS, for_others="link_invalid"),
    "email_old": Kind(_change("email_old"), _confirm, _TOKENS, verified=True, for_others="link_invalid"),
    "invitation": Kind(
        _invite,
        _join,
        "update invitations set expires_at = now() returning 1",
        "invitation_invalid",
        verified=True,
        for_others="invitation_invalid",
    ),
    "share": Kind(
        _share,
        _open,
        "update conversation_shares set expires_at = now() returning 1",
        "share_invalid",
        works_again=True,
    ),
    "recovery_code": Kind(
        _recovery_code,
        _log_in,
        # It has no end of its own: it ends when its owner makes others.
        "update recovery_codes set code_hash = sha256(code_hash) returning 1",
        "bad_credentials",
        for_others="bad_credentials",
        guess="aaaa-aaaa-aaaa-aaaa",
    ),
}
# Columns of hashes whose secrets are tried here, or in tests of their own; the others are no secrets.
HERE = {"account_tokens.token_hash", "conversation_shares.token_hash", "recovery_codes.code_hash"}
ELSEWHERE = {
    "api_keys.key_hash": "test_api_keys.py::test_what_only_looks_like_a_key_is_refused",
    "provider_logins.browser_hash": "test_oidc.py::test_a6_an_answer_works_once_and_only_in_the_browser_that_began",
    "provider_logins.state_hash": "test_oidc.py::test_a6_an_answer_after_ten_minutes_is_refused",
    "refresh_tokens.token_hash": "test_accounts.py::test_a13_fifty_raced_refreshes_all_work_and_the_session_lives",
    "users.anonymous_hash": "test_providers_anonymous.py::test_the_same_person_or_client_at_once_is_made_once",
}
NO_SECRETS = {"moved_rows.key_hash", "spaces.readers_hash"}


@pytest.fixture(autouse=True)
def wide_limits(mails: Mailboxes, master_key: str) -> None:
    """Only the limits by address and user would stop the later ones."""
    mails.service.rows("update rate_limits set burst = 1000 returning 1")


def _user(mails: Mailboxes, kind: Kind, password: str = "a long enough password") -> User:
    user = mails.service.user(password)
    if kind.verified:
        mails.service.rows("update users set email_verified = true where id = %s returning 1", user.id)
    return user


def _account(mails: Mailboxes, user: User) -> Any:
    """What a link could change of an account."""
    ((row,),) = mails.service.rows(
        "select to_jsonb(u) - array['failed_logins', 'updated_at'] from users u where id = %s", user.id
    )
    return row


def test_every_purpose_of_a_link_and_every_hash_is_tried(service: Service) -> None:
    ((purposes,),) = service.rows(
        "select pg_get_constraintdef(oid) from pg_constraint where conname = 'account_tokens_purpose_check'"
    )
    assert set(re.findall(r"'(\w+)'::text", purposes)) - set(KINDS) == set()
    hashes = service.rows(
        "select c.relname || '.' || a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid "
        "where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition "
        "and a.atttypid = 'bytea'::regtype and a.attname like '%%\\_hash'"
    )
    assert {name for (name,) in hashes} == HERE | set(ELSEWHERE) | NO_SECRETS
    for place in ELSEWHERE.values():
        file, test = place.split("::")
        assert f"def {test}(" in Path(__file__).with_name(file).read_text()


@pytest.mark.parametrize("name", KINDS)
def test_a_link_is_not_guessed_works_once_and_not_too_late(mails: Mailboxes, name: str) -> None:
    kind = KINDS[name]
    user = _user(mails, kind)
    late = kind.get(mails, user)
    assert kind.use(mails, user, kind.guess).json["code"] == kind.refusal
    mails.service.rows(kind.expire)
    assert kind.use(mails, user, late).json["code"] == kind.refusal, "it has expired"
    token = kind.get(mails, user)
    for other, elsewhere in KINDS.items():
        if elsewhere.use != kind.use and len(elsewhere.guess) == len(kind.guess):
            assert elsewhere.use(mails, user, token).json["code"] == elsewhere.refusal, f"used as {other}"
    assert kind.use(mails, user, token).status in {200, 204}
    again = kind.use(mails, user, token)
    assert again.status == 200 if kind.works_again else again.status in {400, 401}, "it was used"


@pytest.mark.parametrize("name", KINDS)
def test_a_link_does_nothing_to_or_for_another_user(mails: Mailboxes, name: str) -> None:
    kind = KINDS[name]
    user, other = _user(mails, kind), _user(mails, kind, "the password of another user")
    token = kind.get(mails, user)
    if name == "recovery_code":
        kind.get(mails, other)
    before = _account(mails, other)
    used = kind.use(mails, other, token)
    if kind.for_others is None:
        assert used.status in {200, 204}
    else:
        assert used.json["code"] == kind.for_others
        assert kind.use(mails, user, token).status in {200, 204}, "it is still its owner's"
    assert _account(mails, other) == before


@pytest.mark.parametrize("name", KINDS)
def test_of_fifty_uses_at_once_one_succeeds(mails: Mailboxes, name: str) -> None:
    kind = KINDS[name]
    user = _user(mails, kind)
    token = kind.get(mails, user)
    statuses = race(50, lambda: kind.use(mails, user, token))
    if kind.works_again:
        assert statuses == [200] * 50
    else:
        assert statuses[0] in {200, 204}
        assert set(statuses[1:]) <= {400, 401}
