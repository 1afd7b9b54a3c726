"""The embedding model as it runs: true to the published weights, exact about tokens, light in memory."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.knowledge.embedding import builtin

ROOT = Path(__file__).parents[2]
# Embeddings of `TEXTS` by the published float32 weights (sentence-transformers/all-MiniLM-L6-v2, model.safetensors),
# computed in numpy from the architecture's definition and not with any inference library.
REFERENCE = ROOT / "tests" / "files" / "all-minilm-l6-v2-float32.npy"
TEXTS = [
    "The heron stands in the shallows and waits for a fish.",
    "Grey herons hunt in still water.",
    "Das Reiher-Handbuch: Größe, Gewicht, 42 Arten.",
    "人人生而自由",
    " ".join(["The quarterly report shows rising revenue in every region."] * 18),
]


@pytest.fixture(scope="module")
def model() -> builtin.Embedder:
    return builtin.load()


def test_vectors_are_those_of_the_published_weights(model: builtin.Embedder) -> None:
    vectors = model.embed(TEXTS)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(TEXTS), model.dimension) == (5, 384)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(len(TEXTS)), abs=1e-5)
    assert (vectors * np.load(REFERENCE)).sum(axis=1).min() > 0.999


def test_a_vector_depends_neither_on_its_batch_nor_on_its_place(model: builtin.Embedder) -> None:
    texts = [" ".join(["heron"] * (1 + 7 * n % 200)) for n in range(40)]
    together = model.embed(texts)
    assert model.embed(texts[::-1])[::-1] == pytest.approx(together, abs=1e-5)
    for place in (0, 13, 39):
        assert model.embed([texts[place]])[0] == pytest.approx(together[place], abs=1e-5)


def test_nothing_and_the_empty_text_have_their_shapes(model: builtin.Embedder) -> None:
    assert model.embed([]).shape == (0, 384)
    assert np.isfinite(model.embed([""])).all()


def test_a_text_longer_than_the_model_reads_is_refused_and_never_cut_silently(model: builtin.Embedder) -> None:
    fits, exceeds = " ".join(["heron"] * 254), " ".join(["heron"] * 256)
    assert model.count_tokens([fits, exceeds]) == [254, 256]
    assert (model.max_tokens, model.content_tokens) == (256, 254)
    with pytest.raises(builtin.TextTooLongError, match="Text 1 has 258 tokens and all-minilm-l6-v2 reads 256"):
        model.embed([fits, exceeds])
    cut = model.embed([exceeds], truncate=True)
    assert cut[0] == pytest.approx(model.embed([" ".join(["heron"] * 254)])[0], abs=1e-5)


def test_a_question_of_a_megabyte_is_cut_quickly(model: builtin.Embedder) -> None:
    assert model.embed(["where is the heron " * 50_000], truncate=True).shape == (1, 384)


def test_each_token_has_a_vector_of_its_own_in_its_context(model: builtin.Embedder) -> None:
    vectors, offsets = model.token_vectors("The VX-30 pump", 64)
    assert offsets == [(0, 3), (4, 5), (5, 6), (6, 7), (7, 9), (10, 14)]
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(6), abs=1e-5)
    river, money, loan = (
        model.token_vectors(f"the bank {words}", 64)[0][1]
        for words in ("of the river is steep", "lends money to firms", "gave us a loan")
    )
    assert money @ loan > river @ loan + 0.1


def test_of_a_long_text_the_first_tokens_have_vectors(model: builtin.Embedder) -> None:
    vectors, offsets = model.token_vectors("heron waits " * 100_000, 8)
    short, _ = model.token_vectors("heron waits " * 4, 8)
    assert vectors == pytest.approx(short, abs=1e-5)
    assert len(offsets) == 8
    nothing, places = model.token_vectors("", 8)
    assert (nothing.shape, places) == ((0, 384), [])


@settings(max_examples=100)
@given(text=st.text())
def test_token_offsets_point_at_the_characters_of_each_token(model: builtin.Embedder, text: str) -> None:
    offsets = model.token_offsets(text)
    assert len(offsets.starts) == len(offsets.ends) == model.count_tokens([text])[0]
    assert (np.diff(offsets.starts) >= 0).all()
    assert (offsets.starts < offsets.ends).all()
    assert not len(offsets.ends) or offsets.ends.max() <= len(text)


@pytest.mark.parametrize("unit", ["The heron, grey; waits. ", "重复的句子。\n", "🦆 e\u0301tude\t"])
def test_long_texts_have_the_tokens_of_short_ones(model: builtin.Embedder, unit: str) -> None:
    one = model.token_offsets(unit)
    count = 200_000 // len(unit)
    many = model.token_offsets(unit * count)
    assert len(many.starts) == len(one.starts) * count
    expected = (one.starts[None, :] + len(unit) * np.arange(count)[:, None]).ravel()
    assert (many.starts == expected).all()
    assert ["".join((unit * count)[s:e] for s, e in zip(many.starts[-3:], many.ends[-3:], strict=True))] == [
        "".join(unit[s:e] for s, e in zip(one.starts[-3:], one.ends[-3:], strict=True))
    ]


def test_the_model_is_loaded_once_and_missing_files_say_where_they_belong() -> None:
    assert builtin.load() is builtin.load()
    with pytest.raises(builtin.ModelNotFoundError, match=r"alcove_models/other/ must hold model\.onnx"):
        builtin.load("other")


def test_memory_stays_bounded_whatever_the_batch() -> None:
    """In a fresh process: the weights take about 220 MiB, and texts of full length add next to nothing for good."""
    code = """
import json, sys
sys.path.insert(0, ".local/models")
import psutil
from chalicelib.knowledge.embedding import builtin
rss = lambda: psutil.Process().memory_info().rss >> 20
model = builtin.load()
loaded = rss()
model.embed([" ".join(["heron"] * 254)] * 24)
print(json.dumps([loaded, rss()]))
"""
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded, after = json.loads(ended.stdout)
    assert loaded < 300
    assert after - loaded < 40


def test_importing_the_module_loads_no_library() -> None:
    code = (
        "import sys; import chalicelib.knowledge.embedding.builtin, chalicelib.knowledge.text.chunking,"
        " chalicelib.knowledge.ingestion.extraction as e; print({'numpy', 'onnxruntime', 'tokenizers', 'pypdfium2',"
        " 'selectolax', 'markdown_it', 'charset_normalizer'} & set(sys.modules))"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "set()"
