"""Estimation of a text's tokens without the model's tokenizer, rather too high than too low, because it is for budgets.

Byte-pair and WordPiece vocabularies have whole common words of English, syllables of other languages in Latin letters,
single digits, and for other scripts characters or parts of their UTF-8 bytes; the costs below follow that. They were
fitted on the larger count of two small vocabularies (SmolLM2's, 49,152 byte-pair tokens; MiniLM's, 30,522 WordPieces):
the large ones of today's models need fewer tokens for the same text. docs/llms.md has the errors.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence

from chalicelib.chat.llm.interface import Tool, Turn

# The role, the separators and the frame of a call, for each turn.
TURN_TOKENS = 8
TOOL_TOKENS = 16

_PARTS = re.compile(
    r"(?P<blob>[A-Za-z0-9+/]{24,})|(?P<word>[A-Z]?[a-z]+|[A-Z]+)|(?P<one>[0-9!-/:-@\[-`{-~]|[\n\r]+|[ \t\f\v]{2,})"
    r"|(?P<latin>[\x80-\u052f])|(?P<semitic>[\u0530-\u08ff])|(?P<hangul>[\u1100-\u11ff\u3130-\u318f\ua960-\ud7ff])"
    r"|(?P<three>[\u0900-\uffff])|(?P<four>[\U00010000-\U0010ffff])"
)
_EACH = {"one": 1.0, "latin": 1.0, "semitic": 1.25, "hangul": 3.0, "three": 2.3, "four": 4.0}
# Characters of a word's first token and of each further token, in English and in other languages.
_ENGLISH, _OTHER = (6, 3), (3, 2)
_OTHER_SHARE = 0.004
_BLOB_TOKENS_PER_CHAR = 1.0
_ACCENTED = re.compile(r"[\xc0-\u024f\u1e00-\u1eff]")


def estimate_tokens(text: str) -> int:
    """The estimated tokens of `text`, seldom fewer than those of any tokenizer."""
    accented = sum(1 for _ in _ACCENTED.finditer(text))
    whole, step = _OTHER if accented > _OTHER_SHARE * len(text) else _ENGLISH
    return math.ceil(sum(_cost(part, whole, step) for part in _PARTS.finditer(text)))


def estimate_turns(turns: Sequence[Turn], tools: Sequence[Tool] = ()) -> int:
    """The estimated tokens of a whole request: every turn with its calls, and the definitions of the tools."""
    content_tokens = sum(
        TURN_TOKENS
        + estimate_tokens(turn.content)
        + sum(TURN_TOKENS + estimate_tokens(call.name) + estimate_tokens(call.arguments) for call in turn.tool_calls)
        for turn in turns
    )
    tool_tokens = sum(
        TOOL_TOKENS
        + estimate_tokens(f"{tool.name} {tool.description} {json.dumps(dict(tool.parameters), ensure_ascii=False)}")
        for tool in tools
    )
    return content_tokens + tool_tokens


def _cost(part: re.Match[str], whole: int, step: int) -> float:
    length, kind = part.end() - part.start(), part.lastgroup
    if kind == "word" or (kind == "blob" and part[0].isalpha()):
        return 1 + max(0, math.ceil((length - whole) / step))
    if kind == "blob":
        return length * _BLOB_TOKENS_PER_CHAR
    return _EACH[kind or "one"]
