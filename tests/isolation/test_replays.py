"""`Idempotency-Key` × lost rights: a repeated request gives what its sender may have now, and changes nothing.

Every POST is tried, those of tomorrow included; whether a route takes a key shows in what it stores. Nothing here names
routes, except MORE_BODIES for bodies that the walk cannot derive.
"""

import uuid
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from tests.isolation import scenario
from tests.isolation.scenario import Scenario
from tests.isolation.test_routes import CLOSED, EXAMPLES, NAMES, _body, _filled
from tests.service import Answer, User, _session

MORE_BODIES: dict[str, list[dict[str, Any]]] = {
    "POST /messages/{message_id}/feedback": [{"kind": "comment", "comment": "Not what I asked."}],
    "POST /messages/{message_id}/regenerate": [{"parameters": {}}],
}
# What ends somebody's session, or begins one, is not repeated.
_WITHOUT = ("/auth/", "/me/session")
POSTS = [entry for entry in CLOSED if entry[1] == "POST" and not entry[0].startswith(_WITHOUT)]
LOSSES = ("nothing", "removed", "demoted", "deactivated", "the key is revoked", "no administrator")


def _bodies(path: str, body: type[Any] | None, ids: dict[str, str]) -> list[Any]:
    """The example of a body; where it can name a group, be for all, or announce an upload, that too."""
    name = f"POST {path}"
    if body is None:
        return [None]
    bodies = [_body(name, ids), *(extra for extra in MORE_BODIES.get(name, []) if set(extra) <= set(body.model_fields))]
    fields = set(body.model_fields)
    if {"scope", "group_id"} <= fields:
        group = {"scope": "group", "group_id": ids["group_id"]}
        bodies = [each | group for each in bodies]
        if {"filename", "size_bytes"} <= fields:
            bodies.append({"filename": "late.txt", "size_bytes": 9} | group)
    if "is_global" in fields:
        bodies.append(bodies[0] | {"name": "everybody's", "is_global": True})
    return bodies


def _bucket(world: Scenario) -> set[tuple[str, str]]:
    pages = boto3.client("s3").get_paginator("list_object_versions").paginate(Bucket=world.service.bucket)
    return {(version["Key"], version["VersionId"]) for page in pages for version in page.get("Versions", [])}


class Sender:
    """The owner with all rights: an editor of the group and an administrator, with a session or an API key."""

    def __init__(self, world: Scenario) -> None:
        self.world, self.owner, self.administrator = world, world.owner, world.administrator
        self.key: dict[str, str] = {}

    def give_everything(self) -> None:
        """Have every right again, whatever was taken."""
        membership, account = f"/groups/{self.world.ids['group_id']}/members/{self.owner.id}", f"/users/{self.owner.id}"
        assert self.administrator.request("PATCH", account, {"is_active": True, "is_admin": True}).status == 200
        assert self.administrator.put(membership, {"role": "editor"}).status == 204
        opened = _session(self.owner.id, self.owner.email)  # without the rate limit of logins
        self.owner.access_token, self.owner.refresh_token = opened.access_token, opened.refresh_token
        self.key = {}

    def take(self, loss: str) -> None:
        """Take one right away."""
        membership, account = f"/groups/{self.world.ids['group_id']}/members/{self.owner.id}", f"/users/{self.owner.id}"
        takes: dict[str, Callable[[], Answer | None]] = {
            "nothing": lambda: None,
            "removed": lambda: self.administrator.delete(membership),
            "demoted": lambda: self.administrator.put(membership, {"role": "member"}),
            "deactivated": lambda: self.administrator.request("PATCH", account, {"is_active": False}),
            "no administrator": lambda: self.administrator.request("PATCH", account, {"is_admin": False}),
            "the key is revoked": lambda: self.owner.delete(f"/me/api-keys/{self.key['id']}"),
        }
        taken = takes[loss]()
        assert taken is None or taken.status in {200, 204}, taken.body

    def use_key(self) -> None:
        """Send with an API key of every scope from now on."""
        scopes = ["admin", "chat", "read", "write"]
        self.key = self.owner.post("/me/api-keys", {"name": "walk", "scopes": scopes}).json

    def send(self, path: str, body: Any, key: str) -> Answer:
        headers = {"Idempotency-Key": key}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key['key']}"
        return self.owner.request("POST", path, body, headers)


