"""K4 and K5 for the formats there are: text with its place, or a reason; within limits; the caller lives on."""

import functools
import gzip
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.knowledge.ingestion.extraction import Extraction, ExtractionError, Limits, WorkerError, extract
from chalicelib.knowledge.ingestion.extraction.assembly import clean
from chalicelib.knowledge.ingestion.extraction.decoding import decode
from tests import make_files

ROOT = Path(__file__).parents[2]
LOCKED = (
    '<e><EncryptedData><EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#aes256-cbc"/></EncryptedData></e>'
)
Read = Callable[..., Extraction]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read(name: str, content: bytes, declared: str | None = None, limits: Limits | None = None) -> Extraction:
        path = tmp_path / "object"
        path.write_bytes(content)
        return extract(path, name, declared, limits or Limits())

    return read


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """No test leaves a process behind, alive or not waited for."""
    yield
    assert [child for child in psutil.Process().children() if _is_worker(child)] == []


def _is_worker(process: psutil.Process) -> bool:
    try:
        return "chalicelib.knowledge.ingestion.extraction.worker" in process.cmdline()
    except psutil.ZombieProcess:
        return True
    except psutil.NoSuchProcess:
        return False


def sections(extraction: Extraction) -> list[tuple[int | None, str | None, str]]:
    return [(s.page, s.section, extraction.text[s.start : s.end].strip()) for s in extraction.segments]


def refusal(read: Read, name: str, content: bytes, limits: Limits | None = None) -> ExtractionError:
    with pytest.raises(ExtractionError) as caught:
        read(name, content, None, limits)
    assert len(caught.value.message) > 20
    assert caught.value.message.endswith(".")
    return caught.value


# --- formats ----------------------------------------------------------------------------------------------------------


def test_pdf_keeps_the_page_of_every_line(read: Read) -> None:
    extraction = read("notes.pdf", make_files.pdf([["One", "two"], [], ["Three"]], title="A  title"))
    assert sections(extraction) == [(1, None, "One\ntwo"), (3, None, "Three")]
    assert (extraction.content_type, extraction.title) == ("application/pdf", "A title")


def test_pdf_opens_with_an_empty_password_and_no_other(read: Read) -> None:
    assert read("a.pdf", make_files.pdf([["Readable"]], user_password="")).text == "Readable"
    assert refusal(read, "a.pdf", make_files.pdf([["Secret"]], user_password="heron")).code == "encrypted"


def test_pdf_joins_a_word_divided_at_a_line_end(read: Read) -> None:
    text = read("a.pdf", make_files.pdf([["a hyphen-", "ated word, and East-", "West"]])).text
    assert "hyphenated word" in text
    assert "East-West" in text


def test_docx_keeps_headings_lists_and_tables_in_order(read: Read) -> None:
    extraction = read("notes.docx", make_files.docx())
    assert sections(extraction) == [
        (None, None, "Field notes\n\nKept at the lake."),
        (None, "Birds", "Birds\n\nThe heron stands in the shallows."),
        (
            None,
            "Birds > Herons",
            "Herons\n\n- Grey\n- Purple\n\n"
            "Day | Seen | Where\nMonday | 3 | North shore\nTuesday |  | Reeds\n\nAfter the table.",
        ),
        (None, "Fish", "Fish\n\nNone were seen."),
    ]
    assert extraction.title == "Field notes"


def test_docx_reads_what_is_seen_and_not_what_is_deleted(read: Read) -> None:
    body = (
        "<w:sdt><w:sdtContent><w:p><w:r><w:t>controlled</w:t></w:r></w:p></w:sdtContent></w:sdt>"
        "<w:p><w:ins><w:r><w:t>inserted</w:t></w:r></w:ins><w:del><w:r><w:delText>deleted</w:delText></w:r></w:del>"
        "<w:r><w:tab/><w:t>tabbed</w:t><w:br/></w:r><w:hyperlink><w:r><w:t>linked</w:t></w:r></w:hyperlink></w:p>"
        "<w:p><w:r><w:pict><w:txbxContent><w:p><w:r><w:t>boxed</w:t></w:r></w:p></w:txbxContent></w:pict></w:r></w:p>"
    )
    record = "<w:footnote><w:p><w:r><w:t>noted</w:t></w:r></w:p></w:footnote>"
    footnotes = f"<w:footnotes {make_files.NAMESPACE}>{record}</w:footnotes>"
    text = read("a.docx", make_files.docx_of(body, parts={"word/footnotes.xml": footnotes})).text
    assert text == "controlled\n\ninserted\ttabbed\nlinked\n\nboxed\n\nFootnote: noted"


