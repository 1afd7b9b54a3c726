"""Questions about identifiers, numbers, dates and names: is the answer about the thing that was asked?

The documents and questions are made here, from one list of things: error codes, part numbers, releases, hosts, devices,
phone numbers, accounts, invoices, contracts, dates, years and people, in seven languages. Each document says something
about several things of one kind. Each thing is asked about, half of the time in another spelling than its document has;
and for each there is a neighbour that no document holds. The built-in reader answers from what the product's own search
finds in a throw-away database.
"""

import argparse
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench import database
from bench.commands import Command, parser
from chalicelib.chat.reader import reader
from chalicelib.chat.reader.chunks import RetrievedChunk
from chalicelib.chat.reader.composition import ExtractedAnswer
from chalicelib.knowledge.embedding import builtin
from chalicelib.knowledge.search import query_embedding, retrieval
from chalicelib.knowledge.search.models import SearchRequest
from chalicelib.knowledge.text import chunking

COMMAND = Command(
    "Answers about identifiers, numbers, dates and names",
    smallest=("--kinds error,year --show",),
)


@dataclass(frozen=True)
class Kind:
    """Things of one kind in one language. Each of `things` is (as the document has it, as it is asked, what is said).

    `line` makes the document's sentence of a thing and what is said; `forms` make questions; `absent` are things that
    no document holds.
    """

    name: str
    title: str
    line: str
    forms: tuple[str, str]
    things: Sequence[tuple[str, str, str]]
    absent: Sequence[str]


@dataclass(frozen=True)
class Question:
    """A question, and what its answer must contain; None: no document holds the thing that it names."""

    kind: str
    text: str
    expected: str | None


