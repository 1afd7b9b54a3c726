"""Confluence's storage format: what a person reads of a page is in its document, and nothing of other pages."""

import time
from pathlib import Path

import pytest

from chalicelib.knowledge.connectors.types.confluence import contents, storage_format
from chalicelib.knowledge.ingestion.extraction import reading
from chalicelib.knowledge.ingestion.extraction.results import Limits

NAMES = {"g1": "Grace Hopper"}


def _read(markup: str, folder: Path) -> str:
    """The text of a page's document, without its title and facts."""
    path = folder / "page.html"
    path.write_text(contents.document(contents.PageBody("Pump", markup), {}, [], NAMES), encoding="utf-8")
    return reading.read(path, path.name, "text/html", Limits()).text.partition("Pump")[2].strip()


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("<h2>Care</h2><p>Every day.</p>", "Care\n\nEvery day."),
        ("<p>Caf&eacute; &ndash; 4&nbsp;bar &amp; more &unknown; R&D</p>", "Café – 4\xa0bar & more &unknown; R&D"),
        ("<table><tr><th>Part</th><th>Bar</th></tr><tr><td>Seal</td><td>4</td></tr></table>", "Part | Bar\nSeal | 4"),
        ("<ul><li>One</li><li><p>Two</p></li></ul>", "- One\n- Two"),
        (
            '<ac:structured-macro ac:name="code"><ac:parameter ac:name="language">sql</ac:parameter>'
            "<ac:plain-text-body><![CDATA[select a\n  from b where c < 1 && d;]]></ac:plain-text-body>"
            "</ac:structured-macro>",
            "select a\n  from b where c < 1 && d;",
        ),
        (
            '<ac:structured-macro ac:name="info"><ac:parameter ac:name="title">Beware</ac:parameter>'
            "<ac:rich-text-body><p>It is <em>hot</em>.</p></ac:rich-text-body></ac:structured-macro>",
            "Beware\n\nIt is hot.",
        ),
        (
            '<p>State: <ac:structured-macro ac:name="status"><ac:parameter ac:name="colour">Green</ac:parameter>'
            '<ac:parameter ac:name="title">done</ac:parameter></ac:structured-macro>now</p>',
            "State: done now",
        ),
        ('<p>See <ac:link><ri:page ri:content-title="Valves" ri:space-key="ENG" /></ac:link>.</p>', "See Valves."),
        (
            '<p>See <ac:link><ri:page ri:content-title="Valves" /><ac:plain-text-link-body><![CDATA[all <valves>]]>'
            "</ac:plain-text-link-body></ac:link>.</p>",
            "See all <valves>.",
        ),
        ('<p>Ask <ac:link><ri:user ri:account-id="g1" /></ac:link>.</p>', "Ask @Grace Hopper."),
        ('<p>Ask <ac:link><ri:user ri:userkey="nobody" /></ac:link>.</p>', "Ask ."),
        ('<p><ac:image ac:alt="A pump"><ri:attachment ri:filename="p.png" /></ac:image></p>', "[Picture: A pump]"),
        ('<p><ac:image><ri:attachment ri:filename="p.png" /></ac:image></p>', "[Picture: p.png]"),
        (
            "<ac:task-list><ac:task><ac:task-id>7</ac:task-id><ac:task-status>complete</ac:task-status>"
            '<ac:task-body>Oil it by <time datetime="2026-03-01" /></ac:task-body></ac:task></ac:task-list>',
            "- ☒ Oil it by 2026-03-01",
        ),
        ('<p>Good <ac:emoticon ac:name="tick" ac:emoji-fallback="✅" /> work</p>', "Good ✅ work"),
        ("<p>A <ac:inline-comment-marker ac:ref='1'>marked</ac:inline-comment-marker> word</p>", "A marked word"),
        ("<ac:layout><ac:layout-section><ac:layout-cell><p>Left</p></ac:layout-cell><ac:layout-cell><p>Right</p>"
         "</ac:layout-cell></ac:layout-section></ac:layout>", "Left\n\nRight"),
        (
            '<ac:adf-extension><ac:adf-node type="panel"><ac:adf-attribute key="panel-type">note</ac:adf-attribute>'
            "<ac:adf-content><p>New panel</p></ac:adf-content></ac:adf-node><ac:adf-fallback><p>New panel</p>"
            "</ac:adf-fallback></ac:adf-extension>",
            "New panel",
        ),
        ('<ac:placeholder>Write here</ac:placeholder><p>Written\x01</p>', "Written\ufffd"),
        (
            '<ac:structured-macro ac:name="include"><ac:parameter ac:name=""><ac:link>'
            '<ri:page ri:content-title="Secret" />'
            "</ac:link></ac:parameter></ac:structured-macro><p>Own</p>",
            "Own",
        ),
        ("<p>Not closed <b>but read <![CDATA[<literally>]]>", "Not closed but read <literally>"),
    ],
)  # fmt: skip
def test_the_words_of_a_page_are_read(tmp_path: Path, markup: str, expected: str) -> None:
    assert _read(markup, tmp_path) == expected


def test_a_page_of_a_hundred_thousand_nested_elements_is_read(tmp_path: Path) -> None:
    depth = 100_000
    assert "deep" in storage_format.html("<ac:layout>" * depth + "deep" + "</ac:layout>" * depth, {})


def test_the_people_of_a_page_are_known_before_it_is_read() -> None:
    markup = '<ri:user ri:account-id="g1" /><ri:user ri:userkey="u2" /><ri:page ri:content-title="x" />'
    assert storage_format.people(markup) == {"g1", "u2"}


def test_a_page_of_links_within_links_is_read_in_one_pass() -> None:
    amount = 100_000
    started = time.process_time()
    assert storage_format.html("<ac:link>" * amount + "</ac:link>" * amount, {}) == ""
    assert time.process_time() - started < 20, "100,000 links, each looked through for words, took minutes"
