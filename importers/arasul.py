"""Arasul: its administrators, their conversations, documents and jobs."""

import base64
import binascii
import hashlib
from collections.abc import Iterator, Sequence

from chalicelib.core import sql
from importers import arasul_operations, papers, people, talks
from importers.left import left
from importers.move import Move
from importers.records import Json, NewRow, Row, Step, Target

queries = sql.load(__file__)


def users(row: Row, move: Move) -> Iterator[Target]:
    """An administrator: every account of Arasul is one."""
    values: dict[str, Json] = {
        "email": row.get("email"),
        "username": row.get("username"),
        "password_hash": people.password(row, "password_hash"),
        "is_admin": True,
        "is_active": bool(row.get("is_active", True)),
        "failed_logins": row.whole("login_attempts", 0, 2**31 - 1, 0),
        "locked_until": move.time(row, "locked_until"),
        "last_login_at": move.time(row, "last_login"),
    }
    yield people.account(row, move, values, move.created(row))


def login_attempts(row: Row, move: Move) -> Iterator[Target]:
    """An attempt to log in."""
    moment = move.created(row, "attempted_at")
    move.check_retention("login_attempts", moment)
    account = row.match("account")
    values: dict[str, Json] = {
        "id": move.id(row, moment),
        "identifier": row.text("username", 254, "unknown"),
        "user_id": account.id if account else None,
        "success": bool(row.get("success", False)),
        "ip_address": row.get("ip_address"),
        "user_agent": row.text("user_agent", 512),
        "created_at": moment,
    }
    yield Target("login_attempts", values)


def sessions(row: Row, move: Move) -> Iterator[Target]:
    """A login, which is over: its token means nothing here."""
    user, created = row.needs("user_id", "user"), move.created(row)
    expires = move.time(row, "expires_at", created) or created
    move.check_retention("sessions", expires)
    values: dict[str, Json] = {
        "id": move.id(row, created),
        "user_id": user.id,
        "ip_address": row.get("ip_address"),
        "user_agent": row.text("user_agent", 512),
        "created_at": created,
        "last_activity_at": move.time(row, "last_activity", created),
        "expires_at": expires,
        "revoked_at": move.now,
        "data": talks.metadata(row, {"token_jti": row.get("token_jti")}),
    }
    yield Target("sessions", values, volatile=frozenset({"revoked_at"}))


def password_history(row: Row, move: Move) -> Iterator[Target]:
    """A password that was replaced: a new one is compared with it."""
    user, changed = row.needs("user_id", "user"), move.created(row, "changed_at")
    changer = row.match("changer")
    values: dict[str, Json] = {
        "id": move.id(row, changed),
        "user_id": user.id,
        "password_hash": people.password(row, "password_hash"),
        "changed_by": changer.id if changer else None,
        "ip_address": row.get("ip_address"),
        "created_at": changed,
    }
    yield Target("password_history", values, volatile=frozenset({"password_hash"}))


def conversations(row: Row, move: Move) -> Iterator[Target]:
    """A conversation; there, conversations have no owner."""
    owner_id, _ = move.fallback_owner()
    deleted = move.time(row, "deleted_at")
    move.check_retention("conversations", deleted)
    yield talks.conversation(row, move, owner_id, extra_data={}, deleted_at=deleted)


def messages(row: Row, move: Move) -> Iterator[Target]:
    """A message. Its sources name chunks that are made anew here, so they stay as they were, in its metadata."""
    conversation = row.needs("conversation_id", "conversation")
    yield talks.message(
        row,
        move,
        conversation,
        talks.role_of(row.get("role")),
        extra_data={"sources": row.get("sources")},
        thinking=row.text("thinking", 200_000),
    )


def follows(row: Row, move: Move) -> Iterator[Target]:
    """The message that a message follows: the one before it."""
    del move
    yield from talks.follows(row, "previous")


def jobs(row: Row, move: Move) -> Iterator[Target]:
    """A job. One that had not ended is not answered again: it is failed, and says so."""
    conversation, created = row.needs("conversation_id", "conversation"), move.created(row)
    question, answer = row.match("question"), row.match("answer")
    if question is None:
        row.note("no message has its prompt: the prompt is a message of its own")
        message = talks.message(row, move, conversation, "user", extra_data={}, content="prompt")
        message.values["id"] = move.id(row, created, kind="prompts")
        yield message
        question = NewRow(message.values["id"], {**conversation.row, "conversation_id": str(conversation.id)})
    stated = str(row.get("status", "pending"))
    is_whole = stated == "completed"
    finished = move.time(row, "updated_at", created) or created
    priority = row.whole("priority", -10, 10, 0)
    error = row.text("error", 2000)
    if stated not in {"completed", "failed"}:
        error = error or f"It was {stated} when it was moved in."
    settings = {"enqueued_at": row.get("enqueued_at")}
    if answer is None and row.get("response"):
        row.note("no message has its response: it is in the settings of the job")
        settings["response"] = row.get("response")
    job = talks.job(
        move,
        question,
        answer,
        key=row.key,
        created=created,
        finished=max(finished, created),
        started_at=move.time(row, "started_at"),
        settings={name: value for name, value in settings.items() if value is not None},
        status="completed" if is_whole else "failed",
        priority=priority,
        error_code=None if is_whole else "failed",
        error_message=None if is_whole else error,
    )
    job.shared = False
    yield job