KINDS = (
    Kind(
        "error",
        "Fault codes of the press",
        "{}: {}.",
        ("What does error {} mean?", "The machine shows {}. What should I do?"),
        (
            ("E1041", "E-1041", "the door is open; close the door"),
            ("E1042", "e 1042", "the oil pressure is too low; refill the tank"),
            ("E1043", "E1043", "a fuse has blown; replace the fuse"),
            ("E1045", "E 1045", "the sensor is dirty; clean the lens"),
            ("F-207", "F207", "the belt slips; tighten the belt"),
            ("F-208", "F-208", "the motor overheats; wait for an hour"),
            ("F-210", "f210", "the brake is worn; order new linings"),
        ),
        ("E1044", "E-1046", "E 1404", "F-209", "F2080", "G207", "e 1052", "E10421"),
    ),
    Kind(
        "part",
        "Spare parts and their shelves",
        "Part {} is kept on {}.",
        ("Where is part {} kept?", "I need a {}, on which shelf is it?"),
        (
            ("GW-4411-B", "GW4411B", "shelf twelve"),
            ("GW-4411-A", "gw-4411-a", "shelf nine"),
            ("GW-4412-B", "GW 4412 B", "shelf seven"),
            ("KX90/217", "KX90/217", "the top rack"),
            ("TR-0815", "TR0815", "the yellow cabinet"),
            ("TR-0816", "TR 0816", "the blue cabinet"),
        ),
        ("GW-4411-C", "GW4413B", "GW-4421-B", "KX91/217", "TR-0817", "TR08150", "TQ-0815"),
    ),
    Kind(
        "release",
        "Release notes",
        "Version {} {}.",
        ("What changed in version {}?", "Tell me about release {}."),
        (
            ("v2.3.1", "2.3.1", "repairs the export of invoices"),
            ("v2.3.2", "v2.3.2", "adds a dark theme"),
            ("v2.4.0", "2.4.0", "removes the old printer driver"),
            ("v3.0.0-rc1", "3.0.0-rc1", "moves the settings to one page"),
            ("v10.2.7", "10.2.7", "speeds up the start"),
        ),
        ("2.3.3", "v2.5.0", "3.0.1", "10.2.6", "v2.13.1", "4.0"),
    ),
    Kind(
        "host",
        "Machines in the network",
        "The address {} belongs to {}.",
        ("Which machine has the address {}?", "To what does {} belong?"),
        (
            ("10.20.30.40", "10.20.30.40", "the mail server"),
            ("10.20.30.41", "10.20.30.41", "the print server"),
            ("192.168.7.15", "192.168.7.15", "the camera at the gate"),
            ("00:1A:2B:3C:4D:5E", "001a2b3c4d5e", "the time clock"),
            ("00:1A:2B:3C:4D:5F", "00-1A-2B-3C-4D-5F", "the door opener"),
            ("550e8400-e29b-41d4-a716-446655440000", "550e8400e29b41d4a716446655440000", "the backup robot"),
        ),
        ("10.20.30.4", "10.20.31.40", "192.168.7.16", "00:1A:2B:3C:4D:60", "001a2b3c4d5d", "110.20.30.40"),
    ),
    Kind(
        "phone",
        "Telefonverzeichnis",
        "Unter {} ist {} zu erreichen.",
        ("Wer ist unter {} zu erreichen?", "Wessen Telefonnummer ist {}?"),
        (
            ("+49 30 1234567", "030 1234567", "die Buchhaltung"),
            ("+49 30 1234568", "0049301234568", "der Einkauf"),
            ("+49 (0)89 998877-12", "089/99887712", "die Werkstatt"),
            ("+43 1 58858-0", "+43 1 588580", "das Büro in Wien"),
            ("+48 22 123 45 67", "221234567", "die Niederlassung in Polen"),
        ),
        ("030 1234569", "+49 30 1234576", "089 99887713", "+43 1 588581", "+48 22 123 45 68"),
    ),
    Kind(
        "account",
        "Konten der Lieferanten",
        "Das Konto {} gehört {}.",
        ("Wem gehört das Konto {}?", "Zu welchem Lieferanten gehört {}?"),
        (
            ("DE89 3704 0044 0532 0130 00", "DE89370400440532013000", "der Spedition Huber"),
            ("DE75 5121 0800 1245 1261 99", "DE75 5121 0800 1245 1261 99", "dem Stromversorger"),
            ("AT483200000012345864", "AT48 3200 0000 1234 5864", "der Druckerei Gruber"),
        ),
        ("DE89370400440532013001", "DE75 5121 0800 1245 1261 98", "AT483200000012345865", "CH9300762011623852957"),
    ),
    Kind(
        "invoice",
        "Open invoices",
        "Invoice {} amounts to {} euros.",
        ("What is the amount of invoice {}?", "How many euros does invoice {} amount to?"),
        (
            ("INV-2025-0117", "INV-2025-0117", "412"),
            ("INV-2025-0118", "INV20250118", "97"),
            ("INV-2025-0121", "inv-2025-0121", "1,350"),
            ("INV-2026-0003", "INV 2026 0003", "88"),
            ("RE/2025/771", "RE/2025/771", "642"),
        ),
        ("INV-2025-0119", "INV-2024-0117", "INV20250171", "INV-2026-0004", "RE/2025/772"),
    ),
    Kind(
        "year",
        "Turnover of the company",
        "In {} the turnover was {} million euros.",
        ("What was the turnover in {}?", "How many million euros of turnover did the company have in {}?"),
        (("2021", "2021", "31"), ("2022", "FY2022", "36"), ("2023", "2023", "44"), ("2025", "2025", "52")),
        ("2024", "2019", "2026", "FY2020", "1998"),
    ),
    Kind(
        "date",
        "Planned visits",
        "On {} {} comes.",
        ("Who comes on {}?", "Which visit is planned on {}?"),
        (
            ("14.03.2026", "14 March 2026", "the auditor"),
            ("15.03.2026", "2026-03-15", "the chimney sweep"),
            ("31.12.2028", "31/12/2028", "the inspector of lifts"),
            ("2 April 2026", "2.4.2026", "the fire brigade"),
            ("May 5, 2026", "05.05.2026", "the school class"),
        ),
        ("16 March 2026", "14.03.2027", "2028-12-30", "April 3, 2026", "5.6.2026"),
    ),
    Kind(
        "person",
        "People and their rooms",
        "{} works in {}.",
        ("Where does {} work?", "In which room does {} work?"),
        (
            ("Olga Klein", "Olga Klein", "the red tower"),
            ("Felix Müller", "Felix Mueller", "the archive"),
            ("Søren Åberg", "Soren Aberg", "the harbour office"),
            ("Agnieszka Wójcik", "Agnieszka Wojcik", "the laboratory"),
            ("Seán O'Brien", "Sean OBrien", "the kitchen"),
        ),
        ("Olga Braun", "Felix Meier", "Sven Svensson", "Maria Wójcik", "Ian McDonald"),
    ),
    Kind(
        "contrat",
        "Registre des contrats",
        "Le contrat {} se termine {}.",
        ("Quand se termine le contrat {} ?", "Le contrat {}, quand se termine-t-il ?"),
        (
            ("C-2023/045", "C-2023/045", "à la fin du mois de juin"),
            ("C-2023/046", "C2023/046", "au bout de cinq ans"),
            ("C-2024/001", "C-2024/001", "avec la livraison des machines"),
        ),
        ("C-2023/047", "C-2022/045", "C-2024/010", "D-2023/045"),
    ),
    Kind(
        "pedido",
        "Pedidos pendientes",
        "El pedido {} contiene {}.",
        ("¿Qué contiene el pedido {}?", "¿Qué hay en el pedido {}?"),
        (
            ("PD-77120", "PD77120", "doce sillas de oficina"),
            ("PD-77121", "PD 77121", "tres impresoras"),
            ("PD-77125", "PD-77125", "una mesa redonda"),
        ),
        ("PD-77122", "PD-77112", "PD771200", "PX-77120"),
    ),
    Kind(
        "zamówienie",
        "Rejestr zgłoszeń",
        "Zgłoszenie {} dotyczy {}.",
        ("Czego dotyczy zgłoszenie {}?", "Zgłoszenie {}: czego dotyczy?"),
        (
            ("ZG/1204/26", "ZG/1204/26", "awarii windy"),
            ("ZG/1205/26", "ZG/1205/26", "wymiany zamków"),
            ("ZG/1310/26", "ZG/1310/26", "malowania korytarza"),
        ),
        ("ZG/1206/26", "ZG/1204/25", "ZG/1311/26"),
    ),
    Kind(
        "故障",
        "设备故障代码",
        "故障代码{}表示{}。",
        ("故障代码{}表示什么？", "代码{}是什么故障？"),
        (("H301", "H-301", "水泵停止工作"), ("H302", "H302", "温度传感器损坏"), ("H305", "H305", "电池电量不足")),
        ("H303", "H-304", "H3010", "J301"),
    ),
)


