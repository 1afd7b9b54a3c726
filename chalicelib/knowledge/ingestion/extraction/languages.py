"""The syntax of each language: comments, strings, blocks and the heads of definitions.

The patterns recognise how people write definitions; they do not parse the language. Grammars would: those of these
languages weigh 38 MB unpacked (tree-sitter's wheels), a fifth of everything that is deployed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

_LINE_SLASH = r"//[^\n]*"
_LINE_HASH = r"\#[^\n]*"
_BLOCK = r"/\*[\s\S]*?(?:\*/|\Z)"
_DOUBLE = r'"(?:[^"\\\n]++|\\[\s\S])*+"?'
_SINGLE = r"'(?:[^'\\\n]++|\\[\s\S])*+'?"
# A single quote that does not delimit a character, such as a Rust lifetime or a digit separator, is no string.
_CHARACTER = r"'(?:[^'\\\n]|\\[^\n']{1,10}|\\')'"
_PREPROCESSOR = r"^[ \t]*\#(?:[^\n\\]++|\\[\s\S])*+"
_TRIPLE = r'"""(?:[^"\\]++|\\[\s\S]|"(?!""))*+(?:"""|\Z)'
_TRIPLE_SINGLE = r"'''(?:[^'\\]++|\\[\s\S]|'(?!''))*+(?:'''|\Z)"
_TEMPLATE = r"`(?:[^`\\]++|\\[\s\S])*+(?:`|\Z)"
_RAW_GO = r"`[^`]*(?:`|\Z)"
_RAW_RUST = r'\br(\#*)"[\s\S]*?(?:"\1|\Z)'
_RAW_CPP = r'\bR"([^(\s\\)]{0,16})\([\s\S]*?(?:\)\1"|\Z)'
_VERBATIM_CSHARP = r'@\$?"(?:[^"]++|"")*+(?:"|\Z)'
_REGEX_JAVASCRIPT = r"(?<=[(,=:\[!&|?{};\n])[ \t]*/(?![*/])(?:[^/\\\[\n]++|\\.|\[(?:[^\]\\\n]++|\\.)*+\])++/[a-z]*"
_OUTSIDE_PHP = r"(?:\A|\?>)(?:[^<]++|<(?!\?))*+(?:<\?(?:php\b|=)?|\Z)"
_HEREDOC_PHP = r"<<<[ \t]*[\"']?(\w+)[\"']?\n[\s\S]*?(?:^[ \t]*\1\b|\Z)"
_COMMENT_RUBY = r"^=begin\b[\s\S]*?(?:^=end\b|\Z)"
# Only in capitals, as is customary: `1 << x` is no here-document.
_HEREDOC_SHELL = r"(?<!<)<<-?[ \t]*[\"']?([A-Z_][A-Z_0-9]++)[\"']?[^\n]{0,500}+\n[\s\S]*?(?:^[ \t]*\1$|\Z)"
_HEREDOC_RUBY = r"<<[-~][\"']?([A-Z_][A-Z_0-9]++)[\"']?[^\n]{0,500}+\n[\s\S]*?(?:^[ \t]*\1$|\Z)"
_STRING_SQL = r"'(?:[^']++|'')*+(?:'|\Z)"
_NAME_SQL = r'"[^"\n]*"?'
_DOLLAR_SQL = r"(\$(?:[A-Za-z_]\w*)?\$)[\s\S]*?(?:\1|\Z)"
_WORDS_SHELL = r"'[^']*(?:'|\Z)"
_DOUBLE_SHELL = r'"(?:[^"\\]++|\\[\s\S])*+(?:"|\Z)'


def _any(*patterns: str) -> re.Pattern[str]:
    """One pattern for all; references to groups are renumbered. Each pattern has at most one group."""
    parts, groups = [], 0
    for pattern in patterns:
        parts.append(pattern.replace(r"\1", f"\\{groups + 1}"))
        groups += re.compile(pattern, re.MULTILINE).groups
    return re.compile("|".join(parts), re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Head:
    """The pattern of a definition's head; its last matching group is the name. A `container` has nested definitions."""

    pattern: re.Pattern[str]
    is_container: bool = False
    # Only directly inside a container, like methods.
    inside: bool = False


@dataclass(frozen=True, slots=True)
class Language:
    """One language.

    ``blocks`` is how a definition ends: with its braces, the indentation of the next line, or the statement's end.
    ``silent`` matches comments and strings. ``calls`` is for languages whose functions have no keyword: a name before a
    parenthesis is one. ``closer`` ends a block by indentation. In ``terminated`` languages, every statement ends with a
    semicolon, so the head is everything after the last one.
    """

    blocks: Literal["braces", "indentation", "statements"]
    silent: re.Pattern[str]
    heads: tuple[Head, ...]
    calls: bool = False
    terminated: bool = True
    closer: re.Pattern[str] | None = None


def _head(pattern: str, *, container: bool = False, inside: bool = False) -> Head:
    return Head(re.compile(pattern, re.MULTILINE), container, inside)


_EXPORTED = r"^[ \t]*(?:export[ \t]+)?(?:default[ \t]+)?(?:declare[ \t]+)?(?:abstract[ \t]+)?"
_ECMASCRIPT_HEADS = (
    _head(_EXPORTED + r"(?:class|namespace|module)[ \t]+([\w$.]+)", container=True),
    _head(_EXPORTED + r"(?:interface|(?:const[ \t]+)?enum)[ \t]+([\w$.]+)"),
    _head(_EXPORTED + r"(?:async[ \t]+)?function[ \t]*\*?[ \t]*([\w$]+)"),
    _head(_EXPORTED + r"(?:const|let|var)[ \t]+([\w$]+)[^;\n]*=(?:[^;]*=>\s*\Z|[^;]*\bfunction\b)"),
    _head(r"^[ \t]*([\w$]+(?:\.[\w$]+)+)[ \t]*=[ \t]*(?:async[ \t]+)?(?:function\b|[^;]*=>\s*\Z)"),
    _head(
        r"^[ \t]*(?:(?:public|private|protected|static|async|override|readonly|get|set)[ \t]+)*\*?[ \t]*"
        r"([\w$#]+)[ \t]*(?:<[^{}]*>)?\(",
        inside=True,
    ),
    _head(r"^[ \t]*(?:(?:public|private|protected|static|readonly)[ \t]+)*([\w$#]+)[ \t]*=[^;]*=>\s*\Z", inside=True),
)
_C_TYPES = (
    _head(
        r"\b(?:class|struct|union)\b[^;={}()]*?\b([A-Za-z_][\w:]*)(?:<[^{}()]*>)?\s*(?:final\s*)?"
        r"(?::[^:{}][^{}()]*)?\Z",
        container=True,
    ),
    _head(r"\bnamespace\s+([\w:]+)\s*\Z", container=True),
    _head(r"\b(?:extern|namespace)\s*()\Z", container=True),
    _head(r"\benum\b[^;={}()]*?\b([A-Za-z_]\w*)\s*(?::[^{}()]*)?\Z"),
)
_JVM_TYPES = (_head(r"\b(?:class|interface|enum|record|struct|namespace)\s+([A-Za-z_][\w.]*)", container=True),)

LANGUAGES: dict[str, Language] = {
    "python": Language(
        "indentation",
        _any(_LINE_HASH, _TRIPLE, _TRIPLE_SINGLE, _DOUBLE, _SINGLE),
        (
            _head(r"^[ \t]*class[ \t]+(\w+)", container=True),
            _head(r"^[ \t]*(?:async[ \t]+)?def[ \t]+(\w+)"),
        ),
    ),
    "javascript": Language(
        "braces",
        _any(_LINE_SLASH, _BLOCK, _DOUBLE, _SINGLE, _TEMPLATE, _REGEX_JAVASCRIPT),
        _ECMASCRIPT_HEADS,
        terminated=False,
    ),
    "typescript": Language(
        "braces",
        _any(_LINE_SLASH, _BLOCK, _DOUBLE, _SINGLE, _TEMPLATE, _REGEX_JAVASCRIPT),
        _ECMASCRIPT_HEADS,
        terminated=False,
    ),
    "java": Language("braces", _any(_LINE_SLASH, _BLOCK, _TRIPLE, _DOUBLE, _CHARACTER), _JVM_TYPES, calls=True),
    "csharp": Language(
        "braces",
        _any(_LINE_SLASH, _BLOCK, _TRIPLE, _VERBATIM_CSHARP, _DOUBLE, _CHARACTER, _PREPROCESSOR),
        _JVM_TYPES,
        calls=True,
    ),
    "c": Language("braces", _any(_LINE_SLASH, _BLOCK, _DOUBLE, _CHARACTER, _PREPROCESSOR), _C_TYPES, calls=True),
    "cpp": Language(
        "braces", _any(_LINE_SLASH, _BLOCK, _RAW_CPP, _DOUBLE, _CHARACTER, _PREPROCESSOR), _C_TYPES, calls=True
    ),
    "go": Language(
        "braces",
        _any(_LINE_SLASH, _BLOCK, _DOUBLE, _CHARACTER, _RAW_GO),
        (_head(r"^func[ \t]+(\w+)"), _head(r"^func[ \t]*\(([^)]*)\)[ \t]*(\w+)"), _head(r"^type[ \t]+(\w+)")),
        terminated=False,
    ),
    "rust": Language(
        "braces",
        _any(_LINE_SLASH, _BLOCK, _RAW_RUST, _DOUBLE, _CHARACTER),
        (
            _head(r"\bfn\s+(\w+)"),
            _head(r"\bmacro_rules!\s*(\w+)"),
            _head(r"\b(?:mod|trait)\s+(\w+)", container=True),
            _head(r"\bimpl\b[^{}]*?\bfor\s+&?(?:mut\s+)?(?:\w+::)*(\w+)", container=True),
            _head(r"\bimpl\b\s*(?:<[^{}]*?>\s*)?(?:\w+::)*(\w+)", container=True),
            _head(r"\bextern\s*()\Z", container=True),
            _head(r"\b(?:struct|enum|union)\s+(\w+)"),
        ),
    ),
    "php": Language(
        "braces",
        _any(_OUTSIDE_PHP, _LINE_SLASH, r"\#(?!\[)[^\n]*", _BLOCK, _HEREDOC_PHP, _DOUBLE_SHELL, _SINGLE),
        (
            _head(r"\bfunction\s++&?\s*+(\w+)"),
            _head(
                r"^[ \t]*(?:(?:abstract|final|readonly)\s++)*(?:class|interface|trait|enum|namespace)\s+([\w\\]+)",
                container=True,
            ),
        ),
    ),
    "ruby": Language(
        "indentation",
        _any(_COMMENT_RUBY, _HEREDOC_RUBY, _LINE_HASH, _DOUBLE, _SINGLE),
        (
            _head(r"^[ \t]*(?:class|module)[ \t]+([A-Z][\w:]*)", container=True),
            _head(r"^[ \t]*(?:(?:private|protected|public)[ \t]+)?def[ \t]+((?:self\.)?[^\s(;]+)"),
        ),
        closer=re.compile(r"[ \t]*end\b"),
    ),
    "shell": Language(
        "indentation",
        _any(_HEREDOC_SHELL, r"(?<![^\s;(])\#[^\n]*", _WORDS_SHELL, _DOUBLE_SHELL),
        (_head(r"^[ \t]*function[ \t]+([\w:.-]+)"), _head(r"^[ \t]*([\w:.-]+)[ \t]*\([ \t]*\)")),
        closer=re.compile(r"[ \t]*[})]"),
    ),
    "sql": Language(
        "statements",
        _any(r"--[^\n]*", _BLOCK, _STRING_SQL, _NAME_SQL, _DOLLAR_SQL),
        (
            _head(
                r"\A\s*(?i:create|alter)\s+(?i:or\s+replace\s+|or\s+alter\s+|unique\s+|temp(?:orary)?\s+|unlogged\s+|"
                r"materialized\s+|recursive\s+|editionable\s+|global\s+|definer\s*=\s*\S+\s+)*"
                r"(?i:table|view|function|procedure|proc|trigger|index|type|schema|sequence|policy|domain|role|package)"
                r"\s+(?i:body\s+|concurrently\s+|only\s+)?(?i:if\s+(?:not\s+)?exists\s+)?"
                r"([\w$.\[\]\"`]+)"
            ),
        ),
    ),
}
