"""The order of the queue (M2): weights honoured, and nobody waits longer than docs/queue.md says."""

import itertools
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chalicelib.core import identity
from tests.endurance.fairness import Job, first_come, index_of, jain, shares
from tests.service import Database, Service

Conn = psycopg.Connection[Any]
WEIGHTS = (1, 1, 2, 3, 7, 10)
Deed = Literal["ask", "claim", "finish", "lapse", "retry", "due", "cancel"]


@dataclass
class Waiting:
    """A question that may be claimed, and who was served in its priority since it could be."""

    user: int
    priority: int
    after: bool  # whether its user had been served in this priority before
    served: Counter[int] = field(default_factory=Counter)


@dataclass
class World:
    """A queue in the database, and what a reader of docs/queue.md expects of it."""

    conn: Conn
    weights: tuple[int, ...]
    users: list[UUID]
    questions: list[tuple[UUID, UUID]]  # of each user: conversation and a question in it
    waiting: dict[UUID, Waiting] = field(default_factory=dict)
    running: dict[UUID, tuple[int, int]] = field(default_factory=dict)
    resting: dict[UUID, tuple[int, int]] = field(default_factory=dict)
    served: set[tuple[int, int]] = field(default_factory=set)
    times: "itertools.count[int]" = field(default_factory=itertools.count)

    def do(self, deed: Deed, user: int, priority: int, which: int) -> None:
        if deed == "ask":
            self._ask(user, priority)
        elif deed == "claim":
            self.claim()
        elif deed == "cancel" and self.waiting:
            job = list(self.waiting)[which % len(self.waiting)]
            del self.waiting[job]
            self._run("delete from llm_queue where job_id = %s", job)
        elif deed == "due" and self.resting:
            self._free(self.resting, which, "update llm_queue set available_at = now() where job_id = %s")
        elif deed == "lapse" and self.running:
            self._free(self.running, which, "update llm_queue set leased_until = now() where job_id = %s")
        elif deed in {"finish", "retry"} and self.running:
            self._end(list(self.running)[which % len(self.running)], deed)

    def claim(self) -> UUID | None:
        row = self.conn.execute("select job_id, user_id from claim_job(%s, '30s')", [uuid4()]).fetchone()
        if row is None:
            assert not self.waiting, "the queue says that nobody waits"
            return None
        job: UUID = row[0]
        own = self.waiting.pop(job)
        assert self.users[own.user] == row[1]
        assert own.priority == max([own.priority, *(other.priority for other in self.waiting.values())])
        self._check_bound(own)
        for other in self.waiting.values():
            if other.priority == own.priority:
                other.served[own.user] += 1
                self._check_bound(other)
        self.running[job] = (own.user, own.priority)
        self.served.add((own.user, own.priority))
        return job

    def _check_bound(self, one: Waiting) -> None:
        """The bound of docs/queue.md."""
        before = one.served[one.user] + one.after
        for user, times in one.served.items():
            if user != one.user:
                # Of a job that still waits, its user's jobs before it are not all served yet: they only add to it.
                ahead = before + sum(o.user == one.user and o.priority == one.priority for o in self.waiting.values())
                assert times <= 1 + ahead * self.weights[user] // self.weights[one.user], (one, self.weights)

    def _ask(self, user: int, priority: int) -> None:
        conversation, question = self.questions[user]
        created = self.conn.execute(
            "insert into llm_jobs (user_id, conversation_id, question_id, priority, settings) "
            "values (%s, %s, %s, %s, '{}') returning id",
            [self.users[user], conversation, question, priority],
        ).fetchone()
        assert created is not None
        queued_at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=next(self.times))
        self.conn.execute(
            "insert into llm_queue (job_id, user_id, priority, enqueued_at) values (%s, %s, %s, %s)",
            [created[0], self.users[user], priority, queued_at],
        )
        self._wait(created[0], user, priority)

    def _wait(self, job: UUID, user: int, priority: int) -> None:
        self.waiting[job] = Waiting(user, priority, (user, priority) in self.served)

    def _free(self, current_rows: dict[UUID, tuple[int, int]], which: int, statement: Any) -> None:
        job = list(current_rows)[which % len(current_rows)]
        user, priority = current_rows.pop(job)
        self._run(statement, job)
        self._wait(job, user, priority)

    def _end(self, job: UUID, deed: Deed) -> None:
        place = self.running.pop(job)
        if deed == "finish":
            self._run("delete from llm_queue where job_id = %s", job)
        else:
            self.resting[job] = place
            self._run(
                "update llm_queue set lease_token = null, leased_until = null, "
                "available_at = now() + interval '1 hour' where job_id = %s",
                job,
            )

    def _run(self, statement: Any, job: UUID) -> None:
        assert self.conn.execute(statement, [job]).rowcount == 1