def documents(row: Row, move: Move) -> Iterator[Target]:
    """A document; there, documents have no owner, and every account saw them."""
    owner_id, _ = move.fallback_owner()
    name = row.get("original_name") or row.get("filename")
    extra_data: dict[str, Json] = {
        column: row.get(column)
        for column in ("filename", "minio_path", "status", "chunk_count", "error_message", "indexed_at")
    }
    yield papers.document(
        row,
        move,
        owner_id,
        1,
        extra_data=extra_data,
        filename=name,
        title=name,
        media_type=row.get("mime_type"),
        created=move.created(row),
    )


def texts(row: Row, move: Move) -> Iterator[Target]:
    """The bytes of a document, or the text of its chunks."""
    size = row.get("size_bytes")
    yield from papers.send(row, move, path=row.get("minio_path"), text=papers.joined(row.get("chunks")), size=size)


def telegram_config(row: Row, move: Move) -> Iterator[Target]:
    """The configuration of alerts, switched off: administrators switch it on when this service is to tell them."""
    from chalicelib.ops.alerts.sealed_columns import BOT_TOKEN

    values: dict[str, Json] = {
        "id": 1,
        "chat_id": row.text("chat_id", 50),
        "alert_thresholds": row.get("alert_thresholds", {}),
    }
    if row.get("enabled", False):
        row.note("enabled was True: alerts are off here until an administrator switches them on")
    token = opened_token(row, move.key)
    if token is None and row.get("bot_token_encrypted"):
        row.note("its token is not moved: KEY, the source's JWT_SECRET, opens it")
    if token is not None and move.seal is not None:
        sealed = move.seal(BOT_TOKEN, token, (1,))
        values |= {
            "ciphertext": sealed.ciphertext,
            "wrapped_key": sealed.wrapped_key,
            "master_key": sealed.master_key,
        }
    secret = frozenset({"ciphertext", "wrapped_key", "master_key"})
    yield Target("telegram_config", values, update=True, volatile=secret)


def opened_token(row: Row, secret: str | None) -> str | None:
    """The bot's token: AES-256-GCM under the source's secret, itself or its SHA-256. None when it does not open."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    parts = [row.get(f"bot_token_{part}") for part in ("encrypted", "iv", "tag")]
    if secret is None or not all(isinstance(part, str) for part in parts):
        return None
    keys = [key for key in (secret.encode(), _bytes(secret)) if len(key) == 32]
    for key in (*keys, hashlib.sha256(secret.encode()).digest()):
        try:
            ciphertext, nonce, tag = map(_bytes, parts)
            return AESGCM(key).decrypt(nonce, ciphertext + tag, None).decode()
        except (InvalidTag, ValueError):
            continue
    return None


def _bytes(text: str) -> bytes:
    """Bytes that are written in hexadecimal or in base64; none for other text."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        pass
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""


def steps(move: Move) -> Sequence[Step]:
    """The steps of a move."""
    del move
    return STEPS


_NUMBER = (("id", "bigint"),)
_ID = (("id", "uuid"),)
STEPS = (
    Step("admin_users", queries.users, users, order=_NUMBER),
    Step(
        "token_blacklist",
        queries.token_blacklist,
        left("its token means nothing here: no session of the source is open"),
        order=_NUMBER,
    ),
    Step("login_attempts", queries.login_attempts, login_attempts, order=_NUMBER, refs={"account": "admin_users"}),
    Step("active_sessions", queries.sessions, sessions, order=_NUMBER, refs={"user_id": "admin_users"}),
    Step(
        "password_history",
        queries.password_history,
        password_history,
        order=_NUMBER,
        refs={"user_id": "admin_users", "changer": "admin_users"},
    ),
    Step("chat_conversations", queries.conversations, conversations, order=_ID),
    Step("chat_messages", queries.messages, messages, order=_ID, refs={"conversation_id": "chat_conversations"}),
    Step(
        "chat_messages",
        queries.follows,
        follows,
        name="chat_messages: order",
        order=_ID,
        refs={"self": "chat_messages", "previous": "chat_messages"},
    ),
    Step(
        "llm_jobs",
        queries.jobs,
        jobs,
        order=_ID,
        refs={"conversation_id": "chat_conversations", "question": "chat_messages", "answer": "chat_messages"},
        requires=("llm_jobs", "llm_queue"),
        otherwise=queries.jobs_without_queue,
    ),
    Step("llm_queue", queries.queue, left("its job has its priority and its times"), order=_NUMBER),
    Step("documents", queries.documents, documents, order=_ID),
    Step(
        "documents",
        queries.texts,
        texts,
        name="documents: bytes",
        sends=True,
        order=_ID,
        refs={"self": "documents"},
        requires=("documents", "document_chunks"),
    ),
    Step("document_chunks", queries.chunks, left("chunks and vectors are made anew from the bytes"), order=_ID),
    Step("telegram_config", queries.telegram_config, telegram_config, order=_NUMBER),
    *arasul_operations.STEPS,
)
