"""K4's source code: whole definitions with their names and lines, in every language, whatever anybody sends."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.knowledge.embedding import builtin
from chalicelib.knowledge.ingestion.extraction import Extraction, extract
from chalicelib.knowledge.ingestion.extraction.definitions import places
from chalicelib.knowledge.ingestion.extraction.kinds import LANGUAGES
from chalicelib.knowledge.text import chunking
from chalicelib.knowledge.text.segment import Segment

Read = Callable[[str, str], Extraction]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read(name: str, content: str) -> Extraction:
        path = tmp_path / "object"
        path.write_text(content, "utf-8", newline="")
        return extract(path, name, None)

    return read


@pytest.fixture(scope="module")
def model() -> builtin.Embedder:
    return builtin.load()


def outline(text: str, language: str) -> list[tuple[int, str | None]]:
    """First line and name of every place."""
    return [(text.count("\n", 0, start) + 1, name) for start, name in places(text, language)]


# --- languages --------------------------------------------------------------------------------------------------------

SOURCES: dict[str, tuple[str, str, list[tuple[int, str | None]]]] = {
    "python": (
        "a.py",
        '''"""Doc; def no(): pass"""
import os

X = """
def not_one():
    pass
"""

# About.
@decorated(
    1
)
class Greeter(Base):
    """Doc."""

    # Greets.
    @property
    def greet(
        self,
    ):
        y = (
1,
)
        def inner():
            return 1
        return inner

    async def stop(self):
        return "def x():"

if X:
    def maybe():
        return 2
Y = 1


def last(): return 3
''',
        [
            (1, None),
            (9, "Greeter"),
            (16, "Greeter.greet"),
            (28, "Greeter.stop"),
            (31, None),
            (32, "maybe"),
            (34, None),
            (37, "last"),
        ],
    ),
    "javascript": (
        "a.mjs",
        """import { a } from 'b'
