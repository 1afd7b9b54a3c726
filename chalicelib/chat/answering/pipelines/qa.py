"""The pipeline `qa`: analyse the message, condense it with its history, retrieve chunks, generate the answer."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from chalicelib.chat.analysis import analysis
from chalicelib.chat.answering import prompting, recalling
from chalicelib.chat.answering.answer_filter import filtered_answer
from chalicelib.chat.answering.attempts import JobAttempt
from chalicelib.chat.answering.pipelines import pipeline
from chalicelib.chat.llm import Turn
from chalicelib.chat.messages import citations
from chalicelib.chat.queue.job_events import RetrievalEvent
from chalicelib.chat.reader import reader
from chalicelib.chat.reader.chunks import RetrievedChunk
from chalicelib.core import identity
from chalicelib.knowledge.embedding import builtin
from chalicelib.knowledge.memories.models import Memory
from chalicelib.knowledge.search import retrieval
from chalicelib.knowledge.search.models import SearchRequest
from chalicelib.knowledge.text import lexemes

_MAX_QUERY_CHARS = 2_000
_CONDENSED_TOKENS = 200
# English signs of a follow-up question: a pronoun that refers back, or half a sentence.
_FOLLOW_UP = re.compile(
    r"\b(it|its|they|them|their|theirs|he|him|his|she|her|hers|this|these|those)\b"
    r"|^\W*(and|or|but|also|so|then|what about|how about)\b",
    re.IGNORECASE,
)
# A question without a topic of its own: any answer to the previous question may answer it too.
_WITHOUT_TOPIC = re.compile(
    r"\W*(why( not)?|how( \w+)?|when|where|who|which( one)?|what( else)?|anything else|go on"
    r"|(please )?(tell me )?more( \w+){0,3})\W*",
    re.IGNORECASE,
)
SMALLTALK_REPLY = "I answer questions about your documents. Ask me one."


@pipeline("qa")
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


def understand(attempt: JobAttempt) -> None:
    """Classify the message and determine whether it requires the documents."""
    with attempt.trace.stage("analysis"):
        result = analysis.analyse(attempt.job.question, builtin.load(), previous=_last_question(attempt))
    attempt.analysis = asdict(result)
    attempt.trace.record_event("analysis", **attempt.analysis)


def condense(attempt: JobAttempt) -> str:
    """The question without its dependence on the history.

    A model rewrites a follow-up; without a model, the previous question is put before it.
    """
    question = attempt.job.question
    previous = _last_question(attempt)
    if previous is None:
        return question
    with attempt.trace.stage("condensing"):
        if attempt.is_extractive:
            condensed = f"{previous}\n{question}" if is_follow_up(question) else question
        else:
            template = attempt.uses_prompt("condense").content
            turns = prompting.compose_condensing(template, attempt.history, question, attempt.room)
            text, _ = attempt.generate(turns, max_tokens=_CONDENSED_TOKENS, temperature=0.0)
            leaks = attempt.leak_filter()
            text = " ".join((leaks.feed(text) + leaks.rest()).split())
            condensed = question if attempt.reason == "refused" else text or question
    attempt.rephrased_query = condensed[:_MAX_QUERY_CHARS]
    attempt.trace.record_event("condensed", query=attempt.rephrased_query)
    return attempt.rephrased_query


def is_follow_up(question: str) -> bool:
    """Whether a question depends on the previous one: it refers back, or has no topic of its own."""
    return bool(_FOLLOW_UP.search(question) or _WITHOUT_TOPIC.fullmatch(question)) or not any(lexemes.terms(question))


def retrieve(attempt: JobAttempt, query: str) -> list[RetrievedChunk]:
    """The best chunks for a query that the user may see, best first; emits the event `retrieval`."""
    with attempt.trace.stage("retrieval"):
        request = SearchRequest(query=query[:_MAX_QUERY_CHARS], conversation_id=attempt.job.conversation_id)
        user_id = attempt.claim.user_id
        hits = retrieval.find(request, lambda: identity.as_user(user_id), settings=attempt.job.settings).items
    attempt.trace.record_event("retrieval", query=query, hits=len(hits), best=hits[0].score if hits else None)
    left_out = {"text", "explanation", "neighbours"}
    attempt.stream.emit(RetrievalEvent(sources=[hit.model_dump(mode="json", exclude=left_out) for hit in hits]))
    return [RetrievedChunk.of_hit(hit) for hit in hits]


def deltas(text: str) -> Iterator[str]:
    """The text word by word, each with the white space after it."""
    start = 0
    for position in range(1, len(text)):
        if not text[position].isspace() and text[position - 1].isspace():
            yield text[start:position]
            start = position
    if text[start:]:
        yield text[start:]


def _last_question(attempt: JobAttempt) -> str | None:
    return next((message.content for message in reversed(attempt.history) if message.role == "user"), None)


def _answer_smalltalk(attempt: JobAttempt) -> None:
    """Answer a message that requires no documents."""
    remembered = recalling.recall(attempt)
    with attempt.trace.stage("answer"):
        if attempt.is_extractive:
            for delta in deltas(SMALLTALK_REPLY):
                attempt.stream.emit_token(delta)
            return
        templates = {"system": attempt.uses_prompt("system")}
        turns = prompting.compose_smalltalk(templates, attempt.history, attempt.job.question, attempt.room, remembered)
        _generate(attempt, turns, ())


def _read(attempt: JobAttempt, query: str, chunks: Sequence[RetrievedChunk]) -> None:
    """Answer with the built-in reader. The previous question helps to retrieve; the present one must be answered."""
    question = attempt.job.question
    about = "" if query == question or _WITHOUT_TOPIC.fullmatch(question) else question
    result = reader.read(query, chunks, builtin.load(), about=about)
    attempt.trace.record_event("reader", support=round(result.support, 4), declined=result.declined)
    for delta in deltas(result.text):
        attempt.stream.emit_token(delta)
    attempt.sources = [
        citations.source(citation.number, citation.chunk, "").model_copy(update={"quote": citation.quote})
        for citation in result.citations
    ]


def _write(attempt: JobAttempt, chunks: Sequence[RetrievedChunk], remembered: Sequence[Memory]) -> None:
    """Answer with the model from the chunks."""
    templates = {kind: attempt.uses_prompt(kind) for kind in ("system", "chat")}
    prompt = prompting.compose(templates, attempt.history, chunks, attempt.job.question, attempt.room, remembered)
    _generate(attempt, prompt.turns, prompt.chunks)


def _generate(attempt: JobAttempt, turns: Sequence[Turn], chunks: Sequence[RetrievedChunk]) -> None:
    with filtered_answer(attempt, chunks) as filtered:
        filtered.generate(turns)