@pytest.mark.parametrize("encoding", ["utf-8", "iso-8859-1", "utf-16", "utf-16-le"])
def test_html_keeps_what_a_reader_sees_in_any_encoding(read: Read, encoding: str) -> None:
    extraction = read("page.html", make_files.HTML.format(encoding=encoding).encode(encoding))
    assert sections(extraction) == [
        (None, "Birds", "Birds\n\nThe heron stands in the Größe."),
        (
            None,
            "Birds > Herons",
            "Herons\n\n- Grey\n- Purple\n\nDay | | Where\nMonday | 3 | North shore\n\n  kept\n    as is",
        ),
        (None, "Birds > Fish", "Fish\n\nNone\nseen."),
    ]
    assert (extraction.content_type, extraction.title) == ("text/html", "Field & notes")


def test_markdown_stays_as_written_and_code_holds_no_heading(read: Read) -> None:
    extraction = read("notes.md", make_files.MARKDOWN.encode())
    assert extraction.text == make_files.MARKDOWN
    assert [(s.section, extraction.text[s.start :][:8]) for s in extraction.segments] == [
        (None, "---\ntitl"),
        ("Birds", "# Birds\n"),
        ("Birds > Herons grey", "## Heron"),
        ("Fish", "Fish\n==="),
    ]
    assert extraction.title == "Field notes"


def test_plain_text_has_no_place_but_its_lines(read: Read) -> None:
    extraction = read("a.txt", b"one\r\ntwo\rthree\x00\x07\tfour\n" + b"word " * 30)
    assert extraction.text == "one\ntwo\nthree\tfour\n" + "word " * 30
    assert [(s.start, s.end, s.page, s.section) for s in extraction.segments] == [(0, len(extraction.text), None, None)]


def test_pptx_keeps_slides_titles_tables_groups_and_notes(read: Read) -> None:
    extraction = read("talk.pptx", make_files.pptx())
    assert sections(extraction) == [
        (1, "Birds", "Birds\n\nGrey heron\nPurple heron"),
        (2, "Counts", "Counts\n\nDay | Seen\nMonday | 3\n\nIn a group\n\nNote: Said aloud"),
    ]
    assert extraction.title == "Field talk"


def test_xlsx_keeps_sheets_rows_and_dates(read: Read) -> None:
    assert sections(read("counts.xlsx", make_files.xlsx())) == [
        (1, "Counts", "Counts\n\nDay | Seen | Share\n2026-03-02 | 3 | 0.25\ntwo lines | TRUE\n6"),
        (3, "Places", "Places\n\nNorth shore"),
    ]


def test_odt_keeps_headings_lists_tables_and_notes_and_not_deletions(read: Read) -> None:
    body = (
        "<text:tracked-changes><text:changed-region><text:deletion><text:p>deleted</text:p></text:deletion>"
        "</text:changed-region></text:tracked-changes>"
        '<text:h text:outline-level="1">Birds</text:h>'
        '<text:p>Grey<text:s text:c="2"/><text:span>heron</text:span> stands'
        "<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>noted</text:p></text:note-body>"
        '</text:note>.</text:p><text:h text:outline-level="2">Kinds</text:h>'
        "<text:list><text:list-item><text:p>grey</text:p></text:list-item><text:list-item><text:p>purple</text:p></text:list-item></text:list>"
        "<table:table><table:table-row><table:table-cell><text:p>Day</text:p></table:table-cell><table:table-cell>"
        "<text:p>Seen</text:p></table:table-cell></table:table-row></table:table>"
    )
    assert sections(read("a.odt", make_files.odt(body))) == [
        (None, "Birds", "Birds\n\nGrey  heron stands.\n\nnoted"),
        (None, "Birds > Kinds", "Kinds\n\n- grey\n- purple\n\nDay | Seen"),
    ]


def test_epub_is_read_in_the_order_of_its_spine(read: Read) -> None:
    extraction = read("book.epub", make_files.epub())
    assert sections(extraction) == [(None, "One", "One\n\nFirst."), (None, "Two", "Two\n\nSecond.")]
    assert extraction.title == "Field book"


