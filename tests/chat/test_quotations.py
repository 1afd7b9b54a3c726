"""What an answer can consist of: whole sentences, rows with their columns, lists with their introduction."""

import uuid

import pytest

from chalicelib.chat.reader.chunks import ChunkSentences, RetrievedChunk
from chalicelib.chat.reader.quotations import Quotations


def quoted(*texts: str, columns: str | None = None) -> list[str]:
    """The quotations of chunks with these texts."""
    document = uuid.uuid4()
    chunks = [RetrievedChunk(document, uuid.uuid4(), "Guide", text, None, None, 1.0, columns) for text in texts]
    return [quotation.text for quotation in Quotations([ChunkSentences(chunk) for chunk in chunks])]


def test_titles_headlines_and_menus_are_no_quotations() -> None:
    text = """- Home
- Opening hours
- Borrowing

City library

Borrowing e-books: what changes in spring

Opening hours at Easter

# Borrowing

Books are lent for four weeks."""
    assert quoted(text) == ["Books are lent for four weeks."]


def test_headers_of_pages_and_tables_of_contents_are_no_quotations() -> None:
    header = "Merrow Logistics plc          Annual report 2025   "
    pages = [f"{header} {number}\nPage {number} of 9\n\nDepot {number} was closed." for number in (3, 4)]
    contents = "1 Safety ........................ 2\n2 Installation .................. 3"
    assert quoted(*pages, contents) == ["Depot 3 was closed.", "Depot 4 was closed."]


def test_lines_are_quoted_where_a_chunk_has_nothing_else() -> None:
    lines = ["Berth: 47", "Vessel: Silver Heron", "Insured: yes"]
    assert quoted("\n\n".join(lines)) == lines


def test_a_paragraph_is_quoted_whole_and_a_long_one_in_parts_of_whole_sentences() -> None:
    short = "The pump is green. It weighs 4 kg."
    assert quoted(short) == [short]
    sentences = [f"Valve number {number} is checked by the fitter on duty before every start." for number in range(9)]
    parts = quoted(" ".join(sentences))
    assert len(parts) > 2
    assert all(len(part) <= 300 for part in parts)
    assert all(any(sentence in part for part in parts) for sentence in sentences)
    assert all(part.startswith("Valve") and part.endswith(".") for part in parts)


def test_a_short_list_is_quoted_with_its_introduction_and_all_items() -> None:
    text = "Bring these documents:\n- your identity card\n- proof of address\n\nThe office is upstairs."
    assert quoted(text) == ["Bring these documents: your identity card; proof of address", "The office is upstairs."]


def test_a_long_list_is_quoted_item_by_item() -> None:
    items = [f"street number {number} belongs to the district" for number in range(30)]
    parts = quoted("The streets are these:\n" + "\n".join(f"- {item}" for item in items))
    assert set(items) <= set(parts)


@pytest.mark.parametrize(
    ("table", "columns", "rows"),
    [
        (
            "Code | Cause | Remedy\nF1 | blocked | turn the shaft\nF4 | dry | fill the system",
            None,
            ["Code: F1 | Cause: blocked | Remedy: turn the shaft", "Code: F4 | Cause: dry | Remedy: fill the system"],
        ),
        (
            "F7 | broken | replace it",
            "Code | Cause | Remedy",
            ["Code: F7 | Cause: broken | Remedy: replace it"],
        ),
        ("Voltage | 230 V\nPower | 85 W", None, ["Voltage | 230 V", "Power | 85 W"]),
        ("| Plan | Price |\n|---|---|\n| Basic | 9 euros |", None, ["Basic | 9 euros"]),
        (
            " | 2023 | 2024\nRevenue | 1,452 | 1,431",
            None,
            ["Revenue | 2023: 1,452 | 2024: 1,431"],
        ),
    ],
)
def test_a_row_is_quoted_with_the_names_of_its_columns(table: str, columns: str | None, rows: list[str]) -> None:
    assert quoted(table, columns=columns) == rows