const rx = /[{"']/g

/** Adds. */
export const add = (a, b) => {
  return `${a + b} }`
}

export default class Box extends Base {
  count = 1
  constructor(a) { super(a) }
  static async area(x) {
    if (x) { return 1 }
  }
  handler = (e) => {
    go({ e })
  }
}

async function* walk({ a, b } = {}) {
  yield a
}
module.exports.find = function (x) {
  return x
}
Box.prototype.more = () => { return 1 }
""",
        [
            (1, None),
            (4, "add"),
            (9, "Box"),
            (11, "Box.constructor"),
            (12, "Box.area"),
            (15, "Box.handler"),
            (20, "walk"),
            (23, "module.exports.find"),
            (26, "Box.prototype.more"),
        ],
    ),
    "typescript": (
        "a.tsx",
        """import x from 'y'

export interface Shape { area(): number }

@Component({
  selector: 'x',
})
export abstract class Box<T> implements Shape {
  private n = 1
  constructor(private a: number) {}
  public async area<U>(x: U): Promise<number> {
    return 1
  }
}
namespace Inner {
  export function deep(): void {}
}
enum Kind { A, B }
""",
        [
            (1, None),
            (3, "Shape"),
            (5, "Box"),
            (10, "Box.constructor"),
            (11, "Box.area"),
            (15, "Inner"),
            (16, "Inner.deep"),
            (18, "Kind"),
        ],
    ),
    "java": (
        "A.java",
        """package a.b;

import java.util.*;

/** Greets. */
@Service(name = "x")
public class Greeter<T extends Foo> implements Bar {
    private int[] xs = {1, 2};
    static { init(); }

    @Override
    @Test(expected = X.class)
    public String greet(final String name) throws IOException {
        if (name == null) { throw new X(); }
        Runnable r = () -> { go(); };
        return "{" + name + '}';
    }

    record Point(int x, int y) {}

    Greeter(int a) { this.a = a; }
}
""",
        [(1, None), (5, "Greeter"), (11, "Greeter.greet"), (19, "Greeter.Point"), (21, "Greeter.Greeter")],
    ),
    "go": (
        "a.go",
        """package main

var table = map[string]int{
\t"a": 1,
}

// Tree is one.
type Tree[K any] struct {
\troot *node
}

// Get gets.
func (t *Tree[K]) Get(k K) (v int, ok bool) {
\ts := `}}}`
\treturn func() int { return 1 }(), true
}

func main() { fmt.Println('{') }
""",
        [(1, None), (7, "Tree"), (12, "Tree.Get"), (18, "main")],
    ),
    "rust": (
        "a.rs",
        """//! Crate.
use std::{fmt, io};

#[derive(Debug, Clone)]
pub struct Point<'a> { x: &'a str }

/// Shows.
impl<'a> fmt::Display for Point<'a> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.x { "}" => write!(f, r#"{"a"}"#), _ => Ok(()) }
    }
}

impl<'a> Point<'a> {
    pub const fn new(x: &'a str) -> Self { Self { x } }
}

#[cfg(test)]
mod tests {
    #[test]
    fn works() { assert!(true); }
}
""",
        [
            (1, None),
            (4, "Point"),
            (7, "Point"),
            (9, "Point.fmt"),
            (14, "Point"),
            (15, "Point.new"),
            (18, "tests"),
            (20, "tests.works"),
        ],
    ),
    "c": (
        "a.c",
        """#include <stdio.h>
#define MAX(a, b) { if (a) {

/* A list. */
struct list {
    int (*f)(void);
};

static int table[] = { 1, 2, 3 };

/*
 * Adds.
 */
static int
add(int a, int b)
{
    if (a) { return '{'; }
    return a + b; // }
}

int main(void) { for (int i = 0; i < 3; i++) { puts("}"); } }
""",
        [(1, None), (4, "list"), (8, None), (11, "add"), (21, "main")],
    ),
    "cpp": (
        "a.hpp",
        """namespace geo {
template <typename T>
class Shape : public Base<T> {
 public:
  explicit Shape(int a) : a_(a) {}
  virtual ~Shape() {}
  bool operator==(const Shape& o) const { return a_ == o.a_; }
};

enum class Color : int { Red, Green };

auto Shape<int>::area() const -> double {
  auto raw = R"x(}}})x";
  return 1'000;
}
}
extern "C" {
int call(int x) { return x; }
}
""",
        [
            (1, "geo"),
            (2, "geo.Shape"),
            (5, "geo.Shape.Shape"),
            (6, "geo.Shape.~Shape"),
            (7, "geo.Shape.operator=="),
            (10, "geo.Color"),
            (12, "geo.area"),
            (17, None),
            (18, "call"),
        ],
    ),
    "csharp": (
        "a.cs",
        """using System;
namespace App.Core
{
    [Serializable]
    public class Greeter : IGreeter
    {
        public string Name { get; set; }

        /// <summary>Greets.</summary>
        [Obsolete("x")]
        public async Task<string> Greet(string name)
        {
#if DEBUG
            var p = @"C:\\";
#endif
            return $"{name}";
        }
    }
}
""",
        [(1, None), (2, "App.Core"), (4, "App.Core.Greeter"), (9, "App.Core.Greeter.Greet")],
    ),
    "ruby": (
        "a.rb",
        """require 'x'

module App
  # Greets.
  class Greeter < Base
    attr_reader :name

    def initialize(name)
      if name
        puts "hi #{name}"
      end
    end

    def self.build
      sql = <<~SQL
        select 1
end
      SQL
      new(sql)
    end

    private

    def secret = 42
  end
end

puts App
""",
        [
            (1, None),
            (3, "App"),
            (4, "App.Greeter"),
            (8, "App.Greeter.initialize"),
            (14, "App.Greeter.self.build"),
            (21, "App.Greeter"),
            (24, "App.Greeter.secret"),
            (27, None),
        ],
    ),
    "php": (
        "a.php",
        """<html><p>It's {</p>
<?php
namespace App\\Models;

/** A user. */
final class User extends Model
{
    use HasFactory;

    public function name(): string
    {
        return 'a}' . "{$this->x}";
    }
}

function helper(array $a = []) {
    # it's
    return 1;
}
?>
""",
        [(1, None), (5, "User"), (10, "User.name"), (16, "helper"), (20, None)],
    ),
    "shell": (
        "a.sh",
        """#!/bin/bash
set -e
# It's a comment

greet() {
  cat <<EOF
it's { here
EOF
  case "$1" in
    a) echo "x" ;;
  esac
}

function stop {
  echo $((1 << x))
}

greet "$@"
""",
        [(1, None), (5, "greet"), (14, "stop"), (17, None)],
    ),
    "sql": (
        "a.sql",
        """-- Users.
create table if not exists users (id int, name text default 'a;b');
insert into users values (1, 'x');
insert into users values (2, 'y');

create or replace function f(a int) returns int language plpgsql as $$
begin
  return 1;
end
$$;

CREATE PROCEDURE p()
BEGIN
  select 1;
  select 2;
END;

create view v as select 1;
""",
        [(1, "users"), (3, None), (6, "f"), (12, "p"), (18, "v")],
    ),
}


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_definitions_are_found_with_what_belongs_to_them(language: str) -> None:
    _, text, expected = SOURCES[language]
    assert outline(text, language) == expected


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_k4_source_code_keeps_its_text_and_its_lines(read: Read, language: str) -> None:
    name, text, expected = SOURCES[language]
    extraction = read(name, text)
    assert extraction.text == text
    assert [(segment.line, segment.section) for segment in extraction.segments] == expected
    assert extraction.content_type not in {"text/plain", "text/html"}


def test_windows_line_ends_count_once(read: Read) -> None:
    extraction = read("a.py", SOURCES["python"][1].replace("\n", "\r\n"))
    assert [(segment.line, segment.section) for segment in extraction.segments] == SOURCES["python"][2]


@pytest.mark.parametrize(
    ("name", "content", "content_type"),
    [
        ("tool", "#!/usr/bin/env python3\nprint(1)\n", "text/x-python"),
        ("tool", "#!/usr/bin/env -S node --x\n", "text/javascript"),
        ("tool", "#!/bin/sh\nexit\n", "application/x-sh"),
        ("page", "<?php echo 1;", "application/x-php"),
        ("a.ts", "export const a = 1\n", "text/x-typescript"),
        ("template.php", "<!DOCTYPE html><html><?php echo 1; ?></html>", "application/x-php"),
        ("a.txt", "def greet(): pass\n", "text/plain"),
    ],
)
def test_a_program_is_known_by_its_name_or_its_first_line(
    read: Read, name: str, content: str, content_type: str
) -> None:
    assert read(name, content).content_type == content_type


# --- chunks -----------------------------------------------------------------------------------------------------------


def _program(functions: int, lines: int) -> str:
    return "".join(
        f"def step_{number}(value):\n" + "".join(f"    value = value + {line}\n" for line in range(lines)) + "\n\n"
        for number in range(functions)
    )


def _chunks(
    model: builtin.Embedder, extraction: Extraction, most: int = 128, overlap: int = 20
) -> list[chunking.ChunkDraft]:
    text = extraction.text
    return chunking.chunk(text, extraction.segments, model.token_offsets(text), most, overlap)


@pytest.mark.parametrize("lines", [2, 5, 9, 14])
def test_no_chunk_starts_within_a_definition_that_fits(read: Read, model: builtin.Embedder, lines: int) -> None:
    text = _program(12, lines)
    parts = _chunks(model, read("a.py", text))
    assert [part for part in parts if not part.text.startswith("def step_")] == []
    assert sum(part.text.count("def step_") for part in parts) == 12, "and none repeats one"


def test_a_small_definition_before_a_big_one_stands_alone(read: Read, model: builtin.Embedder) -> None:
    big = _program(1, 14)
    text = f"SIZE = 1\n\n\n{big}def small():\n    return 1\n\n\n{big}"
    (most,) = model.count_tokens([big])
    assert [part.text.partition("(")[0] for part in _chunks(model, read("a.py", text), most)] == [
        "SIZE = 1",
        "def step_0",
        "def small",
        "def step_0",
    ]


def test_a_citation_names_the_definition_and_its_lines(read: Read, model: builtin.Embedder) -> None:
    text = '"""Doc."""\n\n\nclass Pump:\n' + "".join(
        f"    def check_{n}(self):\n        return self.inspect({n}, 'the coolant pump is inspected', {n})\n\n"
        for n in range(8)
    )
    parts = _chunks(model, read("a.py", text), 64)
    assert parts[0].section == "lines 1-9"
    lines = text.split("\n")
    for part in parts:
        named = (part.section or "").rpartition("lines ")[2].partition("-")
        first, last = int(named[0]), int(named[2])
        assert "\n".join(lines[first - 1 : last]).strip() == part.text
    assert parts[1].section == "Pump.check_2, lines 11-15"


def test_one_line_is_named_as_one(model: builtin.Embedder) -> None:
    (part,) = chunking.chunk("x = 1", [Segment(0, 5, None, None, 7)], model.token_offsets("x = 1"), 64, 0)
    assert part.section == "line 7"


# --- whatever anybody sends -------------------------------------------------------------------------------------------

PARTS = st.one_of(
    st.sampled_from(
        [
            "{",
            "}",
            "(",
            ")",
            '"',
            "'",
            "`",
            "\\",
            "/*",
            "*/",
            "//",
            "#",
            "\n",
            ";",
            "'''",
            '"""',
            "$$",
            "<<EOF\n",
            "EOF\n",
            "class A",
            "class A {",
            "def f(a):\n",
            "    def g(self):\n",
            "function f() {",
            "impl A for B {",
            "fn f() {",
            "<?php",
            "?>",
            "end\n",
            "begin",
            "create function f() ",
            "@x(\n",
            ")\n",
            "  ",
            "\t",
            "=> {",
            "const a = ",
            "namespace x {",
            "func (t *T) F() {",
            'r#"',
            'R"(',
            "enum A { B }",
            "\u2028",
            "é",
            "中文",
            "=",
            "#if\n",
        ]
    ),
    st.text(max_size=8),
)


