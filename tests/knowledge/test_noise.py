"""Bytes that are no text fail as an unknown kind; short texts of every language are read."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from chalicelib.knowledge.ingestion.extraction import ExtractionError, Limits, extract
from chalicelib.knowledge.ingestion.extraction.decoding import decode
from chalicelib.knowledge.ingestion.extraction.sniffing import sniff
from tests import make_files, old_files


def _kind(tmp_path: Path, name: str, content: bytes) -> str:
    path = tmp_path / "object"
    path.write_bytes(content)
    return sniff(path, name, None, Limits())


@pytest.mark.parametrize(("size", "most"), [(8, 0.15), (16, 0.05), (64, 0.0), (1000, 0.0)])
@pytest.mark.parametrize("name", ["a", "a.xyz", "a.txt", "a.csv", "a.bin"])
def test_random_bytes_are_no_text(tmp_path: Path, name: str, size: int, most: float) -> None:
    """A few of the shortest are words by chance: four letters of one alphabet, or two ideographs."""
    chance = random.Random(size)
    kinds = [_kind(tmp_path, name, chance.randbytes(size)) for _ in range(200)]
    read = [kind for kind in kinds if kind in ("text", "csv")]
    assert len(read) <= most * len(kinds)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Größe", "cp1252"), ("Éwé", "cp1252"), ("été", "cp1252"), ("5 °C", "cp1252"), ("£5", "cp1252"),
        ("“Hi”", "cp1252"),
        ("łódź", "cp1250"), ("žlutý kůň", "cp1250"), ("İş", "cp1254"), ("ąžuolas", "cp1257"), ("Привет", "cp1251"),
        ("да", "cp1251"), ("Привет", "cp866"), ("№ 5", "cp1251"), ("Привет, мир", "koi8-r"), ("Γειά σου", "cp1253"),
        ("שלום", "cp1255"), ("مرحبا", "cp1256"), ("สวัสดี", "cp874"), ("こんにちは", "cp932"), ("东京", "gb18030"),
        ("한국어", "cp949"), ("Köln", "cp850"), ("naïve: 3 €", "cp1252"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["a", "a.txt"])
def test_short_texts_of_every_language_are_texts(tmp_path: Path, name: str, text: str, encoding: str) -> None:
    assert _kind(tmp_path, name, text.encode(encoding)) == "text"


@pytest.mark.parametrize("text", ["Éwé", "été", "Mòoré"])
def test_a_short_word_with_many_accents_is_read_in_one_alphabet(text: str) -> None:
    assert decode(text.encode("cp1252")) == text


def test_the_text_of_a_mainframe_is_decoded() -> None:
    text = "OPEN      In progress: pot hole at 5 Spadina Rd.\nDONE      Graffiti\n"
    assert decode(text.encode("cp037")) == text
    assert decode(b"a@b.example, c@d.example") == "a@b.example, c@d.example"


def test_a_bitmap_is_a_picture_and_a_text_that_begins_as_one_is_a_text(tmp_path: Path) -> None:
    assert _kind(tmp_path, "scan.bmp", make_files.scans(["Kiln."], form="BMP")) == "image"
    assert _kind(tmp_path, "a", make_files.scans(["Kiln."], form="BMP")) == "image"
    for text in (b"BMW: seven cars", b"MZ is a unit", b"ID3: a decision tree", b"RIFF: a format", b"BZh: a mark"):
        assert _kind(tmp_path, "a", text * 9) == "text"


def test_references_in_xml_are_the_characters_that_they_name(tmp_path: Path) -> None:
    path = tmp_path / "object"
    path.write_bytes(b'<?xml version="1.0"?><parts name="Gr&#246;&#xDF;e">R&amp;D <![CDATA[5 < 6]]></parts>')
    assert extract(path, "a.xml", None).text.endswith('<parts name="Größe">R&D 5 < 6</parts>')


def test_xml_with_paragraphs_far_from_its_beginning_is_read_as_html(tmp_path: Path) -> None:
    path = tmp_path / "object"
    head = "<journal-id>ptep</journal-id>" * 200
    path.write_text(f"<?xml version='1.0'?><article>{head}<p>One.</p><p>Two.</p><p><![CDATA[3 < 4]]></p></article>")
    assert extract(path, "a.xml", None).text.endswith("One.\n\nTwo.\n\n3 < 4")


def test_a_file_at_which_a_library_panics_is_damaged(tmp_path: Path) -> None:
    """python-calamine, written in Rust, then raises what is no Exception."""
    content = old_files.excel_95()
    path = tmp_path / "object"
    path.write_bytes(content[:496] + content[671:])
    with pytest.raises(ExtractionError) as refused:
        extract(path, "a.xls", None)
    assert (refused.value.code, "status" in (refused.value.detail or "")) == ("corrupt", False)
