"""M7: the metadata of a message says what docs/analysis.md defines, and a question about documents is searched for."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench import analysis as bench
from bench.fitting import analysis as analysis_fit
from chalicelib.chat.analysis import analysis
from chalicelib.chat.analysis.analysis import CLASSES, SMALLTALK, Analysis, analyse
from chalicelib.knowledge.embedding import builtin
from chalicelib.knowledge.embedding.builtin import Embedder
from infra import package

ROOT = Path(__file__).parents[2]
QUESTION = "How many days of parental leave can I take?"


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return builtin.load()


@pytest.fixture(scope="module")
def sample(embedder: Embedder) -> analysis_fit.Sample:
    return analysis_fit.embedded(analysis_fit.read(), embedder)


@pytest.fixture(scope="module")
def holdout(sample: analysis_fit.Sample) -> bench.RatedMessages:
    remaining = sample.part([message.holdout for message in sample.messages])
    return bench.judge(remaining, analysis.read_weights())


@pytest.fixture(scope="module")
def later(embedder: Embedder) -> bench.RatedMessages:
    written = analysis_fit.embedded(analysis_fit.read(analysis_fit.LATER), embedder)
    return bench.judge(written, analysis.read_weights())


def assert_valid(result: Analysis) -> None:
    for name in ("tone", "behavior", "context_type"):
        assert getattr(result, name) in CLASSES[name]
    assert 0 <= result.signal_strength <= 1
    assert 0 <= result.context_clarity <= 1
    assert result.needs_knowledge or result.context_type in SMALLTALK


@pytest.mark.parametrize(
    ("name", "least"), [("tone", 0.92), ("behavior", 0.94), ("context_type", 0.87), ("context_clarity", 0.94)]
)
def test_held_out_messages_are_classified_correctly(holdout: bench.RatedMessages, name: str, least: float) -> None:
    assert len(holdout) >= 400
    assert bench.accuracy(holdout, name) >= least


@pytest.mark.parametrize("name", CLASSES)
def test_every_class_is_found_and_meant(holdout: bench.RatedMessages, name: str) -> None:
    for each in CLASSES[name]:
        precision, recall = bench.precision_recall(holdout, name, each)
        assert precision >= 0.7, each
        assert recall >= 0.6, each


def test_hardly_any_message_that_needs_knowledge_goes_without(
    holdout: bench.RatedMessages, later: bench.RatedMessages
) -> None:
    assert sum(message.needs_knowledge for message, _ in holdout) >= 250
    assert bench.missed(holdout) <= 0.01
    assert bench.missed(later) <= 0.01
    assert bench.skipped(holdout) >= 0.7
    assert bench.skipped(later) >= 0.45


def test_signal_strength_is_a_probability(holdout: bench.RatedMessages) -> None:
    assert bench.calibration_error(holdout) <= 0.06
    sure = [pair for pair in holdout if pair[1].signal_strength >= 0.9]
    unsure = [pair for pair in holdout if pair[1].signal_strength < 0.6]
    assert bench.accuracy(sure, "context_type") >= 0.95
    assert bench.accuracy(unsure, "context_type") <= 0.75


def test_labels_follow_their_definitions() -> None:
    messages = analysis_fit.read()
    assert len(messages) >= 1000
    assert len({(message.text, message.previous) for message in messages}) == len(messages)
    assert {message.language for message in messages} == {"en", "de", "fr", "es", "zh"}
    for message in [*messages, *analysis_fit.read(analysis_fit.LATER)]:
        assert all(message.label(name) in classes for name, classes in CLASSES.items()), message
        assert message.needs_knowledge == (message.context_type not in SMALLTALK), message
        assert message.previous or message.context_type != "follow_up", message


def test_messages_written_later_are_new() -> None:
    expected_keys = {message.text.lower() for message in analysis_fit.read()}
    assert not expected_keys & {message.text.lower() for message in analysis_fit.read(analysis_fit.LATER)}


def test_the_weights_are_what_the_fit_gives(sample: analysis_fit.Sample, tmp_path: Path) -> None:
    fitted = analysis_fit.fit(sample.part([not message.holdout for message in sample.messages]))
    shipped = analysis.read_weights()
    assert fitted.skip_above == shipped.skip_above
    for name in CLASSES:
        np.testing.assert_allclose(fitted.weights[name], shipped.weights[name], atol=0.02)
    analysis.write_weights(fitted, tmp_path / "weights.json")
    again = analysis.read_weights(tmp_path / "weights.json")
    for name in CLASSES:
        np.testing.assert_allclose(again.weights[name], fitted.weights[name], atol=0.0006)
    agreed = [
        local_result.context_type == theirs.context_type
        for (_, local_result), (_, theirs) in zip(bench.judge(sample, again), bench.judge(sample, shipped), strict=True)
    ]
    assert np.mean(agreed) >= 0.99


def test_the_weights_travel_with_the_function() -> None:
    assert analysis.WEIGHTS in package._sources()
    assert analysis.WEIGHTS.stat().st_size < 100_000


def test_the_same_message_has_the_same_analysis(embedder: Embedder) -> None:
    first = analyse(QUESTION, embedder)
    assert analyse(QUESTION, embedder) == first
    assert analyse(QUESTION, embedder, vector=embedder.embed([QUESTION])[0]) == first


def test_a_vector_that_is_passed_in_is_used_and_must_be_the_built_in_models(embedder: Embedder) -> None:
    other = embedder.embed(["Is it safe to bypass the interlock of the press?"])[0]
    assert analyse(QUESTION, embedder, vector=other) != analyse(QUESTION, embedder)
    with pytest.raises(ValueError, match=r"shape \(3,\).*shape \(384,\)"):
        analyse(QUESTION, embedder, vector=np.ones(3, dtype=np.float32))


@pytest.mark.parametrize("message", ["hi", "Thanks a lot!", "who are you?", "Danke!", "Merci beaucoup", "你好", "👍"])
def test_small_talk_skips_retrieval(embedder: Embedder, message: str) -> None:
    assert not analyse(message, embedder).needs_knowledge


def test_what_the_previous_message_changes(embedder: Embedder) -> None:
    previous = "How many vacation days do I have?"
    follow_up = analyse("And in Austria?", embedder, previous=previous)
    assert (follow_up.context_type, follow_up.needs_knowledge) == ("follow_up", True)
    assert follow_up.context_clarity > 0.5 > analyse("And in Austria?", embedder).context_clarity
    assert not analyse("Say that again, but shorter.", embedder, previous=previous).needs_knowledge


@pytest.mark.parametrize("previous", [None, "", "hi", "thanks!", "👍", "..."])
def test_nothing_follows_up_a_message_without_content(embedder: Embedder, previous: str | None) -> None:
    assert analyse("And in Austria?", embedder, previous=previous) == analyse("And in Austria?", embedder)
    assert analyse("And in Austria?", embedder, previous=previous).context_type != "follow_up"


@pytest.mark.parametrize(
    "message",
    [
        "Hi, how do I book a desk for tomorrow?",
        "Thank you! And where is the form for a new badge?",
        "Thanks. " + "The lift in the east wing has been out of order since Monday. " * 40,
        "Hello! " + QUESTION + " Thanks!",
        "thanks",
    ],
)
def test_a_greeting_hides_no_question(embedder: Embedder, message: str) -> None:
    assert analyse(message, embedder).needs_knowledge == (message != "thanks")


@pytest.mark.parametrize(
    "message",
    [
        "Хто відповідає за філію?",
        "出張費の精算はどこで行いますか",
        "كم يوم إجازة لدي؟",
        "budżet",
        "ลางานได้กี่วัน",
        "지점장은 누구입니까",
    ],
)
def test_an_unknown_language_is_searched_for(embedder: Embedder, message: str) -> None:
    assert analyse(message, embedder).needs_knowledge


@pytest.mark.parametrize(
    "message",
    [
        *("", " ", "\n\t", ".", "???", "…", "\x00", "\u200b\u202e"),
        *("-" * 20_000, "🙂" * 20_000, "a" * 20_000, "汉" * 20_000, "a b " * 5_000, "e\u0301" * 300, "'" * 2_000),
        *("/a" * 10_000, "1." * 10_000, "{[(<" * 5_000),
    ],
)
def test_any_message_has_an_analysis(embedder: Embedder, message: str) -> None:
    assert_valid(analyse(message, embedder))
    assert_valid(analyse(message, embedder, previous=message))
    assert_valid(analyse("And then?", embedder, previous=message))


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(
    message=st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=300),
    previous=st.none() | st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=60),
)
def test_any_text_has_an_analysis(embedder: Embedder, message: str, previous: str | None) -> None:
    assert_valid(analyse(message, embedder, previous=previous))


def test_the_page_defines_every_value_and_gives_the_figures(
    holdout: bench.RatedMessages, later: bench.RatedMessages
) -> None:
    page = (ROOT / "docs" / "analysis.md").read_text("utf-8")
    for name, classes in CLASSES.items():
        assert f"`{name}`" in page
        for each in classes:
            assert f"`{each}`" in page
    for rated in (holdout, later):
        for name in CLASSES:
            assert f"{bench.accuracy(rated, name):.2f}" in page


def test_the_examples_of_the_page_are_classified_as_it_says(embedder: Embedder) -> None:
    page = (ROOT / "docs" / "analysis.md").read_text("utf-8")
    examples = re.findall(r'^\| `(\w+)` \|.*\| "(.+)" \|$', page, re.MULTILINE)
    assert len(examples) == 10
    for value, message in examples:
        name = next(name for name, classes in CLASSES.items() if value in classes)
        previous = QUESTION if value in ("follow_up", "conversation", "social") else None
        assert getattr(analyse(message, embedder, previous=previous), name) == value, message


def test_labelled_messages_are_plain_json_lines() -> None:
    for path in (analysis_fit.MESSAGES, analysis_fit.LATER):
        for line in path.read_text("utf-8").splitlines():
            assert list(json.loads(line)) == list(analysis_fit.Labelled.__dataclass_fields__)
