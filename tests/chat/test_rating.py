"""The reader with the cross-encoder: it answers what was asked, in people's words, and declines close misses."""

import time
import uuid
from collections.abc import Sequence

import pytest

from chalicelib.chat.reader.chunks import ChunkSentences, RetrievedChunk
from chalicelib.chat.reader.composition import ExtractedAnswer
from chalicelib.chat.reader.coverage import weakest
from chalicelib.chat.reader.quotations import Quotations
from chalicelib.chat.reader.ranking import rank
from chalicelib.chat.reader.rating import MAX_PAIRS, is_readable, rate, read_closely, support
from chalicelib.chat.reader.reader import DECLINED, read
from chalicelib.chat.reader.wording import as_spelt
from chalicelib.knowledge.embedding import builtin, cross_encoder
from chalicelib.knowledge.embedding.cross_encoder import CrossEncoder
from infra import models


@pytest.fixture(scope="module")
def model() -> CrossEncoder:
    models.fetch()
    return cross_encoder.load()


def chunk(text: str, title: str = "Handbook", score: float = 1.0, section: str | None = None) -> RetrievedChunk:
    document = uuid.uuid5(uuid.NAMESPACE_OID, title)
    return RetrievedChunk(document, uuid.uuid5(document, text), title, text, None, section, score)


def ask(model: CrossEncoder, question: str, *chunks: RetrievedChunk) -> ExtractedAnswer:
    return read(question, chunks, builtin.load(), model=model)


LIBRARY = chunk(
    """- Home
- Opening hours
- Borrowing
- Contact

City library

News

Borrowing e-books: what changes in spring

Opening hours at Easter

Opening hours

Branch | Monday to Thursday | Friday | Saturday
Main library | 9:00 to 20:00 | 9:00 to 18:00 | 10:00 to 16:00
Harbour | 12:00 to 18:00 | 12:00 to 18:00 | closed

E-books

With your card number and your birthday you can log in to the app Lesebok and borrow up to eight e-books for three
weeks. They return themselves.""",
    "City library",
)

LEAVE = chunk(
    """# Annual leave

Everybody who works full time has twenty-seven days of paid leave a year. Up to six days can be carried over.

# Special leave

Paid days off are given for these occasions:

- your own wedding: two days
- the birth of your child: three days
- moving house: one day a year

# Questions

The personnel office is in room 2.14 and answers at extension 311 in the mornings.""",
    "Staff handbook",
)

REPORT = chunk(
    """Merrow Logistics plc          Annual Report 2025    4

Five-year summary
in million euros | 2023 | 2024 | 2025
Revenue | 1,452 | 1,431 | 1,488
Net profit | 47 | 19 | 41

For fiscal 2026 we expect revenue of 1,520 to 1,560 million euros. The chief executive, Tomas Okafor, led the road
business before.""",
    "Merrow annual report",
)


@pytest.mark.parametrize(
    ("question", "source", "words"),
    [
        ("how many vacation days do full timers have", LEAVE, "twenty-seven days of paid leave"),
        ("how do i borrow ebooks", LIBRARY, "log in to the app Lesebok"),
        ("when does the main library close on fridays", LIBRARY, "Friday: 9:00 to 18:00"),
        ("days off for moving", LEAVE, "moving house: one day a year"),
        ("what was revenue in FY2023", REPORT, "Revenue | 2023: 1,452"),
        ("where is the personel office", LEAVE, "room 2.14"),
    ],
)
def test_what_people_ask_is_answered_to_the_point(
    model: CrossEncoder, question: str, source: RetrievedChunk, words: str
) -> None:
    others = [each for each in (LEAVE, LIBRARY, REPORT) if each is not source]
    answer = ask(model, question, source, *others)
    assert words in answer.text
    assert answer.citations[0].chunk == source
    assert all(citation.quote in citation.chunk.text for citation in answer.citations)


@pytest.mark.parametrize(
    ("question", "source"),
    [
        ("how much is the christmas bonus", LEAVE),
        ("how many cars does the company own", LEAVE),
        ("who is the director of the library", LIBRARY),
        ("does the library have wifi", LIBRARY),
        ("how much CO2 did Merrow emit", REPORT),
        ("when was Merrow Logistics founded", REPORT),
        ("who chairs the board of Merrow", REPORT),
        ("who makes the pump", chunk("The pump has a guarantee of two years. It weighs 14 kg.", "Halden pump")),
    ],
)
def test_what_the_right_document_lacks_is_declined(model: CrossEncoder, question: str, source: RetrievedChunk) -> None:
    answer = ask(model, question, source)
    assert answer.declined
    assert answer.text.startswith(DECLINED)
    assert answer.citations == ()


GUARANTEE, WEIGHT = "The pump has a guarantee of two years.", "The pump weighs 14 kg and is 60 cm high."


@pytest.mark.parametrize(
    ("question", "answer", "beside"),
    [
        ("How long is the warranty of the pump?", GUARANTEE, WEIGHT),
        ("how heavy is the pump", WEIGHT, GUARANTEE),
        ("can you tell me how much the pump weighs", WEIGHT, GUARANTEE),
    ],
)
def test_a_quotation_that_lacks_what_was_asked_for_is_far_from_a_word_of_the_question(
    question: str, answer: str, beside: str
) -> None:
    near, far = (weakest(question, text, builtin.load()) for text in (answer, beside))
    assert near > far + 0.3


@pytest.mark.parametrize("question", ["what colour is the pump", "does the pump have an alarm"])
def test_what_no_quotation_has_is_far_from_all(question: str) -> None:
    assert max(weakest(question, text, builtin.load()) for text in (GUARANTEE, WEIGHT)) < 0.3


