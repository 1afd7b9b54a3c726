"""A process forgets everything that it has learned."""

import functools
import pkgutil
from collections.abc import Iterator
from importlib import import_module

import pytest

import chalicelib
from chalicelib.auth.sessions import tokens
from chalicelib.core import aws, connection, process
from chalicelib.core.settings import settings
from tests.service import Service

# Caches that depend on the code alone, and stay. Every other one is forgotten.
OF_THE_CODE = {
    "chalicelib.auth.accounts.password_hashes": {"_argon2", "_unmatchable"},
    "chalicelib.auth.sessions.jws": {"_registry"},
    "chalicelib.chat.analysis.analysis": {"_model"},
    "chalicelib.chat.answering.tools": {"definitions"},
    "chalicelib.core.log": {"logger"},
    "chalicelib.core.openapi": {"_whole", "document"},
    "chalicelib.core.openapi_words": {"tables"},
    "chalicelib.core.reachable": {"_tree", "of"},
    "chalicelib.core.rows": {"_binary_dumper"},
    "chalicelib.core.sql": {"numbered"},
    "chalicelib.core.validation": {"adapter"},
    "chalicelib.core.wings": {"names"},
    "chalicelib.knowledge.embedding.builtin": {"load"},
    "chalicelib.knowledge.embedding.cross_encoder": {"load"},
    "chalicelib.knowledge.ingestion.extraction.alphabets": {"_weights"},
    "chalicelib.knowledge.ingestion.extraction.engine": {"data_folder"},
    "chalicelib.knowledge.ingestion.extraction.format_codes": {"sections"},
    "chalicelib.knowledge.ingestion.extraction.grid": {"_column_named"},
    "chalicelib.knowledge.ingestion.extraction.number_formats": {"_simple"},
    "chalicelib.knowledge.ingestion.extraction.worksheet": {"formatted"},
    "chalicelib.knowledge.search.retrieval": {"_inlined"},
    "chalicelib.knowledge.text.lexemes": {"_ascii_pattern", "_remembered", "_stem", "_unicode_pattern", "lexeme"},
    "chalicelib.ops.routes": {"_entity_tag"},
}


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test registers is gone afterwards."""
    monkeypatch.setattr(process, "_clears", [*process._clears])
    yield


def test_what_is_cached_is_computed_once_until_the_process_forgets(registry: None) -> None:
    computed: list[int] = []

    @process.cached
    def double(number: int) -> int:
        computed.append(number)
        return 2 * number

    assert [double(3), double(3), double(4)] == [6, 6, 8]
    assert computed == [3, 4]
    process.forget()
    assert double(3) == 6
    assert computed == [3, 4, 3]


def test_what_is_remembered_in_another_way_is_forgotten_too(registry: None) -> None:
    remembered = {"key": "value"}
    assert process.on_forget(remembered.clear) == remembered.clear
    process.forget()
    assert remembered == {}


def test_a_process_that_forgot_connects_and_reads_everything_anew(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def learned() -> list[object]:
        assert user.get("/me").status == 200
        return [connection._warm.connection, settings(), aws.secrets(), tokens._ring()]

    user = service.user()
    before = learned()
    assert [known is still for known, still in zip(before, learned(), strict=True)] == [True] * 4
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")  # tests share boto3's clients of one environment
    process.forget()
    assert [known is still for known, still in zip(before, learned(), strict=True)] == [False] * 4


def test_every_cache_is_forgotten_or_depends_on_the_code_alone() -> None:
    remaining: dict[str, set[str]] = {}
    for module in pkgutil.walk_packages(chalicelib.__path__, "chalicelib."):
        for name, value in vars(import_module(module.name)).items():
            is_cache = isinstance(value, functools._lru_cache_wrapper) and value.__module__ == module.name
            if is_cache and value.cache_clear not in process._clears:
                remaining.setdefault(module.name, set()).add(name)
    assert remaining == OF_THE_CODE
