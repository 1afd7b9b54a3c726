"""The pipeline `qa`: analyse the message, condense it with its history, retrieve chunks, generate the answer."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from chalicelib.chat.analysis import analysis, follow_ups, intents
from chalicelib.chat.analysis.cues import Cues
from chalicelib.chat.answering import prompting, recalling
from chalicelib.chat.answering.answer_filter import filtered_answer
from chalicelib.chat.answering.attempts import JobAttempt
from chalicelib.chat.answering.pipelines import pipeline
from chalicelib.chat.llm import LlmError, Turn
from chalicelib.chat.messages import citations
from chalicelib.chat.queue.job_events import RetrievalEvent
from chalicelib.chat.reader import reader
from chalicelib.chat.reader.chunks import RetrievedChunk
from chalicelib.chat.reader.evidence import Evidence, sentence_about
from chalicelib.core import identity
from chalicelib.core.models import PageQuery
from chalicelib.knowledge.collections import scopes, usable_documents
from chalicelib.knowledge.documents import file_warnings
from chalicelib.knowledge.embedding import builtin, cross_encoder
from chalicelib.knowledge.memories.models import Memory
from chalicelib.knowledge.search import retrieval
from chalicelib.knowledge.search.models import Hit, SearchRequest
from chalicelib.knowledge.text.names import Named

_MAX_QUERY_CHARS = 2_000
_CONDENSED_TOKENS = 200
# An answer does not wait longer for a better query.
_CONDENSING_SECONDS = 30.0
# The hits of a search for the named things alone.
_LOOKED_UP = 5
# More hits for each of two things that are compared, and the titles in an answer about the collection.
_OF_A_SIDE = 5
_LISTED = 20
# Messages that only a chunk with the named things can answer; a task may bring a date or a number of its own.
_QUESTIONS = ("question", "follow_up")
SMALLTALK_REPLY = "I answer questions about your documents. Ask me one."


@pipeline("qa")
def answer(attempt: JobAttempt) -> None:
    """Answer the question of a job, streaming; leaves the sources with the attempt."""
    understand(attempt)
    if intents.asks_for_collection(attempt.job.question):
        _describe_collection(attempt)
        return
    is_smalltalk = not attempt.analysis["needs_knowledge"]
    # "Christmas bonus?" looks like a greeting. The reader looks into the documents before it says that it is one.
    if is_smalltalk and not (attempt.is_extractive and Cues(attempt.job.question, None).has_content):
        _answer_smalltalk(attempt)
        return
    query = condense(attempt)
    chunks = retrieve(attempt, query)
    remembered = recalling.recall(attempt)
    with attempt.trace.stage("answer"):
        if attempt.is_extractive:
            _read(attempt, query, chunks, is_smalltalk=is_smalltalk)
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

    A model rewrites a follow-up; without a model, the words of the questions before complete it (follow_ups.py).
    """
    question = attempt.job.question
    previous = _last_question(attempt)
    if previous is None:
        return question
    with attempt.trace.stage("condensing"):
        if attempt.is_extractive:
            condensed = follow_ups.compose(_earlier_questions(attempt), question).query
        else:
            template = attempt.uses_prompt("condense").content
            turns = prompting.compose_condensing(template, attempt.history, question, attempt.room)
            text = _rewritten(attempt, turns)
            leaks = attempt.leak_filter()
            text = " ".join((leaks.feed(text) + leaks.rest()).split())
            # Without the model, the words of the questions before complete the question.
            completed = text or follow_ups.compose(_earlier_questions(attempt), question).query
            condensed = question if attempt.reason == "refused" else completed
    attempt.rephrased_query = condensed[:_MAX_QUERY_CHARS]
    attempt.trace.record_event("condensed", query=attempt.rephrased_query)
    return attempt.rephrased_query


def _rewritten(attempt: JobAttempt, turns: Sequence[Turn]) -> str:
    """The model's rewriting of a follow-up; empty where it failed or had no room, as the trace then tells."""
    try:
        text, _ = attempt.generate(
            turns, max_tokens=_CONDENSED_TOKENS, temperature=0.0, seconds=_CONDENSING_SECONDS, silently=True
        )
    except LlmError as error:
        attempt.trace.record_event("condensing_failed", reason=error.code)
        return ""
    if not text.strip() or attempt.reason == "length":
        attempt.trace.record_event("condensing_failed", reason=attempt.reason)
        return ""
    return text


def retrieve(attempt: JobAttempt, query: str) -> list[RetrievedChunk]:
    """The best chunks for a query that the user may see, best first; emits the event `retrieval`.

    A question that compares two things is also searched for each of them.
    """
    with attempt.trace.stage("retrieval"):
        hits = _find(attempt, query)
        for side in intents.sides(query) or ():
            known = {hit.chunk_id for hit in hits}
            hits += [hit for hit in _find(attempt, side) if hit.chunk_id not in known][:_OF_A_SIDE]
        hits += _holding(attempt, query, hits)
    attempt.trace.record_event("retrieval", query=query, hits=len(hits), best=hits[0].score if hits else None)
    left_out = {"text", "explanation", "neighbours", "metadata", "tags"}
    attempt.stream.emit(RetrievalEvent(sources=[hit.model_dump(mode="json", exclude=left_out) for hit in hits]))
    return [RetrievedChunk.of_hit(hit) for hit in hits]


def _find(attempt: JobAttempt, query: str, **more: Any) -> list[Hit]:
    request = SearchRequest(query=query[:_MAX_QUERY_CHARS], conversation_id=attempt.job.conversation_id, **more)
    user_id = attempt.claim.user_id
    result = retrieval.find(request, lambda: identity.as_user(user_id), settings=attempt.job.settings)
    attempt.trace.record_reranking(result.reranking)
    return result.items


