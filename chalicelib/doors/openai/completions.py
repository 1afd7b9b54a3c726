"""Chat completions: a question in OpenAI's form takes the way of every question, and its answer is put in that form.

The question is a job of the queue, answered by a worker under the caller's rights. Without `metadata.conversation_id`
the request is stateless: its history goes into a conversation of its own, which is archived from its beginning and
deleted when the answer is there.
"""

import json
import re
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from chalicelib.chat.conversations import conversations
from chalicelib.chat.conversations.models import ConversationChanges, NewConversation
from chalicelib.chat.messages import messages
from chalicelib.chat.messages.models import Message, Source
from chalicelib.chat.queue import enqueueing, following, jobs, sse
from chalicelib.chat.queue.models import NewMessage
from chalicelib.config.settings.models import ConversationSettings
from chalicelib.core import errors, identity, request, validation
from chalicelib.doors import waiting
from chalicelib.doors.openai import error_objects, model_cards
from chalicelib.doors.openai.models import (
    Annotation,
    ChatCompletion,
    ChatMessage,
    CompletionChoice,
    CompletionMessage,
    CompletionUsage,
    NewChatCompletion,
    UrlCitation,
)

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

# OpenAI's clients repeat a request after 5xx, which would be paid twice; they obey this.
_DO_NOT_RETRY = {"x-should-retry": "false"}
_DONE = "data: [DONE]\n\n"
_RESTARTED = errors.Problem("The answer was interrupted, and began anew. Ask again.", code="answer_failed")
# A connection on which nothing is sent for long is closed by what stands between.
_SILENCE_SECONDS = 10.0
_TITLE = "OpenAI-compatible request"
_CITATION = re.compile(r"\[(\d{1,3})\]")
_HARMLESS: dict[str, tuple[Any, ...]] = {
    "n": (None, 1),
    "tools": (None, []),
    "functions": (None, []),
    "response_format": (None, {"type": "text"}),
    "logprobs": (None, False),
    "stop": (None, []),
    "modalities": (None, ["text"]),
    "audio": (None,),
}


@dataclass(frozen=True, slots=True)
class _Question:
    """A question in the queue. Its conversation is deleted after a stateless request."""

    conversation_id: UUID
    job_id: UUID
    is_stateless: bool

    def forget(self) -> None:
        """Delete what a stateless request stored. What still answers it is cancelled."""
        if self.is_stateless:
            with identity.as_caller() as conn:
                jobs.cancel_all(conn, self.conversation_id)
                conversations.delete(conn, self.conversation_id)


def complete(new: NewChatCompletion) -> ChatCompletion:
    """Answer the last message.

    Raises BadRequest (unsupported_parameter), NotFound (also model_not_found), Problem (answer_unfinished,
    answer_failed), and like `waiting.counted` and `enqueueing.enqueue`.
    """
    _check(new)
    with waiting.counted():
        question = _enqueue(new)
        try:
            return _completion(new.model, _answer(question.job_id))
        finally:
            question.forget()


def stream(new: NewChatCompletion) -> Generator[str]:
    """Answer the last message, in server-sent events as the answer is generated. Raises like complete().

    After its first part, an answer that fails ends with an event `error` in OpenAI's form.
    """
    _check(new)
    with waiting.counted(waiting.STREAM_SECONDS):
        question = _enqueue(new)
        try:
            yield from _generated(new, question)
        finally:
            question.forget()


def _enqueue(new: NewChatCompletion) -> _Question:
    existing_id = new.metadata.conversation_id if new.metadata else None
    with identity.as_caller() as conn:
        choice = model_cards.choose(conn, new.model)
        conversation_id = existing_id or _start(conn, new, choice.assistant_id)
        parent = None if existing_id else _add_history(conn, conversation_id, new.messages)
        with validation.of_field("messages"):
            question = NewMessage(content=new.messages[-1].text(), model=choice.llm)
        if parent is not None:
            question = question.model_copy(update={"parent_message_id": parent})
        queued = enqueueing.enqueue(conn, conversation_id, question)
    jobs.wake([queued.job.id])
    return _Question(conversation_id, queued.job.id, existing_id is None)


class _Chunks:
    """The events of one answer: parts of a `chat.completion.chunk` in OpenAI's form."""

    def __init__(self, model: str, identifier: str, created: int, *, include_usage: bool) -> None:
        self._base = {"id": identifier, "object": "chat.completion.chunk", "created": created, "model": model}
        self._include_usage = include_usage

    def chunk(self, delta: dict[str, Any], finish_reason: str | None = None) -> str:
        """A part of the message."""
        choices = [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}]
        return _event(self._base | {"choices": choices} | ({"usage": None} if self._include_usage else {}))

    def begin(self) -> str:
        """The first event: whose message follows."""
        return self.chunk({"role": "assistant", "content": ""})

    def end(self, completion: ChatCompletion) -> str:
        """The last events, after the whole text: citations, why it ended, tokens."""
        (choice,) = completion.choices
        annotations = [annotation.model_dump(mode="json") for annotation in choice.message.annotations]
        events = [self.chunk({"annotations": annotations})] if annotations else []
        events.append(self.chunk({}, choice.finish_reason))
        if self._include_usage:
            events.append(_event(self._base | {"choices": [], "usage": completion.usage.model_dump()}))
        return "".join([*events, _DONE])


def chunks(completion: ChatCompletion, *, include_usage: bool) -> Iterator[str]:
    """A whole answer as server-sent events in OpenAI's form."""
    (choice,) = completion.choices
    events = _Chunks(completion.model, completion.id, completion.created, include_usage=include_usage)
    yield events.begin()
    for part in re.findall(r"\s*\S+|\s+$", choice.message.content):
        yield events.chunk({"content": part})
    yield events.end(completion)