def test_eml_shows_who_and_what_once_and_names_its_attachments(read: Read) -> None:
    extraction = read("mail.eml", make_files.eml())
    assert extraction.text == (
        "Subject: Größe der Reiher\nFrom: Ana <ana@example.org>\nTo: ben@example.org\n\nThe plain words.\n\n"
        "Subject: Earlier\n\nThe earlier words.\n\nAttachments: Zählung.pdf"
    )
    assert (extraction.content_type, extraction.title) == ("message/rfc822", "Größe der Reiher")


@pytest.mark.parametrize(
    ("head", "displayed"),
    [
        (b"Subject: Gr\xc3\xb6\xc3\x9fe", "Größe"),
        (b"Subject: =?utf-8?q?Gr=C3=B6=C3=9Fe?=", "Größe"),
        (b"Subject: =?nonsense?b?R3I=?= x", "Gr x"),
        (b"Subject: =?utf-8?b?!!!?=", "=?utf-8?b?!!!?="),
        (b"Subject: " + "自由".encode("shift_jis") * 20, "自由" * 20),
    ],
)
def test_headers_of_any_make_are_shown(read: Read, head: bytes, displayed: str) -> None:
    message = head + b"\nContent-Type: text/plain; charset=nonsense\n\n" + "Wörter".encode("latin-1")
    extraction = read("a.eml", message)
    assert (extraction.title, extraction.text) == (displayed, f"Subject: {displayed}\n\nWörter")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b'day,seen\nMonday,"3, or 4"\n\n', "day | seen\nMonday | 3, or 4"),
        ("Tag;Größe\nMontag;3\n".encode("latin-1"), "Tag | Größe\nMontag | 3"),
        (b"day\tseen\tnote\nMonday\t3\t\n", "day | seen | note\nMonday | 3"),
        (b"only one column\nof words\n", "only one column\nof words"),
        (b'an "unclosed quote\nand, more', 'an "unclosed quote\nand, more'),
    ],
)
def test_csv_keeps_cells_apart_whatever_parts_them(read: Read, content: bytes, text: str) -> None:
    assert read("a.csv", content).text == text


def test_json_is_laid_out_and_what_is_none_is_text(read: Read) -> None:
    assert read("a.json", b'{"a":["\\u00f6",1.50]}').text == '{\n "a": [\n  "ö",\n  1.50\n ]\n}'
    assert read("a.json", b'{"a": 1}\n{"a": 2}\n').text == '{"a": 1}\n{"a": 2}\n'
    assert read("a.json", b"[" * 200_000).text == "[" * 200_000
    assert read("a.json", b'"\\ud800"').text == '"\ufffd"'


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Größe und Übermut tun selten gut", "latin-1"),
        ("Café déjà vu, “quoted” – and more", "cp1252"),
        ("Wszyscy ludzie rodzą się wolni i równi pod względem swej godności", "cp1250"),
        ("Все люди рождаются свободными и равными в своем достоинстве", "cp1251"),
        ("Все люди рождаются свободными и равными в своем достоинстве", "koi8-r"),
        ("すべての人間は、生まれながらにして自由であり", "shift_jis"),
        ("すべての人間は、生まれながらにして自由であり", "euc_jp"),
        ("すべての人間は、生まれながらにして自由であり", "iso2022_jp"),
        ("人人生而自由，在尊严和权利上一律平等", "gb18030"),
        ("人人生而自由，在尊嚴和權利上一律平等", "big5"),
        ("모든 인간은 태어날 때부터 자유로우며", "euc_kr"),
        ("Όλοι οι άνθρωποι γεννιούνται ελεύθεροι", "cp1253"),
        ("يولد جميع الناس أحرارا متساوين في الكرامة", "cp1256"),
        ("a plain text in wide characters", "utf-16-le"),
        ("a plain text in wide characters", "utf-16-be"),
        ("Все люди рождаются", "utf-16"),
        ("a plain text in wider characters", "utf-32-be"),
        ("résumé 🦆", "utf-8-sig"),
    ],
)
def test_text_is_decoded_without_anybody_saying_how(text: str, encoding: str) -> None:
    assert decode(((text + "\n") * 3).encode(encoding)) == (text + "\n") * 3


def test_a_character_cut_in_two_does_not_change_the_encoding() -> None:
    content = "Größe und Übermut. ".encode() * 20 + b"\xc3"
    assert decode(content) == "Größe und Übermut. " * 20 + "\ufffd"