def _holding(attempt: JobAttempt, query: str, hits: Sequence[Hit]) -> list[Hit]:
    """More hits: chunks that hold what the query names, where none of `hits` does."""
    missing = Evidence(query, [RetrievedChunk.of_hit(hit) for hit in hits]).missing
    if not missing:
        return []
    words = " ".join(thing.word for thing in missing)
    more = _find(attempt, words, mode="lexical", top_k=_LOOKED_UP)
    known = {hit.chunk_id for hit in hits}
    least = min((hit.score for hit in hits), default=1.0)
    return [hit.model_copy(update={"score": least}) for hit in more if hit.chunk_id not in known]


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


def _earlier_questions(attempt: JobAttempt) -> list[str]:
    return [message.content for message in attempt.history if message.role == "user"]


def _describe_collection(attempt: JobAttempt) -> None:
    """Answer which documents there are from the database, under the asker's rights and filters."""
    job = attempt.job
    with attempt.trace.stage("retrieval"), identity.as_user(attempt.claim.user_id) as conn:
        filters = scopes.of_settings(job.settings)
        count = usable_documents.count(conn, job.conversation_id, filters)
        page = usable_documents.list_page(conn, job.conversation_id, PageQuery(limit=_LISTED), filters)
    attempt.trace.record_event("collection", documents=count)
    with attempt.trace.stage("answer"):
        for delta in deltas(collection_answer(count, [document.title for document in page.items])):
            attempt.stream.emit_token(delta)


def collection_answer(count: int, titles: Sequence[str]) -> str:
    """The sentence about `count` documents and the list of the newest, at most `_LISTED`."""
    if not count:
        return "There are no documents that you can use here."
    documents = "1 document" if count == 1 else f"{count:,} documents"
    head = f"You can use {documents} here" + (f"; the newest {len(titles)} are:" if count > len(titles) else ":")
    return "\n".join([head, *(f"- {' '.join(title.split())}" for title in titles)])


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


def _read(attempt: JobAttempt, query: str, chunks: Sequence[RetrievedChunk], *, is_smalltalk: bool) -> None:
    """Answer with the built-in reader. Earlier questions help to retrieve; the present one must be answered.

    What seems to be small talk, and the documents do not answer, gets the reply to small talk.
    """
    question = attempt.job.question
    model = None
    if sides := intents.sides(query):
        result = reader.compare(sides, chunks, builtin.load())
    else:
        about = follow_ups.compose(_earlier_questions(attempt), question).about if query != question else ""
        model = _cross_encoder(attempt)
        result = reader.read(query, chunks, builtin.load(), about=about, model=model)
    attempt.trace.record_event(
        "reader",
        support=round(result.support, 4),
        declined=result.declined,
        missing=list(result.missing),
        cross_encoder=model is not None,
    )
    if is_smalltalk and not result.declined:
        attempt.analysis = {**attempt.analysis, "needs_knowledge": True}
    reported = [each.chunk for each in result.citations] or chunks[:_LOOKED_UP]
    incomplete = file_warnings.sentence((chunk.title, chunk.warnings) for chunk in reported)
    answered = "\n\n".join(filter(None, (result.text, incomplete)))
    for delta in deltas(SMALLTALK_REPLY if is_smalltalk and result.declined else answered):
        attempt.stream.emit_token(delta)
    attempt.sources = [
        citations.source(citation.number, citation.chunk, "").model_copy(update={"quote": citation.quote})
        for citation in result.citations
    ]


def _cross_encoder(attempt: JobAttempt) -> cross_encoder.CrossEncoder | None:
    """The model that judges quotations; None where the settings or the deployment leave it out."""
    # A job of the former release lacks the setting.
    if not attempt.job.settings.get("use_cross_encoder", True):
        return None
    try:
        return cross_encoder.load()
    except builtin.ModelNotFoundError:
        return None


def _write(attempt: JobAttempt, chunks: Sequence[RetrievedChunk], remembered: Sequence[Memory]) -> None:
    """Answer with the model from the chunks, or decline where no chunk holds a code that the question names."""
    query = attempt.rephrased_query or attempt.job.question
    evidences = [Evidence(part, chunks) for part in intents.sides(query) or (query,)]
    missing = [thing for evidence in evidences for thing in evidence.missing]
    if any(thing.kind == "code" for thing in missing) and attempt.analysis["context_type"] in _QUESTIONS:
        _decline(attempt, missing)
        return
    templates = {kind: attempt.uses_prompt(kind) for kind in ("system", "chat")}
    note = prompting.remark(sentence_about(missing) if missing else "", chunks)
    about = [chunk for place, chunk in enumerate(chunks) if any(each.allows(place) for each in evidences)] or chunks
    question = attempt.job.question
    prompt = prompting.compose(templates, attempt.history, about, question, attempt.room, remembered, note=note)
    _generate(attempt, prompt.turns, prompt.chunks)


def _decline(attempt: JobAttempt, missing: Sequence[Named]) -> None:
    attempt.trace.record_event("declined", missing=[thing.word for thing in missing])
    for delta in deltas(f"{reader.DECLINED} {sentence_about(missing)}"):
        attempt.stream.emit_token(delta)


def _generate(attempt: JobAttempt, turns: Sequence[Turn], chunks: Sequence[RetrievedChunk]) -> None:
    with filtered_answer(attempt, chunks) as filtered:
        filtered.generate(turns)
