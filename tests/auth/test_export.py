"""Taking one's data along (GET /me/export): all that is one's own, nothing that is not, nothing secret."""

import base64
import json
from urllib.parse import quote

import pytest

from tests.importers.exports import rows_of
from tests.isolation import scenario
from tests.service import Service

# The scenario has a webhook, whose secret is sealed.
pytestmark = pytest.mark.usefixtures("master_key")

# What belongs to nobody, to everybody, or to a definer function alone; and what can be made again from the rest.
NOT_EXPORTED = {
    "embeddings",
    "chunk_terms",
    "llm_queue",
    "embedding_queue",
    "embedding_requests",
    "recognised_pages",  # what they say is in the document's text
    "memory_embeddings",
    "message_embeddings",
    "message_terms",
    "message_index_queue",
    "agent_traces",  # hidden while a comparison waits for its vote
    "object_deletions",
    "ended_consents",
    "self_healing_events",
    "provider_logins",
    "refresh_tokens",
    "rate_limit_buckets",
}


def test_every_row_of_ones_own_is_there_once(service: Service) -> None:
    world = scenario.people(service)
    scenario.fill(world)
    owner = world.owner = service.log_in(world.owner.email, world.owner.password)
    exported = rows_of(owner)
    with service.database.connect("owner") as conn:
        for table in scenario.tables(conn):
            columns = {
                row[0]
                for row in conn.execute(
                    "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0", [table]
                )
            }
            column = next((name for name in ("user_id", "owner_id") if name in columns), None)
            if table in NOT_EXPORTED or column is None:
                continue
            (expected,) = conn.execute(f"select count(*) from {table} where {column} = %s", [owner.id]).fetchone() or (
                0,
            )
            readable = conn.execute("select has_any_column_privilege('alcove_app', %s, 'select')", [table]).fetchone()
            if readable == (True,):
                assert [name for name, _ in exported].count(table) == expected, table
    assert {"users", "documents", "document_texts", "conversations", "messages", "llm_jobs"} <= {t for t, _ in exported}


def test_pages_of_any_size_give_the_same(service: Service) -> None:
    user = service.user()
    for number in range(7):
        user.add(f"Note {number}", f"Pump number {number} runs.")
    whole = rows_of(user, limit=1000)
    keys = [json.dumps(entry, sort_keys=True) for entry in whole]
    assert len(set(keys)) == len(keys)
    assert sorted(keys) == sorted(json.dumps(entry, sort_keys=True) for entry in rows_of(user, limit=3))


def test_nothing_secret_and_nothing_of_others(service: Service) -> None:
    user, other = service.user(), service.user()
    key = user.post("/me/api-keys", {"name": "k", "scopes": ["read"]}).json["key"]
    other.add("Secret plan", "The vault opens at dawn.")
    everything = json.dumps(rows_of(user))
    for secret in (key, "argon2", "vault", other.email, "password_hash", "ciphertext", "key_hash"):
        assert secret not in everything


def test_a_cursor_of_nobodys_is_refused(service: Service) -> None:
    user = service.user()
    for wrong in ("x", "bnVsbA==", "WzEsMl0="):
        answer = user.get(f"/me/export?cursor={wrong}")
        assert (answer.status, answer.json["code"]) == (400, "bad_cursor")


@pytest.mark.parametrize(
    "content",
    [
        b'["\\u0000", null]',
        b'["users", "\\u0000"]',
        b'["\\ud800", null]',
        b'["users", "a\\udfff"]',
        b"[" * 740,
        b"[1, 2]",
    ],
)
def test_a_cursor_that_no_export_gave_is_refused(service: Service, content: bytes) -> None:
    cursor = quote(base64.urlsafe_b64encode(content))
    refused = service.user().get(f"/me/export?cursor={cursor}")
    assert (refused.status, refused.json["code"]) == (400, "bad_cursor")
