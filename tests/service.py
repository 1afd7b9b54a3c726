"""The application in the test's own process: real Postgres, the real emulator, requests through Chalice."""

import functools
import itertools
import json
import threading
import time
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
import pytest
from chalice.app import Chalice
from chalice.test import Client
from psycopg import sql

from app import app
from chalicelib.auth.accounts import password_hashes, users
from chalicelib.auth.accounts.models import Registration
from chalicelib.auth.sessions import sessions
from chalicelib.auth.sessions.models import Tokens
from chalicelib.core import connection, http, identity, process, routing
from chalicelib.core.request import Origin
from chalicelib.ops import deployment
from tests import places
from tests.places import ADMINISTRATOR, Place

if TYPE_CHECKING:
    from infra.local import instances

_ORIGIN = Origin("127.0.0.1", "", "test")


@functools.cache
def _hashed(password: str) -> str:
    return password_hashes.hash_password(password)


def _session(user_id: UUID, identifier: str) -> Tokens:
    """A session as a login opens it, without the password's verification."""
    opened = sessions._finish(user_id, identifier, _ORIGIN, verified_hash=None, matches=True, rehashed=None)
    assert opened is not None
    return opened


@dataclass(frozen=True)
class Database:
    """One test's database: the owner's and the application's secret, as Secrets Manager would hold them."""

    owner: dict[str, Any]
    app: dict[str, Any]

    def connect(self, role: str = "app") -> "psycopg.Connection[Any]":
        secret = self.owner if role == "owner" else self.app
        return psycopg.connect(
            host=secret["host"],
            port=secret["port"],
            dbname=secret["dbname"],
            user=secret["username"],
            password=secret["password"],
            autocommit=True,
        )


