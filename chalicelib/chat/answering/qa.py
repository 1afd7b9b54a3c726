"""The pipeline `qa`: understand the message, make it stand alone, retrieve, answer. `search` stops after retrieval."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from chalicelib.chat.analysis import analysis
from chalicelib.chat.answering import prompting, recalling
from chalicelib.chat.answering.attempt import JobAttempt
from chalicelib.chat.llm import Turn
from chalicelib.chat.messages import citations
from chalicelib.chat.reader import reader
from chalicelib.chat.reader.reader import RetrievedChunk
from chalicelib.core import identity
from chalicelib.knowledge.embedding import builtin
from chalicelib.knowledge.memories.models import Memory
from chalicelib.knowledge.search import retrieval
from chalicelib.knowledge.search.models import SearchRequest
from chalicelib.knowledge.text import lexemes

_MAX_QUERY_CHARS = 2_000
_CONDENSED_TOKENS = 200
# What leans on the question before, in English: a pronoun for what was spoken of, or half a sentence.
_LEANING = re.compile(
    r"\b(it|its|they|them|their|theirs|he|him|his|she|her|hers|this|these|those)\b"
    r"|^\W*(and|or|but|also|so|then|what about|how about)\b",
    re.IGNORECASE,
)
# What names nothing of its own: any answer to the question before may answer it, too.
_BARE = re.compile(
    r"\W*(why( not)?|how( \w+)?|when|where|who|which( one)?|what( else)?|anything else|go on"
    r"|(please )?(tell me )?more( \w+){0,3})\W*",
    re.IGNORECASE,
)
SMALLTALK_REPLY = "I answer questions about your documents. Ask me one."


def answer(attempt: JobAttempt) -> None:
    """Answer the question of a job, streaming; leaves the sources with the attempt."""
    understand(attempt)
    if not attempt.analysis["needs_knowledge"]:
        _answer_smalltalk(attempt)
        return
    query = condense(attempt)
    chunks = retrieve(attempt, query)
    remembered = recalling.recall(attempt)
    with attempt.trace.stage("answer"):
        if attempt.is_extractive:
            _read(attempt, query, chunks)
        else:
            _write(attempt, chunks, remembered)


def search(attempt: JobAttempt) -> None:
    """Find passages and stop: the answer has no words, only sources."""
    understand(attempt)
    chunks = retrieve(attempt, condense(attempt))
    attempt.sources = [citations.source(number, chunk, attempt.work.question) for number, chunk in enumerate(chunks, 1)]


def understand(attempt: JobAttempt) -> None:
    """Find out what kind of message it is, and whether it needs the documents at all."""
    with attempt.trace.stage("analysis"):
        result = analysis.analyse(attempt.work.question, builtin.load(), previous=_last_question(attempt))
    attempt.analysis = asdict(result)
    attempt.trace.record_event("analysis", **attempt.analysis)


def condense(attempt: JobAttempt) -> str:
    """The question as it stands alone: a model rewrites a follow-up, without one the question before comes first."""
    question = attempt.work.question
    previous = _last_question(attempt)
    if previous is None:
        return question
    with attempt.trace.stage("condensing"):
        if attempt.is_extractive:
            condensed = f"{previous}\n{question}" if leans(question) else question
        else:
            template = attempt.uses_prompt("condense").content
            turns = prompting.compose_condensing(template, attempt.history, question, attempt.room)
            words, _ = attempt.generate(turns, max_tokens=_CONDENSED_TOKENS, temperature=0.0)
            leaks = attempt.leak_filter()
            words = " ".join((leaks.feed(words) + leaks.rest()).split())
            condensed = question if attempt.reason == "refused" else words or question
    attempt.rephrased_query = condensed[:_MAX_QUERY_CHARS]
    attempt.trace.record_event("condensed", query=attempt.rephrased_query)
    return attempt.rephrased_query


def leans(question: str) -> bool:
    """Whether a question is understood only with the one before it: it refers back, or names nothing."""
    return bool(_LEANING.search(question) or _BARE.fullmatch(question)) or not any(lexemes.terms(question))


def retrieve(attempt: JobAttempt, query: str) -> list[RetrievedChunk]:
    """The passages that fit, best first, as the asker may see them; tells the stream."""
    with attempt.trace.stage("retrieval"):
        request = SearchRequest(query=query[:_MAX_QUERY_CHARS], conversation_id=attempt.work.conversation_id)
        user_id = attempt.claim.user_id
        hits = retrieval.find(request, lambda: identity.as_user(user_id), settings=attempt.work.settings).items
    attempt.trace.record_event("retrieval", query=query, hits=len(hits), best=hits[0].score if hits else None)
    left_out = {"text", "explanation", "neighbours"}
    attempt.stream.emit("retrieval", {"sources": [hit.model_dump(mode="json", exclude=left_out) for hit in hits]})
    return [
        RetrievedChunk(h.document_id, h.chunk_id, h.title, h.text, h.page, h.section, h.score, h.columns) for h in hits
    ]


def deltas(text: str) -> Iterator[str]:
    """The text word by word, each with the blanks after it."""
    start = 0
    for position in range(1, len(text)):
        if not text[position].isspace() and text[position - 1].isspace():
            yield text[start:position]
            start = position
    if text[start:]:
        yield text[start:]


def _last_question(attempt: JobAttempt) -> str | None:
    return next((said.content for said in reversed(attempt.history) if said.role == "user"), None)


def _answer_smalltalk(attempt: JobAttempt) -> None:
    """Answer a message that needs no documents."""
    remembered = recalling.recall(attempt)
    with attempt.trace.stage("answer"):
        if attempt.is_extractive:
            for delta in deltas(SMALLTALK_REPLY):
                attempt.stream.emit_token(delta)
            return
        templates = {"system": attempt.uses_prompt("system")}
        turns = prompting.compose_smalltalk(templates, attempt.history, attempt.work.question, attempt.room, remembered)
        _generate(attempt, turns, ())


def _read(attempt: JobAttempt, query: str, chunks: Sequence[RetrievedChunk]) -> None:
    """Let the built-in reader answer. What was asked before finds passages; what is asked now must be answered."""
    question = attempt.work.question
    about = "" if query == question or _BARE.fullmatch(question) else question
    result = reader.read(query, chunks, builtin.load(), about=about)
    attempt.trace.record_event("reader", support=round(result.support, 4), declined=result.declined)
    for delta in deltas(result.text):
        attempt.stream.emit_token(delta)
    attempt.sources = [
        citations.source(citation.number, citation.chunk, "").model_copy(update={"quote": citation.quote})
        for citation in result.citations
    ]


def _write(attempt: JobAttempt, chunks: Sequence[RetrievedChunk], remembered: Sequence[Memory]) -> None:
    """Let the model answer from the passages."""
    templates = {kind: attempt.uses_prompt(kind) for kind in ("system", "chat")}
    prompt = prompting.compose(templates, attempt.history, chunks, attempt.work.question, attempt.room, remembered)
    _generate(attempt, prompt.turns, prompt.chunks)


def _generate(attempt: JobAttempt, turns: Sequence[Turn], chunks: Sequence[RetrievedChunk]) -> None:
    checker, leaks = citations.Checker(len(chunks)), attempt.leak_filter()
    try:
        attempt.generate(turns, on_text=lambda text: attempt.stream.emit_token(checker.feed(leaks.feed(text))))
        attempt.stream.emit_token(checker.feed(leaks.rest()) + checker.rest())
        attempt.require_words()
    finally:
        attempt.invented_citations = checker.invented
        attempt.sources = citations.sources(attempt.stream.content, chunks)
        if leaks.withheld:
            attempt.trace.record_event("withheld", runs=leaks.withheld)
    attempt.stream.emit("usage", attempt.trace.totals())
