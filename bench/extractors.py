"""The words of files that other extractors test themselves with: ours beside theirs, by format.

    python -m bench extractors FOLDER --beside markitdown=/path/to/python

FOLDER holds files and, anywhere below it, what a suite expects of each: its name and ".md", or ".json" with a list of
elements that have a `text`. Recall is the share of the expected words that are in the text as often. `--beside` names
an extractor, one of those below, and the interpreter of an environment in which it is installed. A file at which an
extractor fails counts as no words. The files are other projects', so none are part of this repository.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
import time
import unicodedata
from collections import Counter, defaultdict
from html import unescape
from pathlib import Path

from bench.commands import Command, parser
from chalicelib.knowledge.ingestion.extraction import ExtractionError, extract

COMMAND = Command(
    "Words that extractors find in each other's test files",
    usual=None,
    smallest=(),
    costs="It requires a folder with other projects' files.",
)
# How each gives the text of the file at `path`.
EXTRACTORS = {
    "markitdown": "from markitdown import MarkItDown\nread = lambda path: MarkItDown().convert(path).text_content",
    "pdfminer": "from pdfminer.high_level import extract_text as read",
    # Its model of English only says what kind of text an element is: a blank one gives the same words, without network.
    "unstructured": "import spacy, unstructured.nlp.tokenize as t\n"
    "from unstructured.partition.auto import partition\n"
    "nlp = spacy.blank('en'); nlp.add_pipe('sentencizer'); t._get_nlp = lambda: nlp\n"
    "read = lambda path: '\\n'.join(element.text for element in partition(path))",
    "docling": "from docling.document_converter import DocumentConverter as C\n"
    "read = lambda path: C().convert(path).document.export_to_markdown()",
}
_SECONDS = 60
_RUN = """
import json, signal, sys
{read}
def late(*_): raise TimeoutError
signal.signal(signal.SIGALRM, late)
for path in json.load(open(sys.argv[1])):
    signal.alarm({seconds})
    try:
        text = read(path)
    except BaseException:
        text = ""
    signal.alarm(0)
    sys.__stdout__.write(json.dumps([path, text]) + "\\n")
"""
_NOT_WORDS = re.compile(r"!\[[^\]]*\]\([^)]*\)|<!--.*?-->|\]\([^)]*\)|<[^<>]{1,200}>|data:image\S+")
_WORD = re.compile(r"\w+")


def words(text: str) -> Counter[str]:
    """The words of a text in Markdown, without pictures, addresses of links and markup."""
    plain = unescape(_NOT_WORDS.sub(" ", text)).replace("\\_", "_").replace("\u00ad", "")
    return Counter(_WORD.findall(unicodedata.normalize("NFKC", plain).replace("_", " ").casefold()))


def pairs(folder: Path) -> dict[Path, Counter[str]]:
    """The files of `folder` for which an expected text is below it, with its words."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    texts = {path.stem: path for ending in (".json", ".md") for path in files if path.suffix == ending}
    matched = {}
    for path in files:
        text = texts.get(path.name) or (texts.get(path.stem) if path.suffix == ".pdf" else None)
        if (
            text is not None
            and path.parent != text.parent
            and path.suffix not in (".md", ".json", ".txt", ".itxt", ".doctags")
        ):
            matched[path] = words(_expected(text))
    return {path: counted for path, counted in matched.items() if counted}


def _expected(path: Path) -> str:
    text = path.read_text("utf-8", "replace")
    if path.suffix == ".md":
        return text
    elements = json.loads(text)
    return (
        "\n".join(str(e.get("text", "")) for e in elements if isinstance(e, dict)) if isinstance(elements, list) else ""
    )


def own_texts(paths: list[Path]) -> dict[Path, str]:
    """The text that Alcove reads of each, the names of packed files included; "" for what it refuses."""
    texts = {}
    for path in paths:
        with tempfile.TemporaryDirectory() as members:
            try:
                texts[path] = extract(path, path.name, None, members_into=Path(members)).text
            except ExtractionError as error:
                texts[path] = ""
                print(f"  {path.name}: {error.code}: {error.message}")
    return texts


def theirs(name: str, python: str, paths: list[Path]) -> dict[Path, str]:
    """The text that another extractor reads of each."""
    with tempfile.TemporaryDirectory() as folder:
        program, listing = Path(folder) / "run.py", Path(folder) / "paths.json"
        program.write_text(_RUN.format(read=EXTRACTORS[name], seconds=_SECONDS))
        listing.write_text(json.dumps([str(path.resolve()) for path in paths]))
        ended = subprocess.run([python, str(program), str(listing)], capture_output=True, text=True, check=False)
    lines = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith('["')]
    texts = {Path(path): text or "" for path, text in lines}
    return {path: texts.get(path.resolve(), "") for path in paths}


def recall(expected: Counter[str], text: str) -> float:
    """The share of the expected words that are in `text` as often."""
    return sum((expected & words(text)).values()) / expected.total()


def main(arguments: list[str]) -> int:
    """Read every file with every extractor, and print the mean recall by format."""
    options = parser("bench extractors", __doc__)
    options.add_argument("folder", type=Path)
    options.add_argument("--beside", action="append", default=[], metavar="NAME=PYTHON")
    options.add_argument("--below", type=float, default=0.9, help="name files of which we find a smaller share")
    options.add_argument("--only", help="only files with this ending")
    chosen = options.parse_args(arguments)
    expected = pairs(chosen.folder)
    paths = [path for path in expected if not chosen.only or path.suffix == f".{chosen.only}"]
    started = time.perf_counter()
    texts = {"alcove": own_texts(paths)}
    print(f"{len(paths)} files in {time.perf_counter() - started:.0f} s")
    for entry in chosen.beside:
        name, _, python = entry.partition("=")
        texts[name] = theirs(name, python, paths)
    by_format: dict[str, list[Path]] = defaultdict(list)
    for path in paths:
        by_format[path.suffix.lstrip(".").lower()].append(path)
        shares = {name: recall(expected[path], read[path]) for name, read in texts.items()}
        if shares["alcove"] < chosen.below or shares["alcove"] < max(shares.values()) - 0.01:
            print(f"  {path.relative_to(chosen.folder)}: " + ", ".join(f"{n} {s:.3f}" for n, s in shares.items()))
    print(f"{'format':8} {'files':>5}  " + "  ".join(f"{name:>10}" for name in texts))
    for kind, members in sorted(by_format.items()):
        means = [sum(recall(expected[p], read[p]) for p in members) / len(members) for read in texts.values()]
        print(f"{kind:8} {len(members):5}  " + "  ".join(f"{mean:10.3f}" for mean in means))
    return 0
