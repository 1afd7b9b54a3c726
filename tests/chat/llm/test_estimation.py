"""The estimate of a text's tokens, against the tokenizers of two real models."""

from pathlib import Path

import httpx
import pytest
from tokenizers import Tokenizer

from chalicelib.chat import llm
from infra import models
from infra.local.model import ModelServer

_ROOT = Path(__file__).parents[3]
_CHINESE = (
    "任何一方均可在季度末前三个月书面通知对方解除合同,另有约定的除外。",
    "管理层决定例外规定和特别付款。员工必须在三天内提交病假证明,并说明预计的缺勤时间。",
    "机器学习是人工智能的一个分支,它使计算机能够从数据中学习,而无需明确编程。",
    "北京是中华人民共和国的首都,位于华北平原的北部,人口超过两千一百万。",
)
_GERMAN = (
    "Der Vertrag kann von beiden Parteien mit einer Frist von drei Monaten zum Quartalsende gekündigt werden.",
    "Die Geschäftsführung entscheidet über Ausnahmeregelungen, Sonderzahlungen und Überstundenvergütungen.",
)
_DENSE = (
    "0123456789 3.14159 2026-11-22T19:25:34Z",
    "kJ9fQ2xLmZ8vR4tYwB7nP1sDgH6cA3eUoX5iK0qTzM",
    "550e8400-e29b-41d4-a716-446655440000",
    "{}[]();:,.!?<>=+-*/\\|&^%$#@~`'\"",
    "😀🎉🚀 → ≥ ∑ √",
    "계약은 분기 말 3개월 전에 통지하여 해지할 수 있습니다.",
    "Договор может быть расторгнут любой из сторон с уведомлением за три месяца.",
)


def _chunks(path: Path, length: int = 1_200) -> list[str]:
    """Whole passages: the estimate is of prompts, where a rest of a line's length does not stand alone."""
    text = path.read_text()
    return [text[start : start + length] for start in range(0, len(text) - length + 1, length)]


def _texts() -> list[str]:
    english = [part for page in ("accounts", "decisions", "reader") for part in _chunks(_ROOT / "docs" / f"{page}.md")]
    code = [part for path in sorted((_ROOT / "chalicelib" / "core").glob("*.py")) for part in _chunks(path)]
    return [*english, *code, *_CHINESE, *_GERMAN, *_DENSE]


@pytest.fixture(scope="session")
def minilm() -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(models.fetch() / models.EMBEDDING / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _smollm(server: ModelServer, text: str) -> int:
    queued = {"content": text, "add_special": False}
    headers = {"Authorization": f"Bearer {server.api_key}"}
    answer = httpx.post(f"{server.base_url.removesuffix('/v1')}/tokenize", json=queued, headers=headers).json()
    return len(answer["tokens"])


def test_it_is_seldom_too_low_and_never_by_much(llamacpp: ModelServer, minilm: Tokenizer) -> None:
    for text in _texts():
        counted = max(_smollm(llamacpp, text), len(minilm.encode(text, add_special_tokens=False).ids))
        assert llm.estimate_tokens(text) >= 0.93 * counted, text


@pytest.mark.parametrize(("page", "most"), [("docs/accounts.md", 1.5), ("chalicelib/core/http.py", 1.6)])
def test_it_is_not_much_too_high(llamacpp: ModelServer, page: str, most: float) -> None:
    text = (_ROOT / page).read_text()[:20_000]
    counted = _smollm(llamacpp, text)
    assert counted <= llm.estimate_tokens(text) <= most * counted


def test_a_whole_request_is_not_estimated_too_low(llamacpp: ModelServer) -> None:
    model = llm.ModelEndpoint("vllm", llamacpp.model_id, llamacpp.base_url, llamacpp.api_key)
    turns = (
        llm.Turn("system", "You answer from the documents only."),
        llm.Turn("user", "Hello!"),
        llm.Turn("assistant", "Hello, how can I help?"),
        llm.Turn("user", "What is the notice period?"),
    )
    measured = llm.complete(model, turns, llm.SamplingOptions(max_tokens=1)).usage
    assert measured.prompt_tokens <= llm.estimate_turns(turns) <= 1.6 * measured.prompt_tokens


def test_nothing_is_nothing_and_more_is_more() -> None:
    assert llm.estimate_tokens("") == 0
    tool = llm.Tool("search", "Searches.", {"type": "object", "properties": {"query": {"type": "string"}}})
    turn = llm.Turn("assistant", "Let me look.")
    calling = llm.Turn("assistant", "Let me look.", (llm.ToolCall("c1", "search", '{"query": "notice"}'),))
    assert llm.estimate_turns([turn]) < llm.estimate_turns([turn], [tool])
    assert llm.estimate_turns([turn]) < llm.estimate_turns([calling])