@settings(max_examples=300)
@given(parts=st.lists(PARTS, max_size=60), language=st.sampled_from(sorted(LANGUAGES)))
def test_any_text_has_places_in_order_at_the_starts_of_lines(parts: list[str], language: str) -> None:
    text = "".join(parts)
    result = places(text, language)
    starts = [start for start, _ in result]
    assert starts[0] == 0
    assert starts == sorted(set(starts))
    assert all(text[start - 1] == "\n" and start < len(text) for start in starts[1:])
    assert all(name is None or name for _, name in result)


@settings(max_examples=60)
@given(
    cuts=st.lists(st.integers(0, 900), max_size=6),
    language=st.sampled_from(sorted(LANGUAGES)),
    most=st.integers(chunking.MIN_MAX_TOKENS, 90),
)
def test_chunks_of_damaged_programs_are_exact(
    model: builtin.Embedder, cuts: list[int], language: str, most: int
) -> None:
    text = SOURCES[language][1]
    for cut in cuts:
        text = text[: cut % len(text)] + text[cut % len(text) + 3 :] if len(text) > 10 else text
    result = places(text, language)
    ends = [start for start, _ in result[1:]] + [len(text)]
    segments = [
        Segment(start, end, None, name, text.count("\n", 0, start) + 1)
        for (start, name), end in zip(result, ends, strict=True)
    ]
    covered = bytearray(len(text))
    for part in chunking.chunk(text, segments, model.token_offsets(text), most, most // 4):
        assert text[part.start_char : part.end_char] == part.text
        assert part.token_count <= most
        covered[part.start_char : part.end_char] = b"\x01" * len(part.text)
    assert "".join(c for c, observed in zip(text, covered, strict=True) if not observed).strip() == ""


@pytest.mark.parametrize(
    "unit",
    [
        "{",
        "}",
        '"',
        "'",
        "\\",
        "/*",
        "`",
        "(",
        ";{",
        "class a{",
        "def a(",
        "def a():\n",
        "@a(\n",
        "#\n",
        "<<EOF\n",
        "$$",
        "create function a begin;",
        "r#",
        'R"a(',
        "?>",
        " ",
        "\n",
        "f(a) {\n",
        "impl a for ",
        "fn a(){}",
        "=/a",
        "\t\n",
    ],
)
def test_hostile_repetition_is_read_within_the_worker_s_limits(read: Read, unit: str) -> None:
    text = (unit * 200_000)[:200_000]
    for name in ("a.cpp", "a.py"):
        if text.strip():
            assert read(name, text + "x").text == text + "x"


def test_what_is_generated_is_read_without_looking_for_definitions() -> None:
    text = "def f():\n    return 1\n" * 60_000
    assert places(text, "python") == [(0, None)]
