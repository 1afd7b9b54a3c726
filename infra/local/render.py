"""The project's own Markdown rendered as PDF and as DOCX, so that the demo has all three kinds to ingest."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from markdown_it import MarkdownIt
from markdown_it.token import Token


@dataclass(frozen=True)
class Block:
    """One block of a document: `level` is a heading's, `cells` are a table row's."""

    kind: Literal["heading", "paragraph", "item", "code", "row"]
    text: str = ""
    level: int = 0
    cells: tuple[str, ...] = ()


def blocks(markdown: str) -> Iterator[Block]:
    """The blocks of a Markdown text, with inline markup reduced to its text."""
    inside: list[str] = []
    level = 0
    row: list[str] = []
    for token in MarkdownIt("commonmark").enable("table").parse(markdown):
        if token.nesting == 1:
            inside.append(token.type)
        if token.type == "heading_open":
            level = int(token.tag.removeprefix("h"))
        if token.type == "tr_close":
            yield Block("row", cells=tuple(row))
            row = []
        elif token.type in {"fence", "code_block"}:
            yield Block("code", token.content.rstrip())
        elif token.type == "inline":
            text = _plain(token)
            if inside[-1] in {"th_open", "td_open"}:
                row.append(text)
            else:
                yield _text_block(text, inside, level)
        if token.nesting == -1:
            inside.pop()


def _text_block(text: str, inside: list[str], level: int) -> Block:
    if inside[-1] == "heading_open":
        return Block("heading", text, level=level)
    return Block("item" if "list_item_open" in inside else "paragraph", text)


def _plain(token: Token) -> str:
    parts = [
        " " if child.type in {"softbreak", "hardbreak"} else child.content
        for child in token.children or []
        if child.type != "image"
    ]
    return "".join(parts)


def to_pdf(markdown: str, path: Path, title: str) -> None:
    """Write a PDF with page numbers."""
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.styles import getSampleStyleSheet
    from reportlab.platypus import Flowable, Paragraph, Preformatted, SimpleDocTemplate, Spacer

    styles = getSampleStyleSheet()
    flow: list[Flowable] = []
    for block in blocks(markdown):
        if block.kind == "code":
            flow.append(Preformatted(block.text, styles["Code"], maxLineLength=95))
        elif block.kind == "heading":
            flow.append(Paragraph(html.escape(block.text), styles[f"Heading{min(block.level, 4)}"]))
        else:
            words = " | ".join(block.cells) if block.kind == "row" else block.text
            bullet = "•" if block.kind == "item" else None
            flow.append(Paragraph(html.escape(words), styles["BodyText"], bulletText=bullet))
        flow.append(Spacer(1, 4))
    SimpleDocTemplate(str(path), pagesize=A4, title=title).build(flow)


def to_docx(markdown: str, path: Path, title: str) -> None:
    """Write a Word document with headings, lists and tables."""
    import docx

    document = docx.Document()
    document.core_properties.title = title
    rows: list[tuple[str, ...]] = []
    for block in [*blocks(markdown), Block("paragraph")]:
        if block.kind == "row":
            rows.append(block.cells)
            continue
        if rows:
            table = document.add_table(rows=0, cols=max(len(row) for row in rows))
            for row in rows:
                for cell, text in zip(table.add_row().cells, row, strict=False):
                    cell.text = text
            rows = []
        if block.kind == "heading":
            document.add_heading(block.text, min(block.level, 9))
        elif block.text:
            document.add_paragraph(block.text, style="List Bullet" if block.kind == "item" else None)
    document.save(str(path))
