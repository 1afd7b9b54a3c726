"""What people meet after a move: their password, their documents, their conversations, and the figures of before.

The sources have about 1,000 awkward rows each; what each side shows is compared with what the source itself says.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, LiteralString

import bcrypt
import psycopg
import pytest

from importers import engine, verify
from importers.files import Folder, NoFiles
from infra.local import postgres
from tests.endurance import moving_sources, published
from tests.importers.sources import Source, move_of
from tests.service import Service, User

PEOPLE, DOCUMENTS, ROWS = 20, 50, 1300


@dataclass(frozen=True)
class Before:
    """How a source is made fit, and asked what it has: each a statement.

    `names` gives what people log in with. `documents` gives a document's key and puts the sentence `text` of document
    `number` into it. `talk` gives role, content and time of the messages of the one conversation that `person` reads.
    """

    prepare: LiteralString
    hash_column: tuple[LiteralString, LiteralString] | None
    names: LiteralString
    document: LiteralString | None
    conversations: LiteralString
    messages: LiteralString


SYSTEMS = {
    "aichat": Before(
        prepare="update users set is_active = true",
        hash_column=("users", "hashed_password"),
        names="select lower(email) from users order by email",
        document=None,
        conversations="select s.id::text from sessions s join users u on u.id = s.user_id "
        "where lower(u.email) = %(name)s order by s.id",
        messages="select role, coalesce(content, '') from messages where session_id::text = %(id)s "
        "order by created_at, id",
    ),
    "archi": Before(
        prepare="update users set auth_provider = 'local', github_id = null, "
        "email = 'u' || substr(id, 2) || '@example.org';"
        "delete from document_chunks; update documents set is_deleted = false, deleted_at = null",
        hash_column=("users", "password_hash"),
        names="select email from users order by email",
        document="insert into document_chunks (id, document_id, chunk_index, chunk_text, start_char, end_char) "
        "values (%(number)s, %(number)s, 0, %(text)s, 0, 99) returning document_id::text",
        conversations="select c.conversation_id::text from conversation_metadata c join users u on u.id = c.user_id "
        "where u.email = %(name)s order by c.conversation_id",
        messages="select case sender when 'User' then 'user' else 'assistant' end, coalesce(content, '') "
        "from conversations where conversation_id::text = %(id)s order by ts, message_id",
    ),
    "arasul": Before(
        prepare="update admin_users set is_active = true, locked_until = null, login_attempts = 0;"
        "delete from document_chunks; update chat_conversations set deleted_at = null;"
        "delete from llm_queue; delete from llm_jobs",
        hash_column=("admin_users", "password_hash"),
        names="select lower(email) from admin_users order by email",
        document="insert into document_chunks (id, document_id, chunk_index, content) "
        "select md5(%(text)s)::uuid, id, 0, %(text)s from documents order by id offset %(number)s - 1 limit 1 "
        "returning document_id::text",
        conversations="select id::text from chat_conversations order by id limit 20",
        messages="select role, coalesce(content, '') from chat_messages where conversation_id::text = %(id)s "
        "order by created_at, id",
    ),
    "knowledge": Before(
        prepare="update users set is_active = true; update chat_sessions set is_archived = false; "
        "update messages set metadata = jsonb_build_object('prompt_tokens', length(content), 'completion_tokens', 7); "
        "delete from document_embeddings; update documents set "
        "content = null, is_archived = false, owner_id = (select user_id from users order by email limit 1)",
        hash_column=("users", "password_hash"),
        names="select lower(email) from users order by email",
        document="insert into document_embeddings (embedding_id, document_id, chunk_index, chunk_text) "
        "select md5(%(text)s)::uuid, document_id, 0, %(text)s from documents order by document_id "
        "offset %(number)s - 1 limit 1 returning document_id::text",
        conversations="select s.session_id::text from chat_sessions s join users u on u.user_id = s.owner_id "
        "where lower(u.email) = %(name)s order by s.session_id",
        messages="select case role when 'tool' then 'system' else role end, coalesce(content, '') from messages "
        "where session_id::text = %(id)s order by created_at, message_id",
    ),
    "echomind": Before(
        prepare="update connectors set scope = 'org'; update documents set parent_id = null, "
        "content_type = 'text/markdown', title = 'Document ' || id || '.md'; "
        f"delete from documents where id > {DOCUMENTS}; update chat_messages set token_count = id",
        hash_column=None,  # its provider's
        names="select lower(email) from users order by email",
        document="update documents set url = 'minio:documents:' || id || '.md' where id = %(number)s "
        "returning id::text",
        conversations="select s.id::text from chat_sessions s join users u on u.id = s.user_id "
        "where lower(u.email) = %(name)s order by s.id",
        messages="select role, coalesce(content, '') from chat_messages where session_id::text = %(id)s "
        "order by created_at, id",
    ),
}


def sentence(number: int) -> str:
    """What document `number` says, and no other."""
    return f"The valve {word(number)} opens at {number + 3} bar."


def word(number: int) -> str:
    return "quill" + "".join("abcdefghij"[int(digit)] for digit in f"{number:02}")


def hashed(system: str, password: str) -> str:
    if system != "archi":
        return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()
    digest = hashlib.pbkdf2_hmac("sha256", password.encode(), b"salt", 1000).hex()
    return f"pbkdf2:sha256:1000$salt${digest}"


@dataclass(frozen=True)
class Moved:
    """A source, and the service that it moved into."""

    system: str
    source: Source
    service: Service
    administrator: User
    names: Sequence[str]
    documents: Sequence[str]

    def ask(self, statement: LiteralString, **params: Any) -> list[tuple[Any, ...]]:
        """What the source says."""
        with self.source.connect() as conn:
            return conn.execute(statement, params).fetchall()

    def user(self, name: str) -> User:
        """Who logs in with the password of before, or, in a system without passwords, with one that is given here."""
        if SYSTEMS[self.system].hash_column is None:
            self.service.rows(
                "update users set password_hash = %s where email = %s returning 1", hashed("", password_of(name)), name
            )
        return self.service.log_in(name, password_of(name))


def password_of(name: str) -> str:
    return f"the password of {name}"


@pytest.fixture(params=sorted(SYSTEMS))
def moved(
    request: pytest.FixtureRequest,
    server: postgres.Server,
    superuser: postgres.Superuser,
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[Moved]:
    system = request.param
    before, name = SYSTEMS[system], f"before_{system}"
    moving_sources.make(server, name, system, published.filled(system), ROWS, moving_sources.TEXTS, people=PEOPLE)
    try:
        source = Source(server, name)
        source.run(before.prepare)
        with source.connect() as conn:
            names = [each for (each,) in conn.execute(before.names).fetchall()]
            if before.hash_column is not None:
                _give_passwords(conn, system, before, names)
            documents = _give_documents(conn, before, tmp_path)
        service.create_master_key(monkeypatch)
        administrator = service.administrator()
        files = Folder(tmp_path) if system == "echomind" else NoFiles()
        with move_of(service, source, system, owner_name=administrator.email, files=files) as move:
            engine.run(move, import_module(f"importers.{system}").steps)
        service.pump_ingest()
        yield Moved(system, source, service, administrator, names, documents)
    finally:
        postgres.drop_database(server, name, superuser)


def _give_passwords(conn: "psycopg.Connection[Any]", system: str, before: Before, names: Sequence[str]) -> None:
    from psycopg.sql import SQL, Identifier

    assert before.hash_column is not None
    table, column = before.hash_column
    statement = SQL("update {} set {} = %s where lower({}) = %s").format(
        Identifier(table), Identifier(column), Identifier("email")
    )
    for name in names:
        conn.execute(statement, [hashed(system, password_of(name)), name])


def _give_documents(conn: "psycopg.Connection[Any]", before: Before, folder: Path) -> list[str]:
    if before.document is None:
        return []
    result = []
    for number in range(1, DOCUMENTS + 1):
        (folder / f"{number}.md").write_text(sentence(number))
        row = conn.execute(before.document, {"number": number, "text": sentence(number)}).fetchone()
        assert row is not None
        result.append(str(row[0]))
    return result


def test_what_people_had_is_there_as_it_was(moved: Moved) -> None:
    """One walk for each system, because making and moving a source takes longest."""
    assert len(moved.names) == PEOPLE
    users = {name: moved.user(name) for name in moved.names}
    _searches_match(moved, users)
    _conversations_read_the_same(moved, users)
    if moved.system in FIGURES:
        FIGURES[moved.system](moved, users)
    with move_of(moved.service, moved.source, moved.system, owner_name=moved.administrator.email) as move:
        checks = verify.check(move, import_module(f"importers.{moved.system}").steps)
        assert [(each.title, each.missing) for each in checks if not each.is_equal] == []


def _searches_match(moved: Moved, users: dict[str, User]) -> None:
    """50 searches find the one document whose text has the word, as the source does."""
    reader = next(iter(users.values()))
    statuses = moved.service.rows(
        "select status, error_code, space_id, content_type, count(*) from documents group by 1, 2, 3, 4"
    )
    assert sum(row[-1] for row in statuses if row[0] == "completed") >= len(moved.documents), statuses
    for number, key in enumerate(moved.documents, 1):
        (hit, *_) = reader.search(f"At how many bar does the valve {word(number)} open?")
        known = moved.service.rows(
            "select encode(key_hash, 'hex') from moved_rows where kind = 'documents' and new_id = %s",
            hit["document_id"],
        )
        assert (hashlib.sha256(key.encode()).hexdigest(),) in known, (number, hit["text"])
        assert word(number) in hit["text"]


def _conversations_read_the_same(moved: Moved, users: dict[str, User]) -> None:
    before, read = SYSTEMS[moved.system], 0
    # Arasul's conversations have no owner there.
    readers = {"": moved.administrator} if moved.system == "arasul" else users
    for name, user in readers.items():
        there = Counter(
            tuple((role, content) for role, content in moved.ask(before.messages, id=identifier))
            for (identifier,) in moved.ask(before.conversations, name=name)
        )
        here: Counter[tuple[tuple[str, str], ...]] = Counter()
        for conversation in user.items("/conversations"):
            messages = list(user.items(f"/conversations/{conversation['id']}/messages"))
            replayed = user.get(f"/conversations/{conversation['id']}/replay").json["messages"]
            assert [each["content"] for each in replayed] == [each["content"] for each in messages][: len(replayed)]
            here[tuple((each["role"], each["content"]) for each in messages)] += 1
        missing = there - here
        assert not missing, f"{name}: {next(iter(missing))} is none of {list(here - there)}"
        read += sum(there.values())
    assert read >= PEOPLE


def _tokens(moved: Moved, users: dict[str, User]) -> None:
    """The analytics of tokens have the sums of the source, as far back as they go."""
    (retained,) = moved.service.rows("select now() - lifetime from retention where name = 'usage'")[0]
    used = 0
    for name, user in users.items():
        ((prompt, completion),) = moved.ask(TOKENS[moved.system], name=name, retained=retained)
        answer = user.get(f"/analytics/tokens?since={retained:%Y-%m-%dT%H:%M:%SZ}").json
        assert (answer["prompt_tokens"], answer["completion_tokens"]) == (prompt, completion), name
        used += prompt + completion
    assert used


# The tokens of a user's answers, by the name that the user logs in with.
TOKENS: dict[str, LiteralString] = {
    "aichat": "select coalesce(sum(m.prompt_tokens), 0)::int, coalesce(sum(m.completion_tokens), 0)::int "
    "from messages m join sessions s on s.id = m.session_id join users u on u.id = s.user_id "
    "where lower(u.email) = %(name)s and m.role = 'assistant' "
    "and m.created_at > %(retained)s and m.created_at < now() + interval '1 day'",
    "echomind": "select 0, coalesce(sum(m.token_count), 0)::int "
    "from chat_messages m join chat_sessions s on s.id = m.session_id join users u on u.id = s.user_id "
    "where lower(u.email) = %(name)s and m.role = 'assistant' "
    "and m.created_at > %(retained)s and m.created_at < now() + interval '1 day'",
    "knowledge": "select coalesce(sum((m.metadata ->> 'prompt_tokens')::int), 0)::int, "
    "coalesce(sum((m.metadata ->> 'completion_tokens')::int), 0)::int "
    "from messages m join chat_sessions s on s.session_id = m.session_id join users u on u.user_id = s.owner_id "
    "where lower(u.email) = %(name)s and m.role = 'assistant' "
    "and m.created_at > %(retained)s and m.created_at < now() + interval '1 day'",
}


def _tokens_and_feedback(moved: Moved, users: dict[str, User]) -> None:
    _tokens(moved, users)
    for name, user in users.items():
        rows = moved.ask(
            "select coalesce(m.content, ''), m.feedback from chat_messages m "
            "join chat_sessions s on s.id = m.session_id "
            "join users u on u.id = s.user_id where lower(u.email) = %(name)s and m.role = 'assistant' "
            "and m.feedback in ('positive', 'negative')",
            name=name,
        )
        there = Counter((content, {"positive": "like", "negative": "dislike"}[kind]) for content, kind in rows)
        here = Counter(
            (message["content"], feedback["kind"])
            for conversation in user.items("/conversations")
            for message in user.items(f"/conversations/{conversation['id']}/messages")
            if message["role"] == "assistant"
            for feedback in user.get(f"/messages/{message['id']}/feedback").json["items"]
        )
        assert here == there, name


def _answers(moved: Moved, users: dict[str, User]) -> None:
    """Archi's feedback, traces and comparisons."""
    there, here = _archis(moved), Counter[tuple[Any, ...]]()
    for user in users.values():
        for conversation in user.items("/conversations"):
            for message in user.items(f"/conversations/{conversation['id']}/messages"):
                if message["role"] != "assistant":
                    continue
                here.update(
                    ("feedback", message["content"], each["kind"])
                    for each in user.get(f"/messages/{message['id']}/feedback").json["items"]
                )
                trace = user.get(f"/messages/{message['id']}/trace")
                if trace.status == 200:
                    here["trace", message["content"], json.dumps(trace.json["events"], sort_keys=True)] += 1
    assert here == there, (list((there - here).items())[:3], list((here - there).items())[:3])
    metrics = moved.administrator.get("/ab/metrics").json["items"]
    # A comparison with an answer of another conversation is in the report of the move.
    votes = dict(
        moved.ask(
            "select x.preference, count(*) from ab_comparisons x "
            "join conversations q on q.message_id = x.user_prompt_mid "
            "join conversations a on a.message_id = x.response_a_mid "
            "join conversations b on b.message_id = x.response_b_mid "
            "where a.conversation_id = q.conversation_id and b.conversation_id = q.conversation_id group by 1"
        )
    )
    assert sum(each["votes"] for each in metrics) == sum(votes.values()), votes
    assert sum(each["ties"] for each in metrics) == votes["tie"]
    # A is the champion.
    assert sum(each["losses"] for each in metrics) == votes["a"]
    assert sum(each["wins"] for each in metrics) == votes["b"]


