"""Requests that another one gets in the way of: a clear answer, nothing stored, and a second try that says more."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from infra.local import postgres
from tests.service import Answer, Service, User

Request = tuple[str, str, Any]


def _tagging(user: User) -> tuple[str, str, Request]:
    tag = user.post("/tags", {"name": "urgent"}).json["id"]
    document = user.post("/documents", {"title": "Pump", "content": "The pump leaks."}).json["id"]
    return "delete from tags where id = %s", tag, ("PUT", f"/tags/{tag}/documents/{document}", None)


def _sharing(user: User) -> tuple[str, str, Request]:
    conversation = user.post("/conversations", {}).json["id"]
    return (
        "delete from conversations where id = %s",
        conversation,
        ("POST", "/shares", {"conversation_id": conversation}),
    )


def _scheduling(user: User) -> tuple[str, str, Request]:
    created = user.post("/evals/sets", {"name": "Pumps", "questions": [{"question": "Which pump leaks?"}]}).json["id"]
    return (
        "delete from eval_sets where id = %s",
        created,
        ("POST", "/evals/schedules", {"set_id": created, "schedule": "0 3 * * 1"}),
    )


@contextmanager
def _meanwhile(user: User, request: Request, answers: list[Answer]) -> Iterator[None]:
    """The block runs while the request waits for another transaction's lock. Its answer is added to `answers`."""

    def send() -> None:
        answers.append(user.request(*request))
        user.service.forget_connection()

    sending, deadline = threading.Thread(target=send), time.monotonic() + 30
    sending.start()
    try:
        while user.service.rows("select count(*) from pg_locks where not granted") == [(0,)]:
            assert sending.is_alive(), "the request did not meet the other transaction"
            assert time.monotonic() < deadline
        yield
    finally:
        sending.join()


def _outcome(
    service: Service, prepare: Callable[[User], tuple[str, str, Request]]
) -> tuple[Answer, Callable[[], Answer]]:
    """The answer to a request whose row another transaction deletes meanwhile, and the same request once more."""
    user, answers = service.user(), list[Answer]()
    statement, key, request = prepare(user)
    with service.database.connect("owner") as other:
        other.execute("begin")
        other.execute(statement, [key])
        with _meanwhile(user, request, answers):
            other.execute("commit")
    (answer,) = answers
    return answer, lambda: user.request(*request)


@pytest.mark.parametrize("prepare", [_tagging, _sharing, _scheduling])
def test_what_is_deleted_meanwhile_asks_for_a_second_try_which_does_not_find_it(
    service: Service, prepare: Callable[[User], tuple[str, str, Request]]
) -> None:
    refused, again = _outcome(service, prepare)
    assert (refused.status, refused.json["code"]) == (503, "unavailable")
    assert refused.headers["Retry-After"] == "1"
    assert again().status == 404


def _tag(user: User) -> tuple[str, str, Request]:
    created = user.post("/tags", {"name": "urgent"}).json["id"]
    return "delete from tags where id = %s", created, ("DELETE", f"/tags/{created}", None)


def _renamed_tag(user: User) -> tuple[str, str, Request]:
    statement, created, _ = _tag(user)
    return statement, created, ("PATCH", f"/tags/{created}", {"name": "later"})


def _repository(user: User) -> tuple[str, str, Request]:
    created = user.post("/repositories", {"name": "Manuals"}).json["id"]
    return "delete from repositories where id = %s", created, ("DELETE", f"/repositories/{created}", None)


def _connector(user: User) -> tuple[str, str, Request]:
    new = {"name": "A source", "type": "web", "settings": {"start_urls": ["https://example.org/"]}}
    created = user.post("/connectors", new).json["id"]
    return "delete from connectors where id = %s", created, ("DELETE", f"/connectors/{created}", None)


def _document(user: User) -> tuple[str, str, Request]:
    created = user.post("/documents", {"title": "Pump", "content": "The pump leaks."}).json["id"]
    request = ("PUT", f"/documents/{created}/content", {"content": "The pump is tight."})
    return "update documents set deleted_at = now() where id = %s", created, request


@pytest.mark.parametrize("prepare", [_tag, _renamed_tag, _repository, _connector, _document])
def test_what_another_request_deletes_first_is_not_found_and_not_forbidden(
    service: Service, prepare: Callable[[User], tuple[str, str, Request]]
) -> None:
    refused, _ = _outcome(service, prepare)
    assert (refused.status, refused.json["code"]) == (404, "not_found")


def test_of_two_requests_that_wait_for_each_other_one_is_to_be_tried_again(
    service: Service, superuser: postgres.Superuser
) -> None:
    user, answers = service.user(), list[Answer]()
    first, second = (user.post("/documents", {"title": n, "content": f"About {n}."}).json["id"] for n in "ab")
    touched = "update documents set title = title where id = %s"
    # Postgres ends the transaction that finds the circle: here the request.
    superuser.execute("alter role alcove_owner set deadlock_timeout = '1h'")
    try:
        with service.database.connect("owner") as other:
            other.execute("begin")
            other.execute(touched, [second])
            request = ("POST", "/documents/bulk", {"action": "archive", "documents": [first, second]})
            with _meanwhile(user, request, answers):
                other.execute(touched, [first])
                other.execute("rollback")
    finally:
        superuser.execute("alter role alcove_owner reset deadlock_timeout")
    (refused,) = answers
    assert (refused.status, refused.json["code"]) == (503, "unavailable")
    assert not user.get(f"/documents/{first}").json["is_archived"]
    assert user.request(*request).json["documents"] == [first, second]