# --- what a file is ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["notes", "notes.txt", "notes.docx"])
def test_content_decides_over_the_name(read: Read, name: str) -> None:
    assert read(name, b"\xef\xbb\xbf\n" + make_files.pdf([["One"]]), "text/plain").content_type == "application/pdf"


def test_the_name_decides_between_texts_and_then_the_declaration(read: Read) -> None:
    content = b"# Heading\n\nSome words.\n"
    assert read("a.md", content, "text/plain").content_type == "text/markdown"
    assert read("a", content, "text/markdown; charset=utf-8").content_type == "text/markdown"
    assert read("a", content).content_type == "text/plain"
    assert read("a.txt", b"<!-- c --><!DOCTYPE html><p>Seen</p>").text == "Seen"
    assert read("a.txt", b"A text that mentions %PDF-1.7 as such").content_type == "text/plain"


@pytest.mark.parametrize(
    ("name", "content", "code", "words"),
    [
        ("a.txt", b"", "empty", "no bytes"),
        ("a.txt", b"\xef\xbb\xbf \r\n\t\x00 ", "empty", "no text"),
        ("a.html", b"<html><script>x</script></html>", "empty", "no text"),
        ("a.docx", make_files.docx_of("<w:p/>"), "empty", "no text"),
        ("a.pdf", make_files.pdf_of_pictures(), "no_text_layer", "OCR"),
        ("a.pdf", make_files.pdf([[], []]), "no_text_layer", "OCR"),
        ("a.pdf", make_files.pdf([["One"]])[:200], "corrupt", "damaged"),
        ("a.pdf", b"Not a PDF at all", "corrupt", "PDF"),
        ("a.odt", b"This is not a zip", "corrupt", "OpenDocument"),
        ("a.docx", make_files.docx()[:9000], "corrupt", "damaged"),
        ("a.docx", make_files.docx_of("<w:p>"), "corrupt", "damaged"),
        (
            "a.docx",
            make_files.archive({"[Content_Types].xml": "", "word/other.xml": ""}),
            "corrupt",
            "no Word document",
        ),
        ("a.docx", make_files.ole("EncryptionInfo", "EncryptedPackage"), "encrypted", "password"),
        ("a.doc", make_files.ole("WordDocument"), "corrupt", "damaged"),
        ("a.ppt", make_files.ole("PowerPoint Document"), "corrupt", "damaged"),
        ("a.msg", make_files.ole("__substg1.0_0037001F"), "corrupt", "damaged"),
        ("a.xls", make_files.ole("Workbook"), "corrupt", "spreadsheet"),
        ("a.xlsx", make_files.xlsx()[:3000], "corrupt", "damaged"),
        ("a.pptx", make_files.archive({"[Content_Types].xml": "", "ppt/a.xml": ""}), "corrupt", "no presentation"),
        ("a.odt", make_files.odt("", manifest="<m><encryption-data/></m>"), "encrypted", "password"),
        ("a.epub", make_files.epub(**{"META-INF/encryption.xml": LOCKED}), "encrypted", "password"),
        ("a.eml", b"X-Nothing: here\n\n", "empty", "no text"),
        ("a.png", make_files.picture(4, 4), "unsupported", "picture"),
        ("a.txt", bytes(range(256)) * 20, "unsupported", "binary"),
        ("a.xyz", bytes((0, 1, 2, 3, 255, 254, 7, 8)), "unsupported", "binary"),
        ("a.xyz", bytes.fromhex("9c7be15da3f07fd0"), "unsupported", "binary"),
        ("a", b"\x7fELF" + bytes(100), "unsupported", "program"),
        ("a.zip", make_files.archive({"a.txt": "a"}), "too_large", "inside others"),
        ("a.tar", b"not an archive at all", "corrupt", "TAR"),
        ("a.gz", gzip.compress(b"words", mtime=0), "unsupported", "archive"),
    ],
)
def test_a_bad_file_fails_with_a_reason(read: Read, name: str, content: bytes, code: str, words: str) -> None:
    error = refusal(read, name, content)
    assert (error.code, words in error.message) == (code, True), error.message


def test_a_file_that_unpacks_to_too_much_fails_with_a_reason(read: Read) -> None:
    error = refusal(read, "a.docx", make_files.docx_bomb(300))
    assert error.code == "too_large"
    assert "unpacks to 300 MB" in error.message


