"""Taking one's data along (GET /me/export): all that is one's own, nothing that is not, nothing secret."""

import base64
import json
from urllib.parse import quote

import pytest

from chalicelib.auth.exports import passes
from chalicelib.auth.sessions import tokens
from tests.auth.test_proofs import let_the_proof_end
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


def test_a_key_of_the_greatest_length_is_a_place_to_go_on(service: Service) -> None:
    user = service.user()
    settings = {"name": "Site", "type": "web", "settings": {"start_urls": ["https://example.org/"]}}
    connector = user.post("/connectors", settings).json["id"]
    ids = [f"{number}{'𝛑' * 1023}" for number in range(3)]
    for number, source_id in enumerate(ids):
        document = user.add(f"Note {number}", f"Pump number {number} runs.")["id"]
        service.rows(
            "insert into connector_items (connector_id, source_id, space_id, document_id, path) "
            "select %s, %s, space_id, id, 'p' from documents where id = %s returning 1",
            connector,
            source_id,
            document,
        )
    exported = rows_of(user, limit=1)
    assert [row["source_id"] for table, row in exported if table == "connector_items"] == ids


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


@pytest.mark.parametrize("path", ["/me/export", "/organisation/export"])
def test_an_export_that_began_with_a_proof_goes_on_without_one(service: Service, path: str) -> None:
    user = service.administrator()
    expected = [item["row"] for item in user.items(path, 1000)]
    page = user.get(f"{path}?limit=1").json
    let_the_proof_end(service)
    assert user.get(f"{path}?limit=1").json["code"] == "recent_login_required"
    rows = page["items"]
    while page["next_cursor"]:
        answer = user.get(f"{path}?limit=1&cursor={quote(page['next_cursor'])}")
        assert answer.status == 200, answer.body
        page = answer.json
        rows += page["items"]
    assert {row["row"].get("id") for row in rows} >= {row.get("id") for row in expected}


def test_a_pass_is_good_for_its_session_its_export_and_its_page_alone(service: Service) -> None:
    user = service.administrator()
    other = service.log_in(user.email, user.password)
    first = user.get("/me/export?limit=1").json["next_cursor"]
    second = user.get(f"/me/export?limit=1&cursor={quote(first)}").json["next_cursor"]
    of_the_organisation = user.get("/organisation/export?limit=1").json["next_cursor"]
    let_the_proof_end(service)
    (position, _, issued), (next_position, _, _) = first.partition("."), second.partition(".")
    mark = of_the_organisation[:8]
    (session,) = service.rows("select id from sessions where user_id = %s order by id limit 1", user.id)[0]
    claims = tokens.verified_claims(issued, "alcove export")
    own = {name: claims[name] for name in ("sid", "of", "at", "began")}
    assert own["sid"] == str(session)
    day_ago = str(int(own["began"]) - passes.LONGEST_SECONDS)
    refused = {
        "without a pass": (user, "/me/export", position),
        "of another session": (other, "/me/export", first),
        "of another page": (user, "/me/export", f"{next_position}.{issued}"),
        "of another export": (user, "/organisation/export", mark + first[8:]),
        "too old": (user, "/me/export", f"{position}.{tokens.sign(own, 'alcove export', -60)}"),
        "of an export that began too long ago": (
            user,
            "/me/export",
            f"{position}.{tokens.sign(own | {'began': day_ago}, 'alcove export', 60)}",
        ),
        "an access token": (user, "/me/export", f"{position}.{user.access_token}"),
        "changed": (user, "/me/export", first[:-3] + "AAA"),
    }
    for name, (caller, path, cursor) in refused.items():
        answer = caller.get(f"{path}?limit=1&cursor={quote(cursor)}")
        assert (answer.status, answer.json["code"]) == (403, "recent_login_required"), name
    assert user.get(f"/me/export?limit=1&cursor={quote(first)}").status == 200
    assert user.post("/me/session/proof", {"password": user.password}).status == 200
    assert user.get(f"/me/export?limit=1&cursor={quote(position)}").status == 200
