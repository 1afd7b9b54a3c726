"""Digests: what a user wants to be told of by e-mail, once a day at most."""

from datetime import UTC, datetime, timedelta

from chalicelib.core import repairs
from tests.auth.mailboxes import Mailboxes, text_of
from tests.service import User

PUMP = "The coolant pump P-17 is inspected every ninety days."


def _wants(mails: Mailboxes, *, verified: bool = True) -> User:
    user = mails.service.user()
    assert user.request("PATCH", "/me/preferences", {"notify_by_email": True}).status == 200
    mails.service.rows("update users set email_verified = %s where id = %s returning 1", verified, user.id)
    return user


def _fail(mails: Mailboxes, user: User) -> None:
    user.add("Pump", PUMP)
    statement = "update documents set status = 'failed', error_code = 'unreadable', error_message = 'x' "
    mails.service.rows(f"{statement} where owner_id = %s returning 1", user.id)


def test_a_user_who_wants_it_is_told_of_failed_documents_once_a_day(mails: Mailboxes) -> None:
    user, others = _wants(mails), [mails.service.user(), _wants(mails, verified=False)]
    assert repairs.run("queue_digests")["queue_digests"] == 0, "nothing happened yet"
    mails.service.rows("update users set notified_at = null returning 1")
    for person in (user, *others):
        _fail(mails, person)
    assert repairs.run("queue_digests")["queue_digests"] == 1
    assert repairs.run("queue_digests")["queue_digests"] == 0
    (message,) = mails.of(user.email)
    assert "Documents that could not be read: 1." in text_of(message)
    assert "percent" not in text_of(message), "what did not happen is not told"
    assert "Pump" not in message.as_string()
    assert [mails.of(person.email) for person in others] == [[], []]


def test_a_user_who_has_left_a_group_is_told_nothing_of_its_documents(mails: Mailboxes) -> None:
    administrator, leaver = mails.service.administrator(), _wants(mails)
    group = administrator.post("/groups", {"name": "Operators"}).json["id"]
    assert administrator.put(f"/groups/{group}/members/{leaver.id}", {"role": "editor"}).status == 204
    leaver.add("Pump", PUMP, scope="group", group_id=group)
    statement = "update documents set status = 'failed', error_code = 'unreadable', error_message = 'x' "
    mails.service.rows(f"{statement} where owner_id = %s returning 1", leaver.id)
    assert leaver.delete(f"/groups/{group}/members/{leaver.id}").status == 204
    assert repairs.run("queue_digests")["queue_digests"] == 0


def test_a_user_is_told_that_a_budget_is_near_its_end(mails: Mailboxes) -> None:
    user, administrator = _wants(mails), mails.service.administrator()
    assert administrator.put(f"/users/{user.id}/budget", {"monthly_cost_usd": 1}).status == 200
    statement = (
        "insert into usage (user_id, job_id, model, provider, prompt_tokens, completion_tokens, cost_usd) "
        "values (%s, gen_random_uuid(), 'paid', 'openai', 1, 1, %s) returning 1"
    )
    mails.service.rows(statement, user.id, 0.5)
    assert repairs.run("queue_digests")["queue_digests"] == 0
    mails.service.rows("update users set notified_at = null returning 1")
    mails.service.rows(statement, user.id, 0.4)
    assert repairs.run("queue_digests")["queue_digests"] == 1
    (message,) = mails.of(user.email)
    assert "90 percent" in text_of(message)


def test_a_user_is_told_of_documents_that_were_read_in_part_and_of_sources_that_failed(mails: Mailboxes) -> None:
    user, other = _wants(mails), _wants(mails)
    user.add("Pump", PUMP)
    warned = (
        """update documents set warnings = '[{"code": "partly", "message": "x"}]' where owner_id = %s returning 1"""
    )
    mails.service.rows(warned, user.id)
    settings = {"start_urls": ["https://example.org/"]}
    for person, status in ((user, "error"), (user, "disabled"), (other, "active")):
        created = person.post("/connectors", {"name": f"Site, {status}", "type": "web", "settings": settings}).json
        mails.service.rows("update connectors set status = %s where id = %s returning 1", status, created["id"])
    created = user.post("/connectors", {"name": "Site, tried again", "type": "web", "settings": settings}).json
    again = "update connectors set status = 'syncing', failures = 1, error_code = 'source_unavailable' where id = %s"
    mails.service.rows(f"{again} returning 1", created["id"])
    assert repairs.run("queue_digests")["queue_digests"] == 1
    (message,) = mails.of(user.email)
    assert "Documents of which a part was not read: 1." in text_of(message)
    assert "Sources that could not be brought up to date: 2." in text_of(message)
    assert "Site" not in message.as_string()
    assert mails.of(other.email) == []


def test_what_was_told_is_not_told_again_because_the_bucket_was_compared(mails: Mailboxes) -> None:
    user, administrator = _wants(mails), mails.service.administrator()
    _fail(mails, user)
    (before,) = mails.service.rows(
        "update documents set processed_at = now() - interval '2 days' where owner_id = %s returning updated_at",
        user.id,
    )
    compared = mails.service.rows("select count(*) from find_documents_to_verify('0 s', now())")
    assert compared == [(1,)]
    assert mails.service.rows("select updated_at from documents where owner_id = %s", user.id) == [before]
    assert repairs.run("queue_digests")["queue_digests"] == 0
    days = administrator.get("/reports/usage?by=day").json["items"]
    failed = {item["key"]: item["failed_documents"] for item in days}
    assert failed == {f"{datetime.now(UTC) - timedelta(days=2):%Y-%m-%d}": 1}
    metrics = administrator.get("/metrics").body.decode()
    assert 'ingestion_errors_last_hour{code="unreadable"}' not in metrics


def test_a_digest_is_read_in_german(mails: Mailboxes) -> None:
    user = _wants(mails)
    mails.use(mails.server.settings | {"language": "de"})
    _fail(mails, user)
    assert repairs.run("queue_digests")["queue_digests"] == 1
    (message,) = mails.of(user.email)
    assert "Dokumente, die nicht gelesen werden konnten: 1." in text_of(message)
