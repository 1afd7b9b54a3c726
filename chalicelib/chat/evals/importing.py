"""Importing questions: JSON Lines of one's own, and collections in the form of BEIR (Thakur et al. 2021)."""

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pydantic import ValidationError

from chalicelib.chat.evals import sets
from chalicelib.chat.evals.models import MAX_QUESTIONS, EvalImport, EvalImportResult, NewEvalQuestion
from chalicelib.core import errors
from chalicelib.core.texts import storable
from chalicelib.knowledge.collections import usable_documents

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

_MOST_UNKNOWN = 100

Line = tuple[int, dict[str, Any]]


def add(conn: "Conn", set_id: UUID, provided: EvalImport) -> EvalImportResult:
    """Add the questions of an import to a set.

    Raises NotFound, Conflict (too_many), Unprocessable for a line that is no question, with its number.
    """
    field = "content" if provided.format == "jsonl" else "queries"
    lines = list(_json_lines(getattr(provided, field) or "", field))
    if provided.format == "beir":
        lines = _rated(lines, provided.qrels or "")
    names = {name for _, line in lines for name in _names(line)}
    matches = usable_documents.named(conn, sorted(names))
    questions = [_question(number, line, field, matches) for number, line in lines]
    sets.add(conn, set_id, questions, "imported")
    unknown = sorted(names - matches.keys())
    return EvalImportResult(questions=len(questions), unknown_documents=unknown[:_MOST_UNKNOWN])


def _question(number: int, line: Mapping[str, Any], field: str, matches: Mapping[str, list[UUID]]) -> NewEvalQuestion:
    documents = [document for name in _names(line) for document in matches.get(name, ())]
    try:
        return NewEvalQuestion(
            question=line.get("question") or line.get("query") or line.get("text") or "",
            expected_documents=list(dict.fromkeys(documents))[:100],
            expected_words=_list(line.get("expected_words")),
            should_decline=line.get("should_decline", False),
        )
    except ValidationError as error:
        raise _refused(field, number, "is no question") from error


def _json_lines(text: str, field: str) -> Iterator[Line]:
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if len(lines) > MAX_QUESTIONS:
        raise errors.Conflict(f"A set has at most {MAX_QUESTIONS:,} questions. Import fewer lines.", code="too_many")
    for number, line in lines:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise _refused(field, number, "is not JSON") from error
        if not isinstance(value, dict):
            raise _refused(field, number, "is not a JSON object")
        yield number, value


def _rated(lines: list[Line], qrels: str) -> list[Line]:
    """BEIR's queries with the documents that are judged relevant; a query without a judgement is left out."""
    relevant: dict[str, list[str]] = {}
    for number, line in enumerate(qrels.split("\n"), 1):
        parts = line.strip().split("\t")
        if not line.strip() or (number == 1 and parts[0] == "query-id"):
            continue
        if len(parts) != 3 or not parts[2].removeprefix("-").isdecimal():
            raise _refused("qrels", number, "is not a query's id, a document's id and a score")
        if int(parts[2][:9]) > 0:
            relevant.setdefault(parts[0], []).append(parts[1])
    return [
        (number, {"question": line.get("text"), "expected_documents": relevant[str(line.get("_id"))]})
        for number, line in lines
        if str(line.get("_id")) in relevant
    ]


def _names(line: Mapping[str, Any]) -> list[str]:
    """The documents that a line names."""
    return [storable(str(name)) for name in _list(line.get("expected_documents"))]


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _refused(field: str, number: int, sentence: str) -> errors.Problem:
    return errors.Unprocessable(errors=[{"field": field, "message": f"line {number} {sentence}"}])