def _world(conn: Conn, weights: tuple[int, ...]) -> World:
    # The order among users is shown here; tests/config/test_user_limits.py shows how many jobs of one are in work.
    conn.execute("update static_config set jobs_per_user = 0")
    users, questions = [], []
    for number, weight in enumerate(weights):
        row = conn.execute(
            "with made as (insert into users (email, username, display_name, queue_weight) "
            "              values (%(name)s || '@example.org', %(name)s, %(name)s, %(weight)s) returning id), "
            "opened as (insert into conversations (user_id, title) select id, 'c' from made returning id, user_id) "
            "select user_id, id from opened",
            {"name": f"queuer{number}", "weight": weight},
        ).fetchone()
        assert row is not None
        queued = conn.execute(
            "insert into messages (conversation_id, user_id, role, content) values (%s, %s, 'user', 'q') returning id",
            [row[1], row[0]],
        ).fetchone()
        assert queued is not None
        users.append(row[0])
        questions.append((row[1], queued[0]))
    return World(conn, weights, users, questions)


DEEDS: st.SearchStrategy[Deed] = st.sampled_from(
    ["ask", "ask", "ask", "ask", "claim", "claim", "claim", "finish", "lapse", "retry", "due", "cancel"]
)
STEPS = st.lists(
    st.tuples(DEEDS, st.integers(0, 3), st.sampled_from([0, 0, 0, 5]), st.integers(0, 20)), min_size=1, max_size=60
)


def test_m2_no_user_waits_behind_more_questions_than_the_bound(database: Database) -> None:
    with database.connect("owner") as conn:

        @settings(max_examples=60, database=None)
        @given(st.tuples(*[st.sampled_from(WEIGHTS)] * 4), STEPS)
        @example((1, 1, 1, 1), [*[("ask", 0, 0, 0)] * 12, ("ask", 1, 0, 0)])
        def holds(weights: tuple[int, ...], steps: list[tuple[Deed, int, int, int]]) -> None:
            with conn.transaction(force_rollback=True):
                world = _world(conn, weights)
                for step in steps:
                    world.do(*step)
                while world.waiting:
                    world.claim()
                assert world.claim() is None

        holds()


@pytest.mark.parametrize("workers", [1, 4])
def test_m2_a_full_queue_serves_users_by_their_weights(database: Database, workers: int) -> None:
    with database.connect("owner") as conn, conn.transaction(force_rollback=True):
        world = _world(conn, (1, 2, 5))
        for user in range(3):
            for _ in range(20):
                world.do("ask", user, 0, 0)
        served: Counter[int] = Counter()
        for _ in range(24):
            job = world.claim()
            assert job is not None
            served[world.running[job][0]] += 1
            if len(world.running) >= workers:
                world.do("finish", 0, 0, 0)
        assert served == {0: 3, 1: 6, 2: 15}


def test_m2_a_user_who_always_asks_again_does_not_starve_the_others(database: Database) -> None:
    with database.connect("owner") as conn, conn.transaction(force_rollback=True):
        world = _world(conn, (1, 10))
        for _ in range(3):
            world.do("ask", 0, 0, 0)
        order = []
        while any(one.user == 0 for one in world.waiting.values()):
            world.do("ask", 1, 0, 0)
            job = world.claim()
            assert job is not None
            order.append(world.running[job][0])
            world.do("finish", 0, 0, 0)
        assert order.count(0) == 3
        assert len(order) <= 3 + 1 + 2 * 10


def test_m2_turns_are_not_saved_up_while_a_user_does_not_ask(database: Database) -> None:
    with database.connect("owner") as conn, conn.transaction(force_rollback=True):
        world = _world(conn, (1, 1))
        for _ in range(15):
            world.do("ask", 0, 0, 0)
            world.claim()
            world.do("finish", 0, 0, 0)
        for user in (1, 0):
            for _ in range(5):
                world.do("ask", user, 0, 0)
        order = []
        while (job := world.claim()) is not None:
            order.append(world.running[job][0])
        assert order in ([1, 0] * 5, [1] + [0, 1] * 4 + [0]), order


