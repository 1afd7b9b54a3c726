"""Every route that changes something others see, or an account, leaves a line in the audit log (A9).

Nothing here names such routes: a new one has to leave a line, or an entry below with the reason why it need not.
"""

import secrets
from dataclasses import dataclass

import pytest

from chalicelib.core.http import Operation
from infra import package
from tests.isolation.scenario import PUMP, Scenario
from tests.isolation.test_routes import CLOSED, EXAMPLES, NAMES, _body, _filled, _last_resort
from tests.service import User


@dataclass(frozen=True)
class Elsewhere:
    """A route whose line in the log another test looks for: the file, and the action that it names."""

    file: str
    action: str
    because: str


OWN = "what people say, remember and choose for themselves is not the log's: nobody else sees it"
ASKS = "it asks, and changes nothing"
# By `METHOD /path`, or how that begins. Every excuse is checked below.
SILENT: dict[str, str | Elsewhere] = {
    "DELETE /conversations": OWN,
    "PATCH /conversations": OWN,
    "POST /conversations": OWN,
    "PUT /conversations": OWN,
    "POST /comparisons/": OWN,
    "DELETE /jobs/": OWN,
    "POST /evals/": OWN,
    "DELETE /evals/": OWN,
    "POST /messages/": OWN,
    "PUT /messages/": OWN,
    "DELETE /memories/": OWN,
    "PATCH /memories/": OWN,
    "POST /memories": OWN,
    "POST /mcp": OWN,
    "POST /openai/v1/chat/completions": OWN,
    "PUT /selection": OWN,
    "POST /analytics/compare": ASKS,
    "POST /groups/{group_id}/people": ASKS,
    "POST /openai/v1/embeddings": ASKS,
    "POST /documents/{document_id}/tickets": ASKS,
    "POST /documents/{document_id}/parts": "its announcement is in the log, and what arrives is judged first",
    "POST /jobs/{job_id}/tickets": ASKS,
    "POST /search": ASKS,
    "POST /llms/{llm_id}/test": ASKS,
    "POST /host-metrics": "it measures, and changes nothing that people made",
    "POST /alerts/telegram/test": Elsewhere(
        "tests/ops/test_alerts.py", "telegram_config.tested", "it needs a bot to send the message"
    ),
    "POST /alerts/email/test": Elsewhere(
        "tests/ops/test_alert_mails.py", "email_alerts.tested", "it needs a mail server to send the message"
    ),
    "PATCH /me/preferences": Elsewhere("tests/config/test_audit.py", "user_pref", "config_audit has its fields"),
    "POST /auth/anonymous/upgrade": Elsewhere(
        "tests/auth/test_providers_anonymous.py", "user.absorbed", "it needs an anonymous caller"
    ),
    "POST /shared-conversations": Elsewhere(
        "tests/chat/test_sharing.py", "conversation.share_opened", "it needs the link of somebody else"
    ),
    "POST /users/{user_id}/handover": Elsewhere(
        "tests/auth/test_leaving.py", "user.handed_over", "it needs somebody who leaves"
    ),
    "POST /users/{user_id}/restore": Elsewhere(
        "tests/auth/test_leaving.py", "user.restored", "it needs somebody who leaves"
    ),
    "DELETE /users/{user_id}": Elsewhere(
        "tests/auth/test_leaving.py", "user.deletion_scheduled", "the owner of everything would be gone"
    ),
    "POST /me/second-factor": Elsewhere(
        "tests/auth/test_second_factor.py", "second_factor.added", "it needs a key service and an app"
    ),
    "POST /me/recovery-codes": Elsewhere(
        "tests/auth/test_second_factor.py", "recovery_code.replaced", "it needs a second factor"
    ),
    "DELETE /users/{user_id}/second-factor": Elsewhere(
        "tests/auth/test_second_factor.py", "second_factor.ended", "it needs a second factor"
    ),
    "POST /me/email-change": Elsewhere(
        "tests/auth/test_recovery.py", "user.email_change_changed", "it needs a server of e-mails"
    ),
    "POST /users/{user_id}/email-change": Elsewhere(
        "tests/auth/test_recovery.py", "user.email_change_begun", "it needs a server of e-mails"
    ),
    "POST /me/invitations": Elsewhere(
        "tests/auth/test_invitations.py", "invitation.accepted", "it needs an invitation of somebody else"
    ),
    "PUT /me/provider-keys/": Elsewhere(
        "tests/auth/test_provider_keys.py", "provider_key.stored", "it needs a provider to ask"
    ),
    "POST /embedding-models/{embedding_model_id}/": Elsewhere(
        "tests/knowledge/test_reembedding.py", "embedding_model.activated", "it needs a second model"
    ),
    "DELETE /embedding-models/{embedding_model_id}": Elsewhere(
        "tests/knowledge/test_embedding_models.py", "embedding_model.deleted", "it needs a second model"
    ),
    "PUT /me/session/data": OWN,
    "POST /updates": Elsewhere(
        "tests/ops/test_update_announcing.py", "update.announced", "it needs a bucket of updates"
    ),
    "POST /rerankers": Elsewhere(
        "tests/knowledge/test_reranking.py", "reranker.registered", "it needs a server to ask"
    ),
    "PATCH /rerankers/": Elsewhere("tests/knowledge/test_reranking.py", "reranker.changed", "it needs a server to ask"),
    "POST /ab/pool/{variant_id}/promote": Elsewhere(
        "tests/chat/test_comparisons.py", "ab_variant.promoted", "it needs a pool of its own"
    ),
    "POST /connectors/{connector_id}/authorization": Elsewhere(
        "tests/connectors/test_drives.py", "connector.connected", "it needs a provider to ask"
    ),
    "DELETE /me": Elsewhere(
        "tests/auth/test_erasure.py", "user.erased", "of an erased person the log keeps that there was one"
    ),
}


