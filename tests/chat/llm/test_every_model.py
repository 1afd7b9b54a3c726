"""What models do differently (M17): they refuse options, think within their text, and cut characters in two."""

import random
from collections.abc import Sequence

import pytest

from chalicelib.chat import llm
from chalicelib.chat.llm.cleaning import DeltaCleaner, answer_part
from chalicelib.core import process
from tests.chat.llm.servers import Server, chunk, events, fails, responds, serving, usage

REQUEST = (llm.Turn("user", "What is the notice period?"),)
OPTIONS = llm.SamplingOptions(temperature=0.0, max_tokens=9, top_p=0.5)
ANSWER = events(chunk(content="Hello"), chunk(finish="stop"), usage(7, 2))


def _model(server: Server) -> llm.ModelEndpoint:
    return llm.ModelEndpoint("vllm", "some-model", f"{server.url}/v1", None)


def _refuses(sentence: str) -> object:
    return {"error": {"message": sentence, "type": "invalid_request_error"}}


@pytest.mark.parametrize(
    ("sentence", "dropped"),
    [
        ("Unsupported parameter: 'temperature' is not supported with this model.", "temperature"),
        (
            "Unsupported value: 'temperature' does not support 0.0; only the default (1) value is supported.",
            "temperature",
        ),
        ("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.", "max_tokens"),
        ("max_tokens is too large: 9. This model supports at most 4 completion tokens.", "max_tokens"),
        ("The model does not accept top_p.", "top_p"),
    ],
)
def test_m17_an_option_that_a_model_refuses_is_left_out_and_not_sent_again(sentence: str, dropped: str) -> None:
    process.forget()
    with serving(fails("400 Bad Request", _refuses(sentence)), responds(ANSWER)) as server:
        for _ in range(2):
            with llm.stream(_model(server), REQUEST, OPTIONS) as answer:
                assert llm.Token("Hello") in list(answer)
                assert answer.left_out == [dropped]
        sent = [request.json.keys() for request in server.requests]
    assert [dropped in keys for keys in sent] == [True, False, False]
    assert all({"temperature", "max_tokens", "top_p"} - {dropped} <= keys for keys in sent)


def test_m17_a_refusal_that_names_no_option_is_an_error_at_once() -> None:
    process.forget()
    with serving(fails("400 Bad Request", _refuses("The image is too big."))) as server:
        with pytest.raises(llm.LlmError, match="does not accept"):
            llm.complete(_model(server), REQUEST, OPTIONS)
        assert len(server.requests) == 1


def test_m17_several_options_are_learned_one_after_the_other() -> None:
    process.forget()
    refusals = [fails("400 Bad Request", _refuses(f"'{name}' is not supported")) for name in ("temperature", "top_p")]
    with serving(*refusals, responds(ANSWER)) as server:
        assert llm.complete(_model(server), REQUEST, OPTIONS).text == "Hello"
        assert len(server.requests) == 3


def _cleaned(parts: Sequence[str]) -> tuple[str, str]:
    """The thinking and the text of a model's text that comes in `parts`."""
    cleaner = DeltaCleaner()
    deltas = [delta for part in parts for delta in cleaner.feed(llm.Token(part))]
    deltas += cleaner.feed(llm.Finish("stop"))
    return (
        "".join(delta.text for delta in deltas if isinstance(delta, llm.Thinking)),
        "".join(delta.text for delta in deltas if isinstance(delta, llm.Token)),
    )


@pytest.mark.parametrize(
    ("written", "thinking", "text"),
    [
        ("<think>Let me see.</think>\n\nNinety days [1].", "Let me see.", "Ninety days [1]."),
        ("\n<thinking>a < b</thinking> Yes.", "a < b", "Yes."),
        ("<think>one</think>\n<think>two</think>done", "onetwo", "done"),
        ("<think></think>Yes.", "", "Yes."),
        ("<think>It never ends.", "It never ends.", ""),
        ("The tag <think>x</think> is shown.", "", "The tag <think>x</think> is shown."),
        ("<thin ice>", "", "<thin ice>"),
        ("  plain", "", "  plain"),
        ("<think", "", "<think"),
        ("Smile \ud83d\ude00!", "", "Smile 😀!"),
        ("Half \ud83d", "", "Half \ufffd"),
        ("<think>\ud83d\ude00</think>ok", "😀", "ok"),
    ],
)
def test_m17_thinking_in_the_text_is_thinking_however_it_is_cut(written: str, thinking: str, text: str) -> None:
    assert _cleaned([written]) == (thinking, text)
    assert _cleaned(list(written)) == (thinking, text)
    choose = random.Random(7)
    for _ in range(20):
        cuts = sorted(choose.sample(range(len(written) + 1), min(3, len(written))))
        parts = [written[start:end] for start, end in zip([0, *cuts], [*cuts, len(written)], strict=True)]
        assert _cleaned(parts) == (thinking, text), parts


def test_m17_an_emoji_that_a_server_splits_over_two_deltas_is_whole() -> None:
    halves = events(chunk(content="Smile \ud83d"), chunk(content="\ude00!"), chunk(finish="stop"), usage(7, 2))
    with serving(responds(halves)) as server:
        assert llm.complete(_model(server), REQUEST).text == "Smile 😀!"


def test_m17_thinking_without_an_opening_tag_is_no_part_of_a_helpers_text() -> None:
    assert answer_part("The user wants a title.</think>\n\nPump inspection") == "Pump inspection"
