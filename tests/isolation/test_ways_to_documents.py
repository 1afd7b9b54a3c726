"""Every way to a document × every state in which the asker may not use it: nothing of the document comes out.

The ways are those in which the service uses documents for a user: each mode of the search, each filter, each pipeline,
each tool of the agent. Each list comes from the registry itself, so a new one is tested by itself; a new filter or a
new argument of a tool fails until it has an example. The library's own routes (`GET /documents/{id}` and below) are no
such way: an archived document is still read there.

The two last tests hold what is not written yet: statements and modules that answer reach documents in one way alone.
"""

import json
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, get_args

import pytest

from chalicelib.chat.answering import pipelines, tools
from chalicelib.chat.answering.pipelines import agent
from chalicelib.chat.answering.tracing import TraceRecorder
from chalicelib.chat.queue.claims import ClaimedJob
from chalicelib.core import identity, rows
from chalicelib.knowledge.search.models import SearchFilters, SearchRequest
from infra import compatibility
from tests.chat.answers import Answers, calls, words
from tests.chat.conftest import answers
from tests.service import User

__all__ = ["answers"]

TEXT = "The coolant pump {mark} is inspected every ninety days."
QUESTION = "How often is the coolant pump inspected?"
USABLE = ("plain", "included")
UNUSABLE = ("deleted", "archived", "archived_parent", "opted_out", "excluded", "foreign", "foreign_group", "unselected")
_DEEP = re.compile(r"\b(?:from|join)\s+(?:documents|document_\w+|readable_documents|embeddings|chunk_terms)\b")
# The wings that keep the library: they show and change documents as such, and answer nothing.
LIBRARY = tuple(f"knowledge/{wing}/" for wing in ("documents", "collections", "ingestion", "embedding", "connectors"))

# What `migrate` reads, which no user reaches: where the files of a restored stage's documents lie, also for a drill.
OF_A_DEPLOYMENT = {
    "ops/deployment.sql:object_references",
    "ops/drills/digests.sql:objects",
    "ops/drills/digests.sql:present",
}


@dataclass
class World:
    """An asker with a conversation, and a document in every state, by the state's name."""

    answers: Answers
    asker: User
    conversation: str
    question: str = ""
    ids: dict[str, str] = field(default_factory=dict)
    tag: str = ""
    repository: str = ""

    def search(self, **more: Any) -> str:
        """The response of a search, as text."""
        result = self.asker.post(
            "/search", {"query": QUESTION, "conversation_id": self.conversation, "top_k": 50, **more}
        )
        assert result.status == 200, result.body
        return str(result.body)

    def answer(self, pipeline: str, model: str | None = None) -> str:
        """Everything that an answer of `pipeline` shows: message, sources, events, trace."""
        more = {} if model is None else {"model": model}
        queued = self.answers.ask(self.asker, QUESTION, self.conversation, pipeline=pipeline, **more)
        self.answers.work()
        message = self.answers.check(self.asker, queued)
        events = [event.data for event in self.answers.events(self.asker, queued["job"]["id"])]
        trace = self.asker.get(f"/messages/{message['id']}/trace").body
        return json.dumps([message, events], default=str) + str(trace)


def mark(state: str) -> str:
    """A word that stands in the document of a state alone; no mark begins another one."""
    return f"Q{uuid.uuid5(uuid.NAMESPACE_OID, state).hex[:10]}"