# These begin other routes' names, and excuse themselves alone.
WHOLE = {"DELETE /me", "DELETE /users/{user_id}"}


def excuse(path: str, method: str) -> str | Elsewhere | None:
    name = f"{method} {path}"
    entries = (entry for entry in SILENT if name == entry or (entry not in WHOLE and name.startswith(entry)))
    return next((SILENT[entry] for entry in entries), None)


CHANGES = [entry for entry in CLOSED if entry[1] != "GET" and excuse(entry[0], entry[1]) is None]


def _share(world: Scenario) -> None:
    """Put things that others read in the place of the owner's own."""
    owner, ids = world.owner, world.ids
    group = {"scope": "group", "group_id": ids["group_id"]}
    shared = owner.add("Shared pump", f"{PUMP} It is everybody's.", **group)
    repository = owner.post("/repositories", {"name": "Shared manuals", **group})
    tag = world.administrator.post("/tags", {"name": "everybody's", "is_global": True})
    assert (repository.status, tag.status) == (201, 201)
    ids |= {"document_id": shared["id"], "repository_id": repository.json["id"], "tag_id": tag.json["id"]}


def _body_of(world: Scenario, path: str, method: str) -> object:
    body = _body(f"{method} {path}", world.ids)
    if (method, path) in {("POST", "/documents"), ("POST", "/repositories")}:
        return body | {"scope": "group", "group_id": world.ids["group_id"]}
    return body | {"is_global": True} if (method, path) == ("POST", "/tags") else body


def _who(world: Scenario, path: str, method: str, operation: Operation) -> User:
    of_shared_tag = path in {"/tags", "/tags/{tag_id}"}
    return world.administrator if operation.admin or of_shared_tag else world.owner