@pytest.fixture(scope="module")
def sender(world: Scenario) -> Sender:
    return Sender(world)


def _unique(body: Any, number: str) -> Any:
    """The body with names that nothing else has."""
    if not isinstance(body, dict):
        return body
    changed = {name: f"{body[name]} {number}" for name in ("title", "content") if name in body}
    if "name" in body:
        changed["name"] = f"{body['name']}-{number}"
    if "email" in body:
        changed["email"] = f"{number}@example.org"
    return body | changed


TAKEN: set[str] = set()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("path", [path for path, _, _ in POSTS])
def test_a_replay_gives_nothing_that_needs_a_lost_right_and_changes_nothing(
    world: Scenario, sender: Sender, path: str, loss: str
) -> None:
    (operation,) = [entry[2] for entry in POSTS if entry[0] == path]
    for body in _bodies(path, operation.body, world.ids):
        sender.give_everything()
        if loss == "the key is revoked":
            sender.use_key()
        key = uuid.uuid4().hex[:12]
        where, body = _filled(path, NAMES | world.ids), _unique(body, key)
        first = sender.send(where, body, key)
        if world.service.rows("select count(*) from idempotency_keys where key = %s", key) == [(0,)]:
            continue
        TAKEN.add(path)
        assert first.status in {200, 201, 202}, first.body
        sender.take(loss)
        rows, objects = scenario.snapshot(world.service), _bucket(world)
        again = sender.send(where, body, key)
        assert scenario.snapshot(world.service) == rows
        if loss == "nothing":
            assert again.status == first.status, again.body
            assert again.headers.get("Location") == first.headers.get("Location")
            assert _announces(again) == _announces(first), "a client whose answer was lost gets the URL again"
            continue
        if _still_may(loss, body):
            assert again.status == first.status, again.body
            continue
        assert _bucket(world) == objects
        assert not _announces(again), (body, again.body)
        if loss in {"deactivated", "the key is revoked"}:
            assert again.status == 401
        elif again.status < 300 and "Location" in again.headers:
            now = sender.owner.get(again.headers["Location"].partition("/v1")[2] or again.headers["Location"])
            assert now.status == 200, "what is replayed can be read"
            assert _is_part(now.json, again.json), "and nothing but that is replayed"
        else:
            assert again.status in {403, 404} or again.status == first.status


def _announces(answer: Answer) -> bool:
    return b"Signature=" in answer.body


def _still_may(loss: str, body: Any) -> bool:
    """Whether the loss takes nothing from the sender of this body: a group's editor need not be an administrator."""
    return loss == "no administrator" and isinstance(body, dict) and body.get("scope") == "group"


def _is_part(part: dict[str, Any], whole: dict[str, Any]) -> bool:
    """Whether what GET answers stands in the replay: as the whole, beside fields of the request, or as a field."""
    return part in whole.values() or all(whole.get(name) == value for name, value in part.items())


def test_the_walk_found_the_routes_that_take_a_key() -> None:
    assert {"/documents", "/repositories", "/tags", "/users", "/groups", "/prompts", "/conversations"} <= TAKEN
    assert len(TAKEN) >= 14


def test_an_inline_text_is_not_put_again_over_what_a_colleague_wrote(world: Scenario, sender: Sender) -> None:
    sender.give_everything()
    service, group = world.service, {"scope": "group", "group_id": world.ids["group_id"]}
    colleague: User = service.user()
    membership = f"/groups/{world.ids['group_id']}/members/{colleague.id}"
    assert world.administrator.put(membership, {"role": "editor"}).status == 204
    body = EXAMPLES["POST /documents"] | group | {"content": "The first text."}
    first = sender.send("/documents", body, "inline")
    assert colleague.put(f"/documents/{first.json['id']}/content", {"content": "The second text."}).status == 202
    again = sender.send("/documents", body, "inline")
    assert (again.status, again.json["id"]) == (202, first.json["id"])
    service.pump_ingest()
    assert colleague.get(f"/documents/{first.json['id']}/content").json["text"] == "The second text."