def _generated(new: NewChatCompletion, question: _Question) -> Iterator[str]:
    """The answer to a question as events, as it is generated. An answer that starts again ends with an error."""
    include_usage = new.stream_options is not None and new.stream_options.include_usage
    events = _Chunks(new.model, f"chatcmpl-{question.job_id}", int(time.time()), include_usage=include_usage)
    yield events.begin()
    is_started, sent_at = False, time.monotonic()
    try:
        for looked, _ in following.follow(question.job_id, 0, waiting.STREAM_SECONDS):
            for event in looked:
                if event.event == "token":
                    is_started = True
                    yield events.chunk({"content": event.data["text"]})
                elif is_started and event.data.get("restart"):  # what the client has cannot be taken back
                    yield _event(error_objects.members(_RESTARTED))
                    return
            if looked:
                sent_at = time.monotonic()
            elif time.monotonic() >= sent_at + _SILENCE_SECONDS:
                sent_at = time.monotonic()
                yield sse.SILENCE
        yield events.end(_completion(new.model, _answer(question.job_id)))
    except errors.Problem as problem:
        yield _event(error_objects.members(problem))


def _event(data: dict[str, Any]) -> str:
    return f"data: {json.dumps(data, ensure_ascii=False, separators=(',', ':'))}\n\n"


def _check(new: NewChatCompletion) -> None:
    """Raises BadRequest for what would change the answer and is not supported."""
    for name, values in _HARMLESS.items():
        if getattr(new, name) not in values:
            raise errors.BadRequest(f"`{name}` is not supported. Leave it out.", code="unsupported_parameter")
    for message in new.messages:
        parts = message.content if isinstance(message.content, list) else []
        for part in parts:
            if part.type != "text":
                raise errors.BadRequest(
                    f"Parts of the type `{part.type}` are not supported. Upload files with POST /documents.",
                    code="unsupported_parameter",
                )
        if message.role in {"tool", "function"}:
            raise errors.BadRequest("Messages of tools are not supported.", code="unsupported_parameter")
    if new.messages[-1].role != "user" or not new.messages[-1].text().strip():
        raise errors.BadRequest("The last message must be a question of the user.")


def _start(conn: "Conn", new: NewChatCompletion, assistant_id: UUID | None) -> UUID:
    instructions = "\n\n".join(m.text() for m in new.messages if m.role in {"system", "developer"}).strip()
    chosen: dict[str, Any] = {
        "system_prompt": instructions or None,
        "temperature": new.temperature,
        "top_p": new.top_p,
        "max_tokens": new.max_tokens,
    }
    chosen = {name: value for name, value in chosen.items() if value is not None}
    with validation.of_field("messages"):  # the instructions; the other settings have the same bounds here
        settings = ConversationSettings(**chosen) if chosen else None
    created = conversations.create(conn, NewConversation(title=_TITLE, assistant_id=assistant_id, settings=settings))
    conversations.update(conn, created.id, ConversationChanges(is_archived=True))
    return created.id


def _add_history(conn: "Conn", conversation_id: UUID, sent: Sequence[ChatMessage]) -> UUID | None:
    turns = [
        (message.role, message.text())
        for message in sent[:-1]
        if message.role in {"user", "assistant"} and message.text().strip()
    ]
    return messages.add_history(conn, conversation_id, turns)


def _answer(job_id: UUID) -> Message:
    """The stored answer of a job, once it is there."""
    job = waiting.wait_for(job_id)
    if job is None:
        with identity.as_caller() as conn:
            jobs.cancel(conn, job_id)
        raise errors.Problem(
            "The answer was not finished in time, and was cancelled. Ask with POST "
            "/conversations/{conversation_id}/messages, which has no such limit.",
            code="answer_unfinished",
            headers=_DO_NOT_RETRY,
        )
    if job.status != "completed" or job.answer_id is None:
        raise errors.Problem(job.error.message if job.error else None, code="answer_failed", headers=_DO_NOT_RETRY)
    with identity.as_caller() as conn:
        return messages.get(conn, job.answer_id)


def _completion(model: str, answer: Message) -> ChatCompletion:
    prompt, completion = answer.prompt_tokens or 0, answer.completion_tokens or 0
    message = CompletionMessage(content=answer.content, annotations=list(_annotations(answer)))
    return ChatCompletion(
        id=f"chatcmpl-{answer.id}",
        created=int(answer.created_at.timestamp()),
        model=model,
        choices=[CompletionChoice(message=message, finish_reason=_finish_reason(answer))],
        usage=CompletionUsage(prompt_tokens=prompt, completion_tokens=completion, total_tokens=prompt + completion),
        metadata={"conversation_id": str(answer.conversation_id), "message_id": str(answer.id)},
    )


def _finish_reason(answer: Message) -> Literal["stop", "length", "content_filter"]:
    return answer.finish_reason if answer.finish_reason in ("length", "content_filter") else "stop"


def _annotations(answer: Message) -> Iterator[Annotation]:
    sources: dict[int, Source] = {source.number: source for source in answer.sources}
    for mark in _CITATION.finditer(answer.content):
        source = sources.get(int(mark[1]))
        if source is not None:
            page = f"#page={source.page}" if source.page else ""
            yield Annotation(
                url_citation=UrlCitation(
                    start_index=mark.start(),
                    end_index=mark.end(),
                    url=f"{request.base_url()}/documents/{source.document_id}{page}",
                    title=source.title,
                    document_id=source.document_id,
                    chunk_id=source.chunk_id,
                    page=source.page,
                    quote=source.quote,
                )
            )