def questions(kinds: Sequence[Kind]) -> Iterator[Question]:
    """Every question: about each thing as its document has it and as it is asked, and twice about each absent one."""
    for kind in kinds:
        first, second = kind.forms
        for written, other, fact in kind.things:
            for spelling in dict.fromkeys((written, other)):
                yield Question(kind.name, first.format(spelling), fact)
            yield Question(kind.name, second.format(other), fact)
        for thing in kind.absent:
            for form in kind.forms:
                yield Question(kind.name, form.format(thing), None)


def documents(kinds: Sequence[Kind], rng: random.Random) -> Iterator[tuple[str, str]]:
    """Title and text of a document for each kind, its things in any order."""
    for kind in kinds:
        lines = [kind.line.format(written, fact) for written, _, fact in kind.things]
        rng.shuffle(lines)
        yield kind.title, "\n\n".join(lines)


@dataclass(frozen=True)
class Outcome:
    """What became of a question: right, declined, wrong (another thing's answer)."""

    question: Question
    answer: str
    word: str


def judge(question: Question, answer: ExtractedAnswer, others: Sequence[str]) -> Outcome:
    """Right: the answer has what is said of the thing and of no `others`; or it declines what no document holds."""
    has_fact = question.expected is not None and question.expected in answer.text
    if answer.declined:
        word = "declined" if question.expected is not None else "right"
    elif has_fact and not any(other in answer.text for other in others if other != question.expected):
        word = "right"
    else:
        word = "wrong"
    return Outcome(question, answer.text, word)


def run(kinds: Sequence[Kind]) -> list[Outcome]:
    """Store the documents, ask every question, judge every answer."""
    model = builtin.load()
    texts = list(documents(kinds, random.Random(17)))
    cut = [
        (number, chunk)
        for number, (_, text) in enumerate(texts)
        for chunk in chunking.chunk(text, [], model.token_offsets(text), 64, 0)
    ]
    vectors = model.embed([chunk.embedded_text for _, chunk in cut])
    facts = {kind.name: [each[2] for each in kind.things] for kind in kinds}
    with database.throwaway() as index:
        owner, _ = index.user("librarian")
        caller, _ = index.user("reader")
        titles = [title for title, _ in texts]
        index.fill(owner, database.ORGANISATION, titles, [number for number, _ in cut], [c for _, c in cut], vectors)
        index.finalise()

        def answer(question: Question) -> ExtractedAnswer:
            request = SearchRequest(query=question.text, mode="hybrid", top_k=10)
            vector = query_embedding.embed_query(request)
            with index.app.transaction():
                index.app.execute("select assume_user(%s)", [caller])
                hits = retrieval.search(index.app, request, vector).items
            return reader.read(question.text, [RetrievedChunk.of_hit(hit) for hit in hits], model)

        return [judge(question, answer(question), facts[question.kind]) for question in questions(kinds)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line for each kind; the status is the number of answers about another thing."""
    command_line = parser("bench identifiers", __doc__)
    command_line.add_argument("--kinds", default=",".join(kind.name for kind in KINDS), help="names, with commas")
    command_line.add_argument("--show", action="store_true", help="print the answers that are not right")
    options: argparse.Namespace = command_line.parse_args(arguments)
    kinds = [kind for kind in KINDS if kind.name in options.kinds.split(",")]
    outcomes = run(kinds)
    print(
        f"{'kind':<14}{'answerable':>11}{'right':>7}{'declined':>10}{'wrong':>7}{'absent':>8}{'declined':>10}{'wrong':>7}"
    )
    for name in [*(kind.name for kind in kinds), None]:
        of_kind = [each for each in outcomes if name is None or each.question.kind == name]
        here = Counter(each.word for each in of_kind if each.question.expected is not None)
        absent = Counter(each.word for each in of_kind if each.question.expected is None)
        print(
            f"{name or 'all':<14}{here.total():>11}{here['right']:>7}{here['declined']:>10}{here['wrong']:>7}"
            f"{absent.total():>8}{absent['right']:>10}{absent['wrong']:>7}"
        )
    if options.show:
        for each in outcomes:
            if each.word != "right":
                print(f"{each.word}: {each.question.text}\n    {each.answer[:200]}")
    return sum(each.word == "wrong" for each in outcomes)
