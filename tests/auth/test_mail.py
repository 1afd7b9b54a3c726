"""E-mail: the outbox, its sending, what messages say, and to whom (A12)."""

import json

import boto3
import httpx
import pytest
from pydantic import ValidationError

from chalicelib.auth.mail import mail, texts, tokens
from chalicelib.auth.mail.models import MailSettings
from chalicelib.core import identity, repairs
from tests.auth.mailboxes import Mailboxes, MailServer, text_of
from tests.service import Service


def _ask(service: Service, address: str, kind: str = "password/forgotten", **more: str) -> int:
    return service.request("POST", f"/auth/{kind}", {"email": address, **more}).status


def test_a_message_has_a_link_as_text_and_as_html_that_loads_nothing(mails: Mailboxes) -> None:
    user = mails.service.user()
    assert _ask(mails.service, user.email) == 204
    (message,) = mails.of(user.email)
    assert message["To"] == user.email
    assert message["From"] == "Alcove <alcove@example.org>"
    assert message["Subject"] == "Alcove: choose a new password"
    assert message["Auto-Submitted"] == "auto-generated"
    html = message.get_body(("html",))
    assert html is not None
    for text in (text_of(message), html.get_content()):
        assert "#password_reset=" in text
        assert not {"<img", "<script", "<link", "style="} & set(text.split())
    assert mails.service.rows("select count(*) from outgoing_mails") == [(0,)]


def test_a_request_chooses_the_language(mails: Mailboxes) -> None:
    user = mails.service.user()
    assert _ask(mails.service, user.email, language="de") == 204
    (message,) = mails.of(user.email)
    assert message["Subject"] == "Alcove: Wählen Sie ein neues Passwort"


def test_without_a_page_a_message_has_the_code(mails: Mailboxes, mail_server: MailServer) -> None:
    settings = mail_server.settings
    del settings["page"]
    mails.use(settings)
    user = mails.service.user()
    assert _ask(mails.service, user.email) == 204
    (message,) = mails.of(user.email)
    code = text_of(message).split("Enter this code:\n")[1].split()[0]
    body = {"token": code, "new_password": "another long password"}
    assert mails.service.request("POST", "/auth/password/reset", body).status == 204


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_server_is_used_over_tls_when_its_certificate_is_trusted(
    mails: Mailboxes, mail_server: MailServer, security: str
) -> None:
    user = mails.service.user()
    place = {"host": "localhost", "security": security, "port": getattr(mail_server, security)}
    login = {"username": "alcove", "password": "a password of the server"} if security == "starttls" else {}
    mails.use(mail_server.settings | place | login)
    assert _ask(mails.service, user.email) == 204
    assert mails.of(user.email) == [], "nobody vouches for the certificate"
    mails.environment.setenv("SSL_CERT_FILE", str(mail_server.folder / "certificate.pem"))
    mails.service.rows("update outgoing_mails set due_at = now() returning 1")
    (message,) = mails.of(user.email)
    assert mail_server.stored()[-1]["tls"] is True
    assert "#password_reset=" in text_of(message)


def test_ses_sends_what_an_smtp_server_would(mails: Mailboxes, endpoint_url: str) -> None:
    mails.use({"transport": "ses", "sender": "alcove@example.org", "sender_name": "Our Alcove"})
    boto3.client("sesv2").create_email_identity(EmailIdentity="alcove@example.org")
    user = mails.service.user()
    assert _ask(mails.service, user.email) == 204
    assert mails.deliver() == 1
    listed = json.dumps(httpx.get(f"{endpoint_url}/_ministack/ses/messages").json())
    assert user.email in listed
    assert "Alcove: choose a new password" in listed


def test_an_address_without_an_account_gets_nothing_and_the_answer_says_nothing(mails: Mailboxes) -> None:
    """The request writes the same row for every address; what it is for is looked up when it is sent."""
    user, other_user = mails.service.user(), "other_user@example.org"
    answers = []
    for address in (user.email, other_user):
        answer = mails.service.request("POST", "/auth/password/forgotten", {"email": address})
        answers.append((answer.status, answer.body))
    assert answers[0] == answers[1] == (204, b"")
    rows = mails.service.rows("select kind, user_id, invitation_id from outgoing_mails")
    assert rows == [("password_reset", None, None)] * 2
    assert mails.deliver() == 1
    assert mails.of(other_user) == []
    assert mails.service.rows("select count(*) from outgoing_mails") == [(0,)]


@pytest.mark.parametrize("kind", ["password_reset", "unlock", "verification"])
def test_asking_for_an_e_mail_is_the_same_work_for_every_address(service: Service, kind: str) -> None:
    """Counted by Postgres, table by table: what is the same work takes the same time. No account is looked at."""
    verified, claimed = service.user(), service.user()
    service.rows("update users set email_verified = true where id = %s returning 1", verified.id)
    work = []
    for address in (verified.email, claimed.email, "nobody@example.org"):
        with service.database.connect("owner") as conn, conn.transaction(force_rollback=True):
            conn.execute(mail.queries.request, {"kind": kind, "address": address, "language": "en"})
            counted = conn.execute(
                "select relname, seq_scan, seq_tup_read, idx_scan, idx_tup_fetch, n_tup_ins, n_tup_upd, n_tup_del "
                "from pg_stat_xact_user_tables where (seq_scan, idx_scan, n_tup_ins) is distinct from (0, 0, 0) "
                "and coalesce(seq_scan, 0) + coalesce(idx_scan, 0) + n_tup_ins > 0 order by 1"
            ).fetchall()
        work.append(counted)
    assert work[0] == work[1] == work[2]
    assert {table for table, *_ in work[0]} == {"outgoing_mails", "rate_limits", "rate_limit_buckets"}