def _archis(moved: Moved) -> Counter[tuple[Any, ...]]:
    rows: Counter[tuple[Any, ...]] = Counter()
    for content, kind in moved.ask(
        "select coalesce(c.content, ''), f.feedback from feedback f join conversations c on c.message_id = f.mid "
        "join conversation_metadata m on m.conversation_id = c.conversation_id join users u on u.id = m.user_id "
        "where c.sender = 'archi' and (f.feedback <> 'comment' or f.feedback_msg ~ '[^[:space:]]') "
        "and (f.feedback = 'comment' or not exists (select from feedback newer "
        "where newer.mid = f.mid and newer.feedback <> 'comment' and newer.feedback_ts > f.feedback_ts))"
    ):
        # Of likes and dislikes the newest counts; a comment without a word is in the report of the move.
        rows["feedback", content, kind] += 1
    for content, events in moved.ask(
        "select coalesce(c.content, ''), t.events from agent_traces t "
        "join conversations c on c.message_id = t.message_id "
        "join conversation_metadata m on m.conversation_id = c.conversation_id join users u on u.id = m.user_id "
        # A trace whose question is in another conversation is in the report of the move.
        "where c.sender = 'archi' and (t.user_message_id is null or exists (select from conversations q "
        "where q.message_id = t.user_message_id and q.conversation_id = c.conversation_id))"
    ):
        rows["trace", content, json.dumps(events, sort_keys=True)] += 1
    return rows


FIGURES: dict[str, Callable[[Moved, dict[str, User]], None]] = {
    "aichat": _tokens,
    "archi": _answers,
    "echomind": _tokens_and_feedback,
    "knowledge": _tokens,
}
