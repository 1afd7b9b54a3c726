"""Values of a body have exact types; a query, whose values are all text, is read as text."""

import pytest

from tests.service import Service

WRONG = [
    ("/search", {"query": "pump", "top_k": "5"}, "top_k"),
    ("/search", {"query": "pump", "explain": "true"}, "explain"),
    ("/search", {"query": "pump", "explain": 1}, "explain"),
    ("/search", {"query": "pump", "filters": {"created_after": 1700000000}}, "filters.created_after"),
    ("/search", {"query": "pump", "filters": {"created_after": "1700000000"}}, "filters.created_after"),
    ("/memories", {"content": "My pump leaks.", "importance": "0.5"}, "importance"),
    ("/search", {"query": 7}, "query"),
]


@pytest.mark.parametrize(("path", "body", "field"), WRONG)
def test_a_value_of_another_type_is_refused(service: Service, path: str, body: object, field: str) -> None:
    answer = service.user().post(path, body)
    assert answer.status == 422
    assert [error["field"] for error in answer.json["errors"]] == [field]


def test_exact_values_are_accepted(service: Service) -> None:
    user = service.user()
    filters = {"created_after": "2026-01-31T12:00:00Z", "documents": [str(user.id)], "source_types": ["inline"]}
    assert user.post("/search", {"query": "pump", "top_k": 5, "explain": True, "filters": filters}).status == 200
    assert user.post("/memories", {"content": "My pump leaks.", "importance": 1}).status == 201  # a whole number is one
    assert user.get("/documents?created_after=2026-01-31T12:00:00%2B01:00&deleted=true&limit=5").status == 200
    assert user.get("/documents?created_after=1700000000").status == 422
