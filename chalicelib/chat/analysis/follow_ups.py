"""Follow-ups: a question that depends on earlier ones becomes one that a search and the reader understand.

The words that show it are those of cues.py, in all its languages. The earlier questions are followed back to the last
one that stands alone, and every question after it changes it: `And E1043?` puts another code in its place, `And the day
desk?` another desk; what cannot replace anything is added. So the new question's own words decide.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.chat.analysis.cues import Cues
from chalicelib.knowledge.text import identifiers, lexemes
from chalicelib.knowledge.text.names import Named

# How far back the questions are followed, and how many lines the composed one has.
MAX_BACK = 10
_MAX_LINES = 3
_WORD = re.compile(r"[^\W_]+(?:[-.\u2019'][^\W_]+)*")


@dataclass(frozen=True, slots=True)
class Composed:
    """A question that stands alone: what to search and read for, and which words an answer must be about.

    `about` is empty where any answer to the questions before may answer this one, too.
    """

    query: str
    about: str


def depends(question: str) -> bool:
    """Whether a question depends on one before it: it refers back, or has no topic of its own."""
    return Cues(question, None).points_back or not any(lexemes.terms(question))


def compose(earlier: Sequence[str], question: str) -> Composed:
    """`question` with what it takes from the `earlier` questions of its conversation, oldest first."""
    if not earlier or not depends(question):
        return Composed(question, "")
    back = list(earlier[-MAX_BACK:])
    first = next((place for place in range(len(back) - 1, -1, -1) if not depends(back[place])), 0)
    query = back[first]
    for follow_up in back[first + 1 :]:
        query = _with(query, follow_up)
    return Composed(_with(query, question), "" if Cues(question, None).is_bare else _new_words(query, question))


def _new_words(query: str, question: str) -> str:
    """The words of `question` that say what it is about and are not in `query`."""
    known = set(lexemes.terms(query))
    words = (match[0] for match in _WORD.finditer(question))
    return " ".join(word for word in words if not known.issuperset(lexemes.terms(word)) and _has_topic(word))


def _has_topic(word: str) -> bool:
    return any(map(str.isdecimal, word)) or Cues(word, None).has_topic


def _with(query: str, follow_up: str) -> str:
    """The question `query` as `follow_up` changes it."""
    replaced = _with_things(query, follow_up)
    if replaced is None:
        replaced = _with_phrase(query, follow_up)
    if replaced is not None:
        return replaced
    lines = query.split("\n")
    return "\n".join([lines[0], *[*lines[1:], follow_up][-(_MAX_LINES - 1) :]])


def _with_things(query: str, follow_up: str) -> str | None:
    """`query` with the codes and names of `follow_up` instead of its own of the same kind; None if it has none."""
    new, old = identifiers.named(follow_up), identifiers.named(query)
    result = query
    for kind, shape in dict.fromkeys((thing.kind, thing.shape) for thing in new):
        new_words = [thing.word for thing in new if (thing.kind, thing.shape) == (kind, shape)]
        old_words = [thing.word for thing in old if (thing.kind, thing.shape) == (kind, shape)]
        if not old_words:
            return None
        result = result.replace(old_words[0], " ".join(new_words), 1)
        for word in old_words[1:]:
            result = re.sub(rf"\s*{re.escape(word)}", "", result, count=1)
    return result if new and not Cues(_without(follow_up, new), None).has_topic else None


def _without(text: str, things: Sequence[Named]) -> str:
    for thing in things:
        text = text.replace(thing.word, " ")
    return text


def _with_phrase(query: str, follow_up: str) -> str | None:
    """`query` with the words of `follow_up` instead of those before the same last word: the night desk, the day desk.

    None if `follow_up` has no such words, or too many, or something after them.
    """
    words = [match for match in _WORD.finditer(follow_up) if list(lexemes.terms(match[0]))]
    topic = [match for match in words if Cues(match[0], None).has_topic]
    if not topic or len(topic) > _MAX_PHRASE or topic[-1].end() < words[-1].end():
        return None
    last = set(lexemes.terms(topic[-1][0]))
    places = list(_WORD.finditer(query))
    for number in range(len(places) - 1, 0, -1):
        if last.isdisjoint(lexemes.terms(places[number][0])):
            continue
        start = max(number - (len(topic) - 1), 0)
        if start == number:
            return None
        phrase = follow_up[topic[0].start() : topic[-1].end()]
        return query[: places[start].start()] + phrase + query[places[number].end() :]
    return None


_MAX_PHRASE = 4