def test_no_row_contains_a_link(mails: Mailboxes) -> None:
    user = mails.service.user()
    assert _ask(mails.service, user.email) == 204
    token = mails.token(user.email, "password_reset")
    dump = mails.service.dump()
    assert token not in dump
    assert tokens.hashed(token).hex() in dump


def test_an_address_gets_five_messages_of_a_kind_and_no_more(mails: Mailboxes) -> None:
    user = mails.service.user()
    assert [_ask(mails.service, user.email) for _ in range(8)] == [204] * 8
    assert len(mails.of(user.email)) == 5
    assert _ask(mails.service, user.email, "unlock/request") == 204
    assert len(mails.of(user.email)) == 6


def test_a_sender_that_dies_leaves_a_message_that_is_sent_again(mails: Mailboxes) -> None:
    """Twice when it died after the server took it: both links work until one is used."""
    user = mails.service.user()
    assert _ask(mails.service, user.email) == 204
    with identity.as_nobody() as conn:
        ((mail_id, *_),) = conn.execute(mail.queries.claim, {"amount": 5}).fetchall()
        conn.execute(mail.queries.prepare, {"id": mail_id, "token_hash": tokens.new()[1]})
    assert mails.deliver() == 0, "it is not due yet"
    mails.service.rows("update outgoing_mails set due_at = now() returning 1")
    assert mails.deliver() == 1
    body = {"token": mails.token(user.email, "password_reset"), "new_password": "another long password"}
    assert mails.service.request("POST", "/auth/password/reset", body).status == 204


def test_a_server_that_is_down_is_asked_again_and_at_last_no_more(mails: Mailboxes, mail_server: MailServer) -> None:
    user = mails.service.user()
    assert _ask(mails.service, user.email) == 204
    mails.use(mail_server.settings | {"port": 9})
    assert mails.deliver() == 0
    ((attempts, waits),) = mails.service.rows("select attempts, due_at > now() from outgoing_mails")
    assert (attempts, waits) == (1, True)
    mails.service.rows("update outgoing_mails set due_at = now(), attempts = 8 returning 1")
    assert mails.deliver() == 0
    assert mails.service.rows("select count(*) from outgoing_mails") == [(0,)]
    ((event, description),) = mails.service.rows(
        "select event_type, description from self_healing_events where event_type = 'mail_given_up'"
    )
    assert user.email not in f"{event} {description}"


def test_a_refused_recipient_does_not_keep_the_others_waiting(mails: Mailboxes) -> None:
    service, user = mails.service, mails.service.user()
    for name in ("never-there@example.org", "later-there@example.org"):
        body = {"email": name, "password": "a long enough password"}
        assert service.request("POST", "/auth/register", body).status == 201
    assert _ask(service, user.email) == 204
    mails.deliver()
    assert len(mails.of(user.email)) == 1
    waiting = service.rows("select recipient from outgoing_mails")
    assert waiting == [("later-there@example.org",)]


def test_a_name_puts_no_link_and_no_header_into_a_message(mails: Mailboxes, mail_server: MailServer) -> None:
    hostile = "Win at https://evil.example/x <b>now</b>\r\nBcc: everybody@example.org"
    values = texts.Values("Alcove", hostile, hostile, (hostile,), token="t" * 43, numbers={"failed": 1, "percent": 90})
    settings = MailSettings.model_validate(mail_server.settings)
    for kind in texts.kinds():
        for language in ("en", "de"):
            message = texts.compose(kind, language, "a@example.org", values, settings)
            whole = message.as_string()
            assert message["Bcc"] is None
            assert "evil.example" not in whole.replace("=\n", "")
            assert "<b>" not in whole


def test_settings_that_cannot_work_are_refused(mail_server: MailServer) -> None:
    good = mail_server.settings
    for wrong in (
        {"host": None},
        {"host": "http://mail.example.org"},
        {"sender": "nobody"},
        {"sender_name": "a\r\nBcc: b"},
        {"page": "http://alcove.example.org"},
        {"username": "alcove"},
        {"username": "alcove", "password": "in clear", "security": "none"},
        {"transport": "ses"},
        {"unknown": 1},
    ):
        with pytest.raises((ValidationError, Exception)):
            MailSettings.model_validate(good | wrong)
    assert MailSettings.model_validate(good).port == mail_server.plain


def test_without_the_secret_no_mail_is_sent_and_what_needs_one_says_so(service: Service) -> None:
    answer = service.request("POST", "/auth/password/forgotten", {"email": "a@example.org"})
    assert (answer.status, answer.json["code"]) == (409, "mail_off")
    assert repairs.run("send_mails")["send_mails"] == 0
    user = service.user()
    started = user.post("/me/email-change", {"email": "b@example.org"})
    assert (started.status, started.json["code"]) == (409, "mail_off")