@pytest.fixture(scope="module")
def world(answers: Answers) -> World:
    """A document in every state, all with the same words but their mark."""
    asker, other_user = answers.user(), answers.user()
    created = World(answers, asker, answers.conversation(asker))
    own = {"plain", "included", "deleted", "archived", "opted_out", "excluded", "unselected"}
    for state in (*USABLE, *UNUSABLE):
        if state in own:
            described: dict[str, Any] = {"metadata": {"state": state}}
            if state == "plain":
                described["file_modified_at"] = "2000-01-01T00:00:00Z"
            created.ids[state] = asker.add(f"Manual {mark(state)}", TEXT.format(mark=mark(state)), **described)["id"]
    created.ids["foreign"] = other_user.add(f"Manual {mark('foreign')}", TEXT.format(mark=mark("foreign")))["id"]
    group = answers.administrator.post("/groups", {"name": "Others"}).json["id"]
    answers.administrator.put(f"/groups/{group}/members/{other_user.id}", {"role": "editor"})
    created.ids["foreign_group"] = other_user.add(
        f"Manual {mark('foreign_group')}", TEXT.format(mark=mark("foreign_group")), scope="group", group_id=group
    )["id"]
    created.ids["archived_parent"] = _child_of_an_archived_parent(created)
    assert asker.delete(f"/documents/{created.ids['deleted']}").status == 204
    assert asker.request("PATCH", f"/documents/{created.ids['archived']}", {"is_archived": True}).status == 200
    for state in ("opted_out", "included", "unselected"):
        assert asker.put(f"/selection/documents/{created.ids[state]}", {"enabled": False}).status == 200
    overrides = f"/conversations/{created.conversation}/selection"
    assert asker.put(f"{overrides}/{created.ids['included']}", {"enabled": True}).status == 200
    assert asker.put(f"{overrides}/{created.ids['excluded']}", {"enabled": False}).status == 200
    assert asker.put(f"{overrides}/{created.ids['unselected']}", {"enabled": False}).status == 200
    created.tag = asker.post("/tags", {"name": "plain"}).json["id"]
    assert asker.put(f"/tags/{created.tag}/documents/{created.ids['plain']}").status == 204
    created.repository = asker.post("/repositories", {"name": "plain"}).json["id"]
    place = f"/repositories/{created.repository}/documents/{created.ids['plain']}"
    assert asker.put(place, {"path": "plain.md"}).status in {200, 201, 204}
    created.question = answers.ask(asker, QUESTION, created.conversation)["message"]["id"]
    answers.work()
    return created


def _child_of_an_archived_parent(created: World) -> str:
    """A document that was packed into another one, which its owner archived."""
    state = "archived_parent"
    child = created.asker.add(f"Manual {mark(state)}", TEXT.format(mark=mark(state)))["id"]
    parent = created.asker.add("An e-mail", "It has an attachment.")["id"]
    created.answers.service.rows(
        "update documents set parent_id = %s, depth = 1 where id = %s returning 1", parent, child
    )
    assert created.asker.request("PATCH", f"/documents/{parent}", {"is_archived": True}).status == 200
    return str(child)


Way = Callable[[World], str]


def _by_search(mode: str, **more: Any) -> Way:
    return lambda world: world.search(mode=mode, **more)


def _by_pipeline(name: str) -> Way:
    return lambda world: world.answer(name)


def _by_model(name: str) -> Way:
    """A pipeline with a model: what the model is told counts, and not only what it writes."""

    def way(world: World) -> str:
        every = [
            (tool.name, arguments(world, tool.name, target)) for tool in tools.definitions() for target in world.ids
        ]
        steps = (
            [calls(*every[at : at + 4]) for at in range(0, len(every), 4)][: agent.MAX_STEPS] if name == "agent" else []
        )
        with world.answers.model(*steps, words("Every ninety days [1]."), context_tokens=200_000) as (model, server):
            shown = world.answer(name, model)
            return shown + "".join(json.dumps(request.json) for request in server.requests)

    return way


def _by_tool(name: str) -> Way:
    """A tool of the agent, called for every document there is."""

    def way(world: World) -> str:
        job = ClaimedJob(
            QUESTION, uuid.UUID(world.question), uuid.UUID(world.conversation), "agent", "any", _settings(world), ""
        )
        results = []
        for target in world.ids:
            box = tools.Toolbox(world.asker.id, job, TraceRecorder(), uses_memories=True)
            try:
                results.append(box.run(name, arguments(world, name, target), 100_000))
            except tools.ToolError as error:
                results.append(str(error))
            results += [chunk.text + chunk.title for chunk in box.retrieved]
        return "\n".join(results)

    return way


def _settings(world: World) -> dict[str, Any]:
    with identity.as_user(world.asker.id) as conn:
        settings: dict[str, Any] = rows.value(conn, "select effective_config(%(id)s)", {"id": world.conversation})
        return settings


def arguments(world: World, name: str, target: str) -> dict[str, Any]:
    """Arguments of a tool that ask for the document of the state `target`, by its id and by its words."""
    examples = {
        "document_id": world.ids[target],
        "query": f"coolant pump {mark(target)}",
        "content": "My pump leaks.",
        "start": 0,
        "importance": 0.5,
        "cursor": None,
    }
    (tool,) = [tool for tool in tools.definitions() if tool.name == name]
    return {argument: examples[argument] for argument in tool.parameters["properties"]}