@pytest.mark.parametrize(("question", "text"), [("", GUARANTEE), ("pump", ""), ("?!", GUARANTEE)])
def test_nothing_is_near_to_nothing(question: str, text: str) -> None:
    assert weakest(question, text, builtin.load()) == 0


def test_an_answer_in_one_sentence_counts_as_if_it_stood_alone(model: CrossEncoder) -> None:
    licences = chunk(
        """A personal licence costs 49 euros once. Teams pay 6 euros for each user and month, and get support by
telephone. Schools pay nothing. Licences are bound to a person and can be used on three computers.""",
        "Release notes",
    )
    question, embedder = "is it free for schools", builtin.load()
    pages = [ChunkSentences(licences)]
    best = rate(question, pages, list(Quotations(pages)), model)[0]
    closely = read_closely(question, best, pages, model)
    assert closely.sentence_logits.index(max(closely.sentence_logits)) == 2
    assert support(question, closely, pages, model, embedder) > support(question, best, pages, model, embedder) + 0.1


def test_a_row_is_read_as_a_whole(model: CrossEncoder) -> None:
    pages = [ChunkSentences(LIBRARY)]
    question = "when is the harbour branch open on fridays"
    best = rate(question, pages, list(Quotations(pages)), model)[0]
    assert best.quotation.text.startswith("Branch: Harbour")
    assert read_closely(question, best, pages, model) is best


def test_an_answer_does_not_begin_with_a_bare_heading(model: CrossEncoder) -> None:
    settings = chunk(
        """# Settings

## queue_turns

`queue_turns` decides how the waiting jobs of several users are ordered. With `fair`, users take turns.

## max_workers

How many jobs run at once on one machine.""",
        "Job queue",
    )
    text = ask(model, "What is queue_turns?", settings).text
    assert text.startswith("`queue_turns` decides how the waiting jobs")


def test_another_year_is_no_answer(model: CrossEncoder) -> None:
    assert "1,560" not in ask(model, "how much revenue did Merrow make in 2025", REPORT).text


def test_a_code_decides_between_rows_and_a_name_with_digits_does_not(model: CrossEncoder) -> None:
    manual = chunk(
        """Halden VX-30 circulation pump

Technical data
Weight | 4.8 kg
Power | 85 W

Faults
Code | Cause | Remedy
F3 | Motor too hot | Let it cool
F4 | Dry running | Fill the system""",
        "Halden VX-30 manual",
    )
    assert "4.8 kg" in ask(model, "what is the weight of the VX-30", manual).text
    assert "Cause: Motor too hot" in ask(model, "what does F3 mean", manual).text


THAI = "พนักงานมีวันลาพักร้อนยี่สิบหกวันต่อปี คลังสินค้าปิดวันอาทิตย์ ประตูปิดตอนเย็น"


def test_a_script_that_the_models_lack_is_not_taken_for_english(model: CrossEncoder) -> None:
    embedder = builtin.load()
    assert embedder.unknown_share([THAI]) > 0.5
    assert embedder.unknown_share(["The depot is closed.", "Das Lager ist geschlossen. 仓库周日关门。"]) < 0.2
    assert not is_readable([ChunkSentences(chunk(THAI))], model)
    (features,) = {each.features.foreign for each in rank("วันอาทิตย์", [chunk(THAI)], embedder)}
    assert features == 1


def test_text_of_other_languages_is_left_to_the_evidence(model: CrossEncoder) -> None:
    texts = {
        True: "The depot is closed on Sundays. Everybody has 26 days of leave a year.",
        False: "Das Lager ist sonntags zu. Die Beschäftigten haben 26 Urlaubstage im Jahr.",
    }
    for readable, text in texts.items():
        assert is_readable([ChunkSentences(chunk(text))], model) is readable
    assert "26 Urlaubstage" in ask(model, "Wie viele Urlaubstage haben die Beschäftigten?", chunk(texts[False])).text


class _Counting:
    """The model, and what it was asked to read."""

    def __init__(self, inner: CrossEncoder) -> None:
        self._inner, self.read = inner, 0

    def scores(self, question: str, texts: Sequence[str], max_tokens: int) -> list[float]:
        self.read += len(texts)
        return self._inner.scores(question, texts, max_tokens)

    def knows(self, word: str) -> bool:
        return self._inner.knows(word)


def test_the_work_for_an_answer_is_bounded(model: CrossEncoder) -> None:
    counting = _Counting(model)
    chunks = [chunk(f"Heron {n} waits. " * 400, str(n)) for n in range(20)]
    read("What does heron 7 do?", chunks, builtin.load(), model=counting)  # type: ignore[arg-type]
    assert 0 < counting.read <= MAX_PAIRS + 10


def test_a_score_depends_on_its_pair_alone(model: CrossEncoder) -> None:
    question, text = "How heavy is it?", "It weighs four kilograms."
    together = model.scores(question, ["Something else. " * 30, text, "Short."])
    assert model.scores(question, [text]) == [together[1]]


def test_a_long_question_and_a_long_text_are_cut(model: CrossEncoder) -> None:
    started = time.process_time()
    assert len(model.scores("why is the heron grey " * 50_000, ["grey heron " * 100_000] * 2)) == 2
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    ("question", "corrected"),
    [
        ("where is the personel office", "where is the personnel office"),
        ("daily alowance", "daily allowance"),
        ("is the house old", "is the house old"),
        ("what was it in FY23", "what was it in fiscal 2023"),
    ],
)
def test_a_misspelt_word_is_read_as_the_documents_spell_it(model: CrossEncoder, question: str, corrected: str) -> None:
    texts = ["The personnel office pays the daily allowance for a horse."]
    assert as_spelt(question, texts, model.knows) == corrected