@dataclass(frozen=True)
class Answer:
    """An HTTP response."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class User:
    """A registered user with a session."""

    service: "Service"
    id: UUID
    email: str
    password: str
    access_token: str
    refresh_token: str

    def request(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        token = {"Authorization": f"Bearer {self.access_token}"}
        return self.service.request(method, path, body, token | (headers or {}))

    def get(self, path: str, headers: dict[str, str] | None = None) -> Answer:
        return self.request("GET", path, headers=headers)

    def items(self, path: str, limit: int = 100) -> Iterator[Any]:
        """Every item of a list, page after page."""
        cursor = ""
        while True:
            page = self.get(f"{path}?limit={limit}{cursor}")
            assert page.status == 200, page.body
            yield from page.json["items"]
            if page.json["next_cursor"] is None:
                return
            cursor = f"&cursor={page.json['next_cursor']}"

    def post(self, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        return self.request("POST", path, body, headers)

    def put(self, path: str, body: Any = None) -> Answer:
        return self.request("PUT", path, body)

    def delete(self, path: str) -> Answer:
        return self.request("DELETE", path)

    def add(self, title: str, content: str, **more: Any) -> Any:
        """Post a document inline and let it be ingested; returns it as it is then."""
        created = self.post("/documents", {"title": title, "content": content, **more})
        assert created.status in {200, 202}, created.body
        self.service.pump_ingest()
        return self.get(f"/documents/{created.json['id']}").json

    def upload(
        self,
        filename: str,
        content: bytes,
        content_type: str = "text/plain",
        *,
        document: str | None = None,
        **more: Any,
    ) -> Any:
        """Announce a file and send it to the bucket, as a new document or as the bytes of `document`; the response."""
        import httpx

        body = {"filename": filename, "content_type": content_type, "size_bytes": len(content), **more}
        created = self.put(f"/documents/{document}/content", body) if document else self.post("/documents", body)
        assert created.status in {200, 201, 202}, created.body
        upload = created.json["upload"]
        sent = httpx.request(upload["method"], upload["url"], headers=upload["headers"], content=content)
        assert sent.status_code == 200
        return created.json

    def search(self, query: str, **more: Any) -> list[Any]:
        result = self.post("/search", {"query": query, **more})
        assert result.status == 200, result.body
        items: list[Any] = result.json["items"]
        return items


class LastingUser(User):
    """A user whose session is renewed when its access token has ended: for proofs that take longer than a token."""

    @classmethod
    def of(cls, user: User) -> "LastingUser":
        """The same user with the same session."""
        return cls(user.service, user.id, user.email, user.password, user.access_token, user.refresh_token)

    def request(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        answer = super().request(method, path, body, headers)
        if answer.status != 401:
            return answer
        tokens = self.service.request("POST", "/auth/refresh", {"refresh_token": self.refresh_token})
        if tokens.status != 200:
            return answer
        self.access_token, self.refresh_token = tokens.json["access_token"], tokens.json["refresh_token"]
        return super().request(method, path, body, headers)


class _RequestOfThread(Chalice):
    """The app, whose current request is one for each thread: a Lambda function serves one at a time, tests several."""

    _requests = threading.local()

    @property
    def current_request(self) -> Any:
        """The request that this thread serves."""
        return getattr(self._requests, "current", None)

    @current_request.setter
    def current_request(self, current: Any) -> None:
        self._requests.current = current


app.__class__ = _RequestOfThread


@dataclass
class Service:
    """The application, its database and its AWS resources."""

    database: Database
    place: Place
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    # The versions of objects that the bucket has announced so far.
    announced: set[tuple[str, str]] = field(default_factory=set)
    # The tests' own connections, by role: a new one costs the server 10 ms of looking up the schema again.
    connections: "dict[str, psycopg.Connection[Any]]" = field(default_factory=dict)

    @classmethod
    def create(cls, database: Database, environment: pytest.MonkeyPatch, place: Place | None = None) -> "Service":
        """The service on `database`, in a new place unless it gets one; `environment` leads the application there."""
        place = place or places.create(places.name(), database.app, database.owner)
        for variable, value in place.environment.items():
            environment.setenv(variable, value)
        process.forget()
        return cls(database, place)

    @classmethod
    def at(cls, stack: "instances.Place") -> "Service":
        """The service of a stack whose functions are processes of their own, for a client in this one."""
        process.forget()
        server, words = stack.server, {"owner": stack.server.owner_password, "app": stack.server.app_password}
        where = {"host": server.host, "port": server.port, "dbname": "alcove"}
        secrets = {role: where | {"username": f"alcove_{role}", "password": word} for role, word in words.items()}
        lent = Place(stack.environment["ALCOVE_BUCKET"], stack.queues, stack.environment)
        return cls(Database(secrets["owner"], secrets["app"]), lent)

    @property
    def bucket(self) -> str:
        """The name of its bucket."""
        return self.place.bucket

    @property
    def queues(self) -> dict[str, str]:
        """The URLs of its queues."""
        return self.place.queues

    def create_master_key(self, environment: pytest.MonkeyPatch) -> str:
        """A KMS key that the service is told of by an alias; returns the alias."""
        kms, alias = places.client("kms"), f"alias/{self.bucket}"
        kms.create_alias(AliasName=alias, TargetKeyId=kms.create_key()["KeyMetadata"]["KeyId"])
        environment.setenv("ALCOVE_MASTER_KEY", alias)
        process.forget()
        return alias

    def close(self) -> None:
        """Close the tests' own connections, and let the application forget this service."""
        for open_connection in self.connections.values():
            open_connection.close()
        self.connections.clear()
        process.forget()

    def request(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        """One request as API Gateway would pass it on. A `bytes` body is sent as it is."""
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", **(headers or {})}
        with Client(app) as client:
            response = client.http.request(method, path, headers=sent, body=raw)
        return Answer(response.status_code, dict(response.headers), response.body)

    def gateway(self, method: str, path: str, headers: dict[str, str] | None = None, body: Any = None) -> Answer:
        """One request as API Gateway passes it on, with its own address, and with the path that no route serves."""
        target, _, query = path.partition("?")
        parts = target.strip("/").split("/")
        matches = [route for route in app.routes if routing._fits(route.strip("/").split("/"), parts)]
        route = min(matches, key=routing._places_of_names) if matches else http.UNROUTED
        route = route if method in app.routes.get(route, {}) else http.UNROUTED
        names = route.strip("/").split("/")
        values = {name.strip("{}"): part for name, part in zip(names, parts, strict=False) if name.startswith("{")}
        context = {
            "httpMethod": method,
            "resourcePath": route,
            "domainName": "answers.example.org",
            "path": f"/v1{target}",
            "identity": {"sourceIp": "127.0.0.1"},
        }
        event = {
            "requestContext": context,
            "headers": {"Content-Type": "application/json", **(headers or {})},
            "pathParameters": {"proxy": target.strip("/")} if route == http.UNROUTED else values,
            "multiValueQueryStringParameters": urllib.parse.parse_qs(query) if query else None,
            "stageVariables": None,
            "body": None if body is None else json.dumps(body),
        }
        sent = app(event, None)
        multiple = {name: values[0] for name, values in sent.get("multiValueHeaders", {}).items()}
        return Answer(sent["statusCode"], sent["headers"] | multiple, sent["body"].encode())

    def user(self, password: str = "a long enough password") -> User:
        """A newly registered user with a session.

        Made by the application's own functions, without the half second that hashing and judging a password takes on
        purpose: tests of that go through `/auth/register` and `log_in`.
        """
        email = f"user{next(self.numbers)}@example.org"
        with identity.as_nobody() as conn:
            created = users.register(
                conn, Registration(email=email, password=password), _hashed(password), None, _ORIGIN
            )
        opened = _session(created.id, email)
        return User(self, created.id, email, password, opened.access_token, opened.refresh_token)

    def administrator(self) -> User:
        """The first administrator, made by migrate's own statement, with a session."""
        email, password = ADMINISTRATOR["email"], ADMINISTRATOR["password"]
        expected = {"email": email, "password_hash": _hashed(password)}
        ((created,),) = self._execute("owner", deployment.queries.make_administrator, expected)
        opened = _session(created, email)
        return User(self, created, email, password, opened.access_token, opened.refresh_token)

    def log_in(self, email: str, password: str) -> User:
        tokens = self.request("POST", "/auth/login", {"email": email, "password": password})
        assert tokens.status == 200, tokens.body
        me = self.request("GET", "/me", headers={"Authorization": f"Bearer {tokens.json['access_token']}"})
        return User(
            self, UUID(me.json["id"]), email, password, tokens.json["access_token"], tokens.json["refresh_token"]
        )

    def drain(self, queue: str) -> list[dict[str, Any]]:
        """Take every message that waits in a queue, as Lambda's event source mapping would pass them on."""
        used = self._take(queue, wait=0)
        # A bucket announces what it was given a moment after it took it.
        deadline = time.monotonic() + 30
        while queue == "ingest" and self._unannounced(used):
            assert time.monotonic() < deadline, "the bucket does not announce what it was given"
            used += self._take(queue, wait=1)
        return used

    def _take(self, queue: str, wait: int) -> list[dict[str, Any]]:
        sqs, used = places.client("sqs"), []
        expected = {"QueueUrl": self.queues[queue], "MaxNumberOfMessages": 10, "WaitTimeSeconds": wait}
        while messages := sqs.receive_message(**expected).get("Messages", []):
            received = [{"Id": message["MessageId"], "ReceiptHandle": message["ReceiptHandle"]} for message in messages]
            sqs.delete_message_batch(QueueUrl=self.queues[queue], Entries=received)
            for message in messages:
                used.append(
                    {
                        "messageId": message["MessageId"],
                        "receiptHandle": message["ReceiptHandle"],
                        "body": message["Body"],
                        "attributes": {"ApproximateReceiveCount": "1"},
                        "messageAttributes": {},
                        "eventSource": "aws:sqs",
                    }
                )
            expected["WaitTimeSeconds"] = 0
        return used

    def _unannounced(self, used: list[dict[str, Any]]) -> bool:
        """Whether the bucket holds a version that no message has spoken of, these included."""
        for message in used:
            for event in json.loads(message["body"]).get("Records", []):
                current_rows = event["s3"]["object"]
                self.announced.add((urllib.parse.unquote_plus(current_rows["key"]), current_rows["versionId"]))
        pages = places.client("s3").get_paginator("list_object_versions").paginate(Bucket=self.bucket)
        versions = (version for page in pages for version in page.get("Versions", []))
        return any((version["Key"], version["VersionId"]) not in self.announced for version in versions)

    def invoke(self, function: str, records: list[dict[str, Any]]) -> Any:
        with Client(app) as client:
            return client.lambda_.invoke(function, {"Records": records}).payload

    def tick(self) -> None:
        """A minute passes: the schedule invokes its function."""
        with Client(app) as client:
            event = client.events.generate_cw_event("aws.events", "Scheduled Event", {}, [])
            client.lambda_.invoke("tick", event)

    def pump_ingest(self) -> None:
        """Deliver what waits for the ingest function until nothing does."""
        while records := self.drain("ingest"):
            assert self.invoke("ingest", records) == {"batchItemFailures": []}

    def pump_answer(self) -> None:
        """Deliver what waits for the answer function until nothing does."""
        while records := self.drain("answer"):
            assert self.invoke("answer", records) == {"batchItemFailures": []}

    def pump_sync(self) -> None:
        """Deliver what waits for the sync function until nothing does."""
        while records := self.drain("sync"):
            assert self.invoke("sync", records) == {"batchItemFailures": []}

    def rows(self, query: str, *params: Any, role: str = "owner") -> list[Any]:
        """Rows as the owner (or another role) sees them."""
        return self._execute(role, query, params)

    def _execute(self, role: str, query: Any, params: Any = None) -> list[Any]:
        open_connection = self.connection(role)
        try:
            return open_connection.execute(query, params).fetchall()
        except psycopg.OperationalError:
            if not open_connection.closed:
                raise
        # The test ended every connection, this one too.
        return self.connection(role).execute(query, params).fetchall()

    def connection(self, role: str) -> "psycopg.Connection[Any]":
        """The connection that a test looks with, as the owner or another role, as long as the service is there."""
        if role not in self.connections or self.connections[role].closed:
            self.connections[role] = self.database.connect(role)
            self.connections[role].prepare_threshold = None  # a test may change the tables
        return self.connections[role]

    def put_secret(self, kind: str, value: dict[str, Any]) -> None:
        """A new version of one of this service's secrets (DATABASE, OWNER, ADMINISTRATOR, SIGNING)."""
        places.put_secret(self.place, kind, value)

    def dump(self) -> str:
        """Every row of every table as text, but for how full the rate limits' buckets are: asking fills them."""
        tables = self.rows(
            "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') "
            "and not relispartition and relname <> 'rate_limit_buckets' order by 1"
        )
        every = [
            sql.SQL("select {}, t::text from {} t").format(sql.Literal(table), sql.Identifier(table))
            for (table,) in tables
        ]
        return "\n".join(f"{table}: {row}" for table, row in self._execute("owner", sql.SQL(" union all ").join(every)))

    def forget_connection(self) -> None:
        """Close this process's warm connection, as a fresh function instance would have none."""
        connection.close()