def _modes() -> list[str]:
    return [mode for part in get_args(SearchRequest.model_fields["mode"].annotation) for mode in get_args(part)]


def ways() -> Iterator[tuple[str, Way]]:
    """Every way, by its name."""
    for mode in _modes():
        yield f"search {mode}", _by_search(mode)
        yield f"search {mode} explained", _by_search(mode, explain=True, neighbours=5, per_document=3)
        yield f"search {mode} filtered", _by_search(mode, filters={"created_after": "2000-01-01T00:00:00Z"})
    for name, pipeline in pipelines.registered().items():
        if not pipeline.requires_model:
            yield f"pipeline {name}", _by_pipeline(name)
        if pipeline.generates:
            yield f"pipeline {name} with a model", _by_model(name)
    for tool in tools.definitions():
        yield f"tool {tool.name}", _by_tool(tool.name)


WAYS = dict(ways())
# Tools about the user and not about documents: they show no document at all.
WITHOUT_DOCUMENTS = {"tool search_memories", "tool remember", "tool search_messages"}


@pytest.mark.parametrize("way", WAYS)
def test_no_way_leads_to_a_document_that_the_asker_may_not_use(world: World, way: str) -> None:
    world.answers.service.rows("delete from rate_limit_buckets returning 1")
    shown = WAYS[way](world)
    seen = {state for state in world.ids if TEXT.format(mark=mark(state)) in shown or f"Manual {mark(state)}" in shown}
    assert not seen & set(UNUSABLE), seen
    # An earlier answer that a message search finds may quote a document that the asker may use.
    assert way in WITHOUT_DOCUMENTS or seen == set(USABLE), seen


def test_the_tools_that_show_documents_are_those_that_the_test_believes(world: World) -> None:
    assert {f"tool {tool.name}" for tool in tools.definitions()} - WITHOUT_DOCUMENTS == {
        "tool search_documents",
        "tool read_document",
        "tool list_documents",
    }


@pytest.mark.parametrize("name", SearchFilters.model_fields)
@pytest.mark.parametrize("mode", _modes())
def test_every_filter_keeps_what_it_leaves_out_from_every_mode(world: World, name: str, mode: str) -> None:
    service = world.answers.service
    (moments,) = service.rows(
        "select min(created_at) filter (where id = %s), max(created_at) from documents", world.ids["included"]
    )
    between = moments[0].isoformat()
    examples: dict[str, tuple[Any, set[str]]] = {
        "documents": ([world.ids[state] for state in ("plain", *UNUSABLE)], {"plain"}),
        "source_types": (["upload"], set()),
        "tags": ([world.tag], {"plain"}),
        "repositories": ([world.repository], {"plain"}),
        "created_after": (between, set()),
        "created_before": (between, {"plain"}),
        "modified_after": (between, set()),
        "modified_before": (between, {"plain"}),
        "metadata": ({"state": ["plain", *UNUSABLE]}, {"plain"}),
    }
    value, expected = examples[name]
    shown = world.search(mode=mode, filters={name: value})
    seen = {state for state in world.ids if f"Manual {mark(state)}" in shown}
    assert seen == expected


def test_every_statement_outside_the_library_reads_documents_through_one_function() -> None:
    deep = {
        name: statement.text
        for name, statement in compatibility.statements().items()
        if _DEEP.search(statement.text) and not name.startswith(LIBRARY)
    }
    assert deep, "the pattern finds the statements of the search"
    others = {name for name, text in deep.items() if "usable_documents(" not in text}
    assert others == OF_A_DEPLOYMENT


def test_the_selection_page_and_the_one_function_agree(world: World) -> None:
    for conversation in (None, world.conversation):
        query = f"?limit=100&enabled=true{f'&conversation_id={conversation}' if conversation else ''}"
        listed = {item["id"] for item in world.asker.get(f"/selection{query}").json["items"]}
        with identity.as_user(world.asker.id) as conn:
            params = {"id": conversation}
            usable = conn.execute("select id from usable_documents(%(id)s::uuid)", params).fetchall()
        assert listed == {str(row[0]) for row in usable}
