"""The pipeline `qa`: understand the message, make it stand alone, retrieve, answer. `search` stops after retrieval."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from chalicelib.chat.analysis import analysis
from chalicelib.chat.answering import prompting, recalling
from chalicelib.chat.answering.attempt import Attempt
from chalicelib.chat.llm import Turn
from chalicelib.chat.messages import citations
from chalicelib.chat.reader import reader
from chalicelib.chat.reader.reader import Passage
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
SMALL_TALK = "I answer questions about your documents. Ask me one."


def answer(attempt: Attempt) -> None:
    """Answer the question of a job, streaming; leaves the sources with the attempt."""
    understand(attempt)
    if not attempt.analysis["needs_knowledge"]:
        _talk(attempt)
        return
    query = condense(attempt)
    passages = retrieve(attempt, query)
    remembered = recalling.recall(attempt)
    with attempt.trace.stage("answer"):
        if attempt.is_extractive:
            _read(attempt, query, passages)
        else:
            _write(attempt, passages, remembered)


def search(attempt: Attempt) -> None:
    """Find passages and stop: the answer has no words, only sources."""
    understand(attempt)
    passages = retrieve(attempt, condense(attempt))
    attempt.sources = [
        citations.source(number, passage, attempt.work.question) for number, passage in enumerate(passages, 1)
    ]


def understand(attempt: Attempt) -> None:
    """Find out what kind of message it is, and whether it needs the documents at all."""
    with attempt.trace.stage("analysis"):
        found = analysis.analyse(attempt.work.question, builtin.load(), previous=_last_question(attempt))
    attempt.analysis = asdict(found)
    attempt.trace.note("analysis", **attempt.analysis)


def condense(attempt: Attempt) -> str:
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
            words, _ = attempt.listen(turns, max_tokens=_CONDENSED_TOKENS, temperature=0.0)
            leaks = attempt.leak_filter()
            words = " ".join((leaks.feed(words) + leaks.rest()).split())
            condensed = question if attempt.reason == "refused" else words or question
    attempt.rephrased_query = condensed[:_MAX_QUERY_CHARS]
    attempt.trace.note("condensed", query=attempt.rephrased_query)
    return attempt.rephrased_query


def leans(question: str) -> bool:
    """Whether a question is understood only with the one before it: it refers back, or names nothing."""
    return bool(_LEANING.search(question) or _BARE.fullmatch(question)) or not any(lexemes.terms(question))


def retrieve(attempt: Attempt, query: str) -> list[Passage]:
    """The passages that fit, best first, as the asker may see them; tells the stream."""
    with attempt.trace.stage("retrieval"):
        request = SearchRequest(query=query[:_MAX_QUERY_CHARS], conversation_id=attempt.work.conversation_id)
        user_id = attempt.held.user_id
        hits = retrieval.find(request, lambda: identity.as_user(user_id), settings=attempt.work.settings).items
    attempt.trace.note("retrieval", query=query, hits=len(hits), best=hits[0].score if hits else None)
    left_out = {"text", "explanation", "neighbours"}
    attempt.stream.tell("retrieval", {"sources": [hit.model_dump(mode="json", exclude=left_out) for hit in hits]})
    return [Passage(h.document_id, h.chunk_id, h.title, h.text, h.page, h.section, h.score, h.columns) for h in hits]


def pieces(text: str) -> Iterator[str]:
    """The text word by word, each with the blanks after it."""
    start = 0
    for position in range(1, len(text)):
        if not text[position].isspace() and text[position - 1].isspace():
            yield text[start:position]
            start = position
    if text[start:]:
        yield text[start:]


def _last_question(attempt: Attempt) -> str | None:
    return next((said.content for said in reversed(attempt.history) if said.role == "user"), None)


def _talk(attempt: Attempt) -> None:
    """Answer a message that needs no documents."""
    remembered = recalling.recall(attempt)
    with attempt.trace.stage("answer"):
        if attempt.is_extractive:
            for piece in pieces(SMALL_TALK):
                attempt.stream.say(piece)
            return
        chosen = {"system": attempt.uses_prompt("system")}
        turns = prompting.compose_talk(chosen, attempt.history, attempt.work.question, attempt.room, remembered)
        _speak(attempt, turns, ())


def _read(attempt: Attempt, query: str, passages: Sequence[Passage]) -> None:
    """Let the built-in reader answer. What was asked before finds passages; what is asked now must be answered."""
    question = attempt.work.question
    about = "" if query == question or _BARE.fullmatch(question) else question
    found = reader.read(query, passages, builtin.load(), about=about)
    attempt.trace.note("reader", support=round(found.support, 4), declined=found.declined)
    for piece in pieces(found.text):
        attempt.stream.say(piece)
    attempt.sources = [
        citations.source(citation.number, citation.passage, "").model_copy(update={"quote": citation.quote})
        for citation in found.citations
    ]


def _write(attempt: Attempt, passages: Sequence[Passage], remembered: Sequence[Memory]) -> None:
    """Let the model answer from the passages."""
    chosen = {kind: attempt.uses_prompt(kind) for kind in ("system", "chat")}
    prompt = prompting.compose(chosen, attempt.history, passages, attempt.work.question, attempt.room, remembered)
    _speak(attempt, prompt.turns, prompt.passages)


def _speak(attempt: Attempt, turns: Sequence[Turn], passages: Sequence[Passage]) -> None:
    checker, leaks = citations.Checker(len(passages)), attempt.leak_filter()
    try:
        attempt.listen(turns, say=lambda text: attempt.stream.say(checker.feed(leaks.feed(text))))
        attempt.stream.say(checker.feed(leaks.rest()) + checker.rest())
        attempt.require_words()
    finally:
        attempt.invented_citations = checker.invented
        attempt.sources = citations.sources(attempt.stream.content, passages)
        if leaks.withheld:
            attempt.trace.note("withheld", runs=leaks.withheld)
    attempt.stream.tell("usage", attempt.trace.totals())