def test_m2_a_deleted_user_takes_no_turns_along(database: Database) -> None:
    with database.connect("owner") as conn, conn.transaction(force_rollback=True):
        world = _world(conn, (1, 1, 1))
        for _ in range(10):
            world.do("ask", 0, 0, 0)
            world.claim()
            world.do("finish", 0, 0, 0)
        world.do("ask", 1, 0, 0)
        conn.execute("delete from llm_jobs where user_id = %s", [world.users[0]])
        conn.execute("delete from users where id = %s", [world.users[0]])
        for _ in range(3):
            world.do("ask", 2, 0, 0)
        job = world.claim()
        assert job is not None
        assert world.running[job][0] == 1, "who came after the deletion does not go before who waited"
        assert conn.execute("select count(*) from queue_turns where user_id is null").fetchone() == (1,)


def test_m2_an_administrator_weighs_users(service: Service) -> None:
    administrator, user = service.administrator(), service.user()
    assert administrator.get(f"/users/{user.id}").json["queue_weight"] == 1
    changed = administrator.request("PATCH", f"/users/{user.id}", {"queue_weight": 4})
    assert (changed.status, changed.json["queue_weight"]) == (200, 4)
    for wrong in (0, 11, 1.5, None):
        refused = administrator.request("PATCH", f"/users/{user.id}", {"queue_weight": wrong})
        assert refused.status == 422, refused.body
    assert user.request("PATCH", f"/users/{user.id}", {"queue_weight": 10}).status == 403
    logged = service.rows("select details -> 'queue_weight' from audit_logs where action = 'user.changed'")
    assert logged == [(4,)]
    with (
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="only an administrator"),
        identity.as_user(user.id) as conn,
    ):
        conn.execute("update users set queue_weight = 10 where id = %s", [user.id])


def test_m2_claims_at_the_same_moment_take_different_jobs(database: Database) -> None:
    """Each finds a job that no other has, however many look at once."""
    with database.connect("owner") as conn:
        world = _world(conn, (1,) * 60)
        for user in range(60):
            world.do("ask", user, 0, 0)
    connections = [database.connect() for _ in range(60)]
    used = []
    try:
        for conn in connections:  # none of these transactions ends before the last one has begun
            conn.execute("begin")
            used.append(conn.execute("select job_id from claim_job(%s, '30s')", [uuid4()]).fetchone())
    finally:
        for conn in connections:
            conn.close()
    assert len({row[0] for row in used if row}) == 60


def test_the_index_of_fairness_sees_who_takes_what_others_wait_for() -> None:
    """What `make endurance WHAT=queue` prints: served / entitled of each user, and Jain's index of it."""
    # Both ask four questions at once; one worker, a second each. The second user weighs three times as much.
    fair = [Job(0, 0, 0, at, at + 1) for at in (3, 7, 8, 9)] + [Job(1, 0, 0, at, at + 1) for at in (0, 1, 2, 4)]
    assert shares(fair, (1, 3)) == {0: (1, 1.25), 1: (4, 3.75)}
    greedy = [Job(0, 0, 0, at, at + 1) for at in (0, 1, 2, 3)] + [Job(1, 0, 0, at, at + 1) for at in (4, 5, 6, 7)]
    assert shares(greedy, (1, 3)) == {0: (4, 1), 1: (0, 3)}
    assert index_of(fair, (1, 3)) > 0.97 > 0.51 > index_of(greedy, (1, 3)) == 0.5
    apart = [Job(0, 5, 0, 0, 1), Job(1, 0, 0, 1, 2), Job(0, 0, 2, 2, 3)]
    assert shares(apart, (1, 1)) == {}, "nobody waited in the same priority"
    assert jain([1, 1, 1, 1]) == 1
    assert jain([1, 0, 0, 0]) == 0.25


def test_first_come_first_served_is_by_priority_and_age_on_as_many_workers() -> None:
    queued = [Job(0, 0, 0, 9, 11), Job(1, 0, 0.5, 9, 10), Job(2, 5, 1, 9, 10), Job(3, 0, 20, 30, 31)]
    assert [(job.user, job.started, job.ended) for job in first_come(queued, 1)] == [
        (0, 0, 2),
        (2, 2, 3),
        (1, 3, 4),
        (3, 20, 21),
    ]
    assert {job.user: job.started for job in first_come(queued, 2)} == {0: 0, 1: 0.5, 2: 1.5, 3: 20}
