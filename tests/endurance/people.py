"""People at work on documents and questions: they repeat what is not acknowledged, and know what was."""

from __future__ import annotations

import io
import random
import secrets
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alcove import ApiError
from infra.local import stack
from infra.local.api_session import ApiSession
from tests.endurance.clients import passes, persist
from tests.endurance.letters import in_letters

_TOPICS = (
    "coolant pump",
    "safety valve",
    "night shift",
    "holiday request",
    "fire drill",
    "steam turbine",
    "travel budget",
)


@dataclass
class Expected:
    """What was acknowledged for one document: its newest text, title and state; of an archive, the files in it."""

    content: str
    title: str
    deleted: bool = False
    archived: bool = False
    files: dict[str, str] = field(default_factory=dict)


@dataclass
class Person:
    """Somebody at work on documents of their own."""

    api: ApiSession
    dice: random.Random
    conversation: str
    documents: dict[str, Expected] = field(default_factory=dict)

    def pick(self, *, deleted: bool = False, packed: bool | None = None) -> str | None:
        """One of their documents, if there is one."""
        fitting = [
            identity
            for identity, expected in self.documents.items()
            if expected.deleted == deleted and packed in (None, bool(expected.files))
        ]
        return self.dice.choice(fitting) if fitting else None


@dataclass
class World:
    """What the clients did and what they were told."""

    directory: Path
    people: list[str] = field(default_factory=list)  # ids of users
    documents: dict[str, Expected] = field(default_factory=dict)
    questions: dict[str, str] = field(default_factory=dict)  # question id → job id
    operations: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    mischief: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def document_operations(self) -> int:
        """How many times somebody did something to a document."""
        return sum(count for deed, count in self.operations.items() if deed in DEEDS and deed != "ask")

    def info(self) -> stack.StackInfo:
        """How to reach the stack."""
        return stack.load(self.directory)


def work(world: World, user: ApiSession, dice: random.Random) -> None:
    conversation = _until_done(lambda key: user.json("POST", "/conversations", {}, Idempotency_Key=key))["id"]
    person = Person(user, dice, conversation)
    deeds, weights = [*DEEDS], [weight for _, weight in DEEDS.values()]
    while not world.over.is_set():
        deed = dice.choices(deeds, weights)[0]
        if DEEDS[deed][0](world, person):
            world.operations[deed] += 1
        time.sleep(dice.uniform(0.05, 0.5))


def _text(dice: random.Random) -> str:
    """A text that no other has, of one to about eight passages."""
    topic = dice.choice(_TOPICS)
    lines = [f"Note {secrets.token_hex(8)} on the {topic}."]
    lines += [
        f"Item {number}: on day {dice.randrange(365)} the {topic} was {dice.choice(['fine', 'worn', 'loose'])}."
        for number in range(dice.randrange(1, 60))
    ]
    return "\n\n".join(lines)


def _add(world: World, person: Person) -> bool:
    content = _text(person.dice)
    title = content[:40]
    body = {"title": title, "content": content}
    document = _until_done(lambda key: person.api.json("POST", "/documents", body, Idempotency_Key=key))
    _know(world, person, document["id"], Expected(content, title))
    return True


def _upload(world: World, person: Person) -> bool:
    content = _text(person.dice)
    _know(world, person, _send(person, "note.txt", "text/plain", content.encode()), Expected(content, "note.txt"))
    return True


def _pack(world: World, person: Person) -> bool:
    files = {f"notes/{number}.txt": _text(person.dice) for number in range(person.dice.randrange(1, 4))}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    identity = _send(person, "notes.zip", "application/zip", packed.getvalue())
    _know(world, person, identity, Expected("", "notes.zip", files=files))
    return True


def _send(person: Person, filename: str, content_type: str, content: bytes) -> str:
    body = {"filename": filename, "content_type": content_type, "size_bytes": len(content)}

    def attempt(key: str) -> Any:
        document = person.api.json("POST", "/documents", body, Idempotency_Key=key)
        if document.get("upload"):
            person.api.send_content(document["upload"], content)
        return document

    return str(_until_done(attempt)["id"])


def _know(world: World, person: Person, identity: str, expected: Expected) -> None:
    person.documents[identity] = world.documents[identity] = expected


def _replace(world: World, person: Person) -> bool:
    if (identity := person.pick(packed=False)) is None:
        return False
    content = _text(person.dice)
    _until_done(lambda _key: person.api.json("PUT", f"/documents/{identity}/content", {"content": content}))
    world.documents[identity].content = content
    return True


def _rename(world: World, person: Person) -> bool:
    if (identity := person.pick()) is None:
        return False
    title = f"Note {secrets.token_hex(4)} of the {person.dice.choice(_TOPICS)}"
    _until_done(lambda _key: person.api.json("PATCH", f"/documents/{identity}", {"title": title}))
    world.documents[identity].title = title
    return True


def _archive(world: World, person: Person) -> bool:
    if (identity := person.pick(packed=False)) is None:
        return False
    archived = not world.documents[identity].archived
    _until_done(lambda _key: person.api.json("PATCH", f"/documents/{identity}", {"is_archived": archived}))
    world.documents[identity].archived = archived
    return True


def _reindex(_: World, person: Person) -> bool:
    if (identity := person.pick()) is None:
        return False
    _until_done(lambda _key: person.api.json("POST", f"/documents/{identity}/reindex"))
    return True


def _delete(world: World, person: Person) -> bool:
    if (identity := person.pick()) is None:
        return False

    def delete(_key: str) -> None:
        try:
            person.api.json("DELETE", f"/documents/{identity}")
        except ApiError as error:
            if error.status != 404:  # an earlier attempt got through
                raise

    _until_done(delete)
    world.documents[identity].deleted = True
    return True


def _restore(world: World, person: Person) -> bool:
    if (identity := person.pick(deleted=True)) is None:
        return False
    _until_done(lambda _key: person.api.json("POST", f"/documents/{identity}/restore"))
    world.documents[identity].deleted = False
    return True


def _ask(world: World, person: Person) -> bool:
    question = f"What was found about the {person.dice.choice(_TOPICS)}? ({in_letters(secrets.token_hex(4))})"
    path = f"/conversations/{person.conversation}/messages"
    try:
        queued = _until_done(lambda key: person.api.json("POST", path, {"content": question}, Idempotency_Key=key))
    except ApiError as error:
        if error.status != 429:
            raise
        world.operations["refused: queue full"] += 1
        time.sleep(1)
        return False
    world.questions[queued["message"]["id"]] = queued["job"]["id"]
    return True


# What people do, and how often.
DEEDS: dict[str, tuple[Callable[[World, Person], bool], int]] = {
    "add": (_add, 3),
    "upload": (_upload, 2),
    "pack": (_pack, 1),
    "replace": (_replace, 4),
    "rename": (_rename, 1),
    "archive": (_archive, 2),
    "reindex": (_reindex, 1),
    "delete": (_delete, 2),
    "restore": (_restore, 1),
    "ask": (_ask, 4),
}


def _until_done(attempt: Callable[[str], Any]) -> Any:
    return persist(attempt, again=_passes)


def _passes(error: ApiError) -> bool:
    """Besides: the document is being changed, or an earlier attempt with this key still runs. A full queue stays so."""
    return error.status == 409 or (passes(error) and error.code != "queue_full")