def test_the_error_of_an_unsupported_file_lists_what_is_supported(read: Read) -> None:
    assert "PDF, Word (DOCX), HTML, Markdown" in refusal(read, "a.exe", b"MZ\x90\x00" + bytes(200)).message


def test_entities_and_what_lies_elsewhere_are_never_followed(read: Read, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hidden words")
    for prolog in (f'<!DOCTYPE w [<!ENTITY x SYSTEM "file://{secret}">]>', '<!DOCTYPE w [<!ENTITY x "hidden words">]>'):
        error = refusal(read, "a.docx", make_files.docx_of("<w:p><w:r><w:t>&x;</w:t></w:r></w:p>", prolog=prolog))
        assert error.code == "corrupt"
        assert "document type" in error.message
    page = f'<p>Seen</p><iframe src="file://{secret}"></iframe><object data="file://{secret}"></object>'
    assert read("a.html", page.encode()).text == "Seen"


# --- limits -----------------------------------------------------------------------------------------------------------


def test_a_hanging_file_is_ended_in_time(read: Read) -> None:
    started = time.monotonic()
    assert refusal(read, "a.pdf", make_files.pdf_that_hangs(), Limits(seconds=1.5)).code == "timed_out"
    assert 1.5 <= time.monotonic() - started < 4


def test_a_file_that_needs_too_much_memory_is_ended(read: Read) -> None:
    page = b"<div><p>some words</p></div>" * 400_000
    error = refusal(read, "a.html", page, Limits(memory_bytes=200 << 20))
    assert (error.code, "memory" in error.message) == ("too_large", True)


def test_a_file_that_swells_its_reader_is_ended(read: Read) -> None:
    error = refusal(read, "a.pdf", make_files.pdf_that_swells(), Limits(memory_bytes=300 << 20))
    assert (error.code, "memory" in error.message) == ("too_large", True)


def test_sizes_are_bounded_before_and_after_reading(read: Read) -> None:
    assert refusal(read, "a.txt", b"a" * 1001, Limits(max_input_bytes=1000)).code == "too_large"
    assert refusal(read, "a.txt", b"a" * 1001, Limits(max_text_chars=1000)).code == "too_large"
    assert refusal(read, "a.pdf", make_files.pdf([["a"]] * 3), Limits(max_pages=2)).code == "too_large"
    many = make_files.archive({f"word/{n}.xml": "" for n in range(20)})
    assert refusal(read, "a.docx", many, Limits(max_archive_entries=10)).code == "too_large"


def test_deep_nesting_is_only_text(read: Read) -> None:
    deep = b"<div>" * 10_000 + b"deep" + b"</div>" * 10_000
    assert read("a.html", deep).text == "deep"
    cell = "<w:tbl><w:tr><w:tc>" * 150 + "<w:p><w:r><w:t>deep</w:t></w:r></w:p>" + "</w:tc></w:tr></w:tbl>" * 150
    assert read("a.docx", make_files.docx_of(cell)).text == "deep"


@pytest.fixture
def hanging(tmp_path: Path) -> Iterator[tuple[psutil.Process, Future[Extraction]]]:
    """A worker at work on a file that hangs, and what its caller will get."""
    path = tmp_path / "hangs.pdf"
    path.write_bytes(make_files.pdf_that_hangs())
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(extract, path, "hangs.pdf", None, Limits(seconds=20))
        yield _started_worker(psutil.Process()), future
        with pytest.raises((ExtractionError, WorkerError)):
            future.result(timeout=25)


def _started_worker(parent: psutil.Process) -> psutil.Process:
    """The worker below `parent`, once it is confined and reading."""
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        for child in parent.children(recursive=True):
            if _is_worker(child) and child.rlimit(psutil.RLIMIT_FSIZE) == (0, 0) and child.cpu_times().user > 0.15:
                return child
        threading.Event().wait(0.02)
    raise AssertionError("no worker started")


def test_a_worker_that_crashes_is_an_error_of_its_file(hanging: tuple[psutil.Process, Future[Extraction]]) -> None:
    worker, future = hanging
    worker.send_signal(signal.SIGSEGV)
    with pytest.raises(ExtractionError) as caught:
        future.result(timeout=10)
    assert caught.value.code == "corrupt"
    assert not worker.is_running()


def test_a_worker_that_was_killed_from_outside_is_no_error_of_its_file(
    hanging: tuple[psutil.Process, Future[Extraction]],
) -> None:
    worker, future = hanging
    worker.kill()
    with pytest.raises(WorkerError, match="killed"):
        future.result(timeout=10)
    assert not worker.is_running()


def test_the_worker_inherits_no_secret_and_no_file(
    hanging: tuple[psutil.Process, Future[Extraction]], monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, _ = hanging
    assert set(worker.environ()) <= {"PYTHONPATH", "PYTHONUTF8", "LANG", "MALLOC_ARENA_MAX", "LD_LIBRARY_PATH"}
    assert {Path(file.path).name for file in worker.open_files()} <= {"hangs.pdf"}
    assert worker.rlimit(psutil.RLIMIT_AS)[0] == 1 << 30
    assert os.getsid(worker.pid) == worker.pid
    worker.kill()


def test_the_worker_ends_with_its_parent(tmp_path: Path) -> None:
    path = tmp_path / "hangs.pdf"
    path.write_bytes(make_files.pdf_that_hangs())
    code = (
        "import sys; from pathlib import Path; from chalicelib.knowledge.ingestion.extraction import extract;"
        " extract(Path(sys.argv[1]), 'hangs.pdf', None)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(path)], cwd=ROOT) as parent:
        worker = _started_worker(psutil.Process(parent.pid))
        parent.kill()
    worker.wait(timeout=5)
    assert not worker.is_running()


@pytest.mark.parametrize(
    "attempt",
    [
        "import socket; socket.create_connection(('127.0.0.1', 9))",
        "import socket; socket.getaddrinfo('localhost', 80)",
        "import subprocess; subprocess.run(['true'])",
        "import os; os.fork()",
        "open('written', 'w')",
    ],
)
def test_a_reader_has_no_network_no_children_and_no_files(attempt: str) -> None:
    confined = (
        "import os; from chalicelib.knowledge.ingestion.extraction import Limits, worker; "
        "worker._confine(Limits(), os.getppid(), __import__('pathlib').Path('nothing'))"
    )
    ended = subprocess.run([sys.executable, "-c", f"{confined}\n{attempt}"], cwd=ROOT, capture_output=True, check=False)
    assert ended.returncode == 1
    assert b"PermissionError: A document reader may not" in ended.stderr


def test_a_broken_installation_is_not_an_error_of_the_file(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", ["/nowhere"])
    with pytest.raises(WorkerError, match="did not start"):
        read("a.txt", b"words")


# --- whatever anybody sends -------------------------------------------------------------------------------------------


@functools.cache
def good_files() -> dict[str, bytes]:
    return make_files.good()


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(
    base=st.sampled_from(
        ["good.pdf", "good.docx", "good.html", "good.md", "good.pptx", "good.xlsx", "good.odt", "good.epub", "good.eml"]
    ),
    damage=st.lists(st.tuples(st.integers(0, 10**6), st.binary(min_size=1, max_size=8)), min_size=1, max_size=8),
    cut=st.none() | st.integers(1, 4000),
)
def test_damaged_bytes_give_text_or_a_reason(
    read: Read, base: str, damage: list[tuple[int, bytes]], cut: int | None
) -> None:
    content = bytearray(good_files()[base][:cut])
    for position, change in damage:
        at = position % len(content)
        content[at : at + len(change)] = change
    try:
        extraction = read(base, bytes(content))
    except ExtractionError as error:
        assert error.code in {"corrupt", "empty", "no_text_layer", "encrypted", "unsupported", "too_large"}
    else:
        _assert_well_formed(extraction)


def _assert_well_formed(extraction: Extraction) -> None:
    assert extraction.text.strip()
    assert extraction.text == clean(extraction.text)
    ends = [0, *(segment.end for segment in extraction.segments)]
    starts = [*(segment.start for segment in extraction.segments), len(extraction.text)]
    assert starts == ends
    assert all(segment.start < segment.end for segment in extraction.segments)


@given(st.text(st.characters(codec=None)))
def test_clean_text_holds_nothing_a_database_refuses(text: str) -> None:
    cleaned = clean(text)
    cleaned.encode()
    assert not any(ord(c) < 32 and c not in "\t\n" for c in cleaned)
    assert clean(cleaned) == cleaned