def _prepare(world: Scenario, path: str, method: str) -> None:
    """What an earlier change took away."""
    owner = world.owner
    if owner.get("/me").status == 401:
        world.owner = owner = world.service.log_in(owner.email, owner.password)
    if path == "/me/sessions/{session_id}":
        other = world.service.log_in(owner.email, owner.password)
        world.ids["session_id"] = other.get("/me/sessions").json["items"][0]["id"]
    if path.endswith("/api-keys/{key_id}"):
        world.ids["key_id"] = owner.post("/me/api-keys", EXAMPLES["POST /me/api-keys"]).json["id"]
    if path == "/documents/{document_id}/restore":
        assert owner.delete(f"/documents/{world.ids['document_id']}").status == 204
    if method == "DELETE" and path.startswith(("/repositories", "/documents", "/groups")):
        if path == "/groups/{group_id}":
            world.ids["group_id"] = world.administrator.post("/groups", {"name": "Soon gone"}).json["id"]
        joined = world.administrator.put(f"/groups/{world.ids['group_id']}/members/{owner.id}", {"role": "admin"})
        assert joined.status == 204


@pytest.fixture(scope="module")
def shared(world: Scenario) -> Scenario:
    _share(world)
    return world


def test_a9_every_change_of_what_others_see_or_of_an_account_is_in_the_audit_log(shared: Scenario) -> None:
    missing, refused = [], []
    for number, (path, method, operation) in enumerate(sorted(CHANGES, key=_last_resort)):
        _prepare(shared, path, method)
        where, request = _filled(path, NAMES | shared.ids), f"audited-{number}"
        caller, body = _who(shared, path, method, operation), _body_of(shared, path, method)
        answer = caller.request(method, where, body, {"X-Request-Id": request})
        if answer.status not in {200, 201, 202, 204}:
            refused.append((method, path, answer.status, answer.body))
        lines = shared.service.rows(
            "select user_id from audit_logs where request_id = %s and ip_address = '127.0.0.1'", request
        )
        if lines != [(caller.id,)]:
            missing.append((method, path, lines))
        if (method, path) == ("PUT", "/me/password"):
            shared.owner.password = str(body["new_password"]) if isinstance(body, dict) else ""
    assert (refused, missing) == ([], [])


def test_a9_coming_in_is_in_the_audit_log_and_a_refresh_only_when_it_was_used_before(shared: Scenario) -> None:
    account = EXAMPLES["POST /auth/register"]
    other_user = {"client_id": secrets.token_urlsafe(32)}
    bodies = {"/auth/register": account, "/auth/login": account, "/auth/anonymous": other_user}
    opened = ""
    for path, body in bodies.items():
        answer = shared.service.request("POST", path, body, {"X-Request-Id": path.replace("/", ".")})
        assert answer.status in {200, 201}, answer.body
        opened = answer.json.get("refresh_token", opened)
    for used in ("first", "again"):
        shared.service.request("POST", "/auth/refresh", {"refresh_token": opened}, {"X-Request-Id": used})
        shared.service.rows("update refresh_tokens set used_at = used_at - interval '1 hour' returning 1")
    lines = shared.service.rows(
        "select request_id, action from audit_logs "
        "where request_id = any (%s) and ip_address = '127.0.0.1' order by id",
        [*(path.replace("/", ".") for path in bodies), "first", "again"],
    )
    assert lines == [
        (".auth.register", "user.registered"),
        (".auth.login", "session.opened"),
        (".auth.anonymous", "session.opened"),
        ("again", "session.refresh_reused"),
    ]


def test_a9_every_route_that_is_excused_is_there() -> None:
    names = {f"{method} {path}" for path, method, _ in CLOSED}
    for entry in SILENT:
        assert any(name.startswith(entry) for name in names), entry
    assert len(CHANGES) > 40


ELSEWHERE = [item for item in SILENT.values() if isinstance(item, Elsewhere)]


@pytest.mark.parametrize("excuse", ELSEWHERE, ids=lambda item: item.action)
def test_a9_the_test_that_an_excuse_names_looks_for_the_line(excuse: Elsewhere) -> None:
    text = (package.ROOT / excuse.file).read_text()
    assert excuse.action in text
    assert "audit" in text
