"""Moving to another embedding model under load, and back, while the workers are killed on the way.

The texts are this repository's own, cut into short pieces: half are the organisation's, half the searcher's own. Two
searchers ask without a pause, a third user adds documents, and two worker processes move every chunk from the built-in
model (384 numbers) to its shorter form (256). One of the workers at a time is killed (SIGKILL) at a random moment until
`--kills` are done. Then the former model is activated again. Every answer is held against exact search by both models:
its scores say whose it is, all of one or else it is mixed. Exits 1 if an answer failed, was mixed, came from a model
that was no longer active, or if a mean recall fell below the old model's.
"""

import argparse
import functools
import os
import random
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING, Any
from uuid import UUID

from bench import database
from bench.commands import Command, parser
from bench.summary import p95
from chalicelib.core import connection, identity
from chalicelib.knowledge.documents import contents
from chalicelib.knowledge.documents.models import NewDocument
from chalicelib.knowledge.embedding import builtin, embedding_models, reembedding
from chalicelib.knowledge.ingestion import ingestion
from chalicelib.knowledge.search import retrieval
from chalicelib.knowledge.search.models import SearchRequest
from chalicelib.knowledge.text.chunking import ChunkDraft
from infra.local import emulator, resources

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

COMMAND = Command(
    "Move to another embedding model under load, killing workers on the way, and back",
    usual="--chunks 2000 --kills 10",
    smallest=(),
    costs="searches without a pause for many seconds; tests/knowledge/test_reembedding.py moves chunks step by step",
)

ROOT = Path(__file__).parents[2]
TOP_K = 10
SHORT = 256
_PART_CHARS = 260
_CHUNKS_PER_DOCUMENT = 10
_QUERIES = 150
_IDLE_ROUNDS = 2
# Half precision moves a cosine by less; the two models' cosines of ten chunks differ by far more.
_SCORE_TOLERANCE = 1.5e-3
_MOST_SECONDS = 1_500.0
_WORKERS = 2
_LIFETIME_SECONDS = (0.5, 4.0)
# Ingestion writes its metrics to the standard output, where the figures are to stand alone.
_post_message = functools.partial(print, file=sys.stdout, flush=True)
_AFTERMATH_SECONDS = 3.0  # searches go on for so long after a switch


@dataclass(frozen=True)
class Answer:
    """What one search said, and when (time.monotonic)."""

    query: int
    started_at: float
    ended: float
    hits: list[tuple[UUID, float]]


@dataclass
class Searchers:
    """Threads that ask one question after the other, and everything they were told."""

    ask: Callable[[int], list[tuple[UUID, float]]]
    answers: list[Answer] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self, threads: int = 2) -> Iterator[None]:
        started = [threading.Thread(target=self._search, args=(number,)) for number in range(threads)]
        for thread in started:
            thread.start()
        try:
            yield
        finally:
            self.over.set()
            for thread in started:
                thread.join()

    def _search(self, seed: int) -> None:
        dice = random.Random(seed)
        while not self.over.is_set():
            self.one(dice.randrange(_QUERIES))
        connection.close()

    def one(self, query: int) -> None:
        started_at = time.monotonic()
        try:
            hits = self.ask(query)
        except Exception as error:  # noqa: BLE001 — every failure is a finding
            self.failures.append(f"{type(error).__name__}: {error}")
            return
        self.answers.append(Answer(query, started_at, time.monotonic(), hits))


@dataclass(frozen=True)
class Judge:
    """Exact search by both models over everything that the searcher sees."""

    place: dict[UUID, int]
    cosines: dict[int, "Vectors"]
    models: dict[int, str]

    def model_of(self, answer: Answer) -> int | None:
        """The only model whose cosines an answer's scores are; None for a mixed or ambiguous answer."""
        import numpy as np

        places = [self.place[chunk] for chunk, _ in answer.hits]
        scores = np.array([score for _, score in answer.hits])
        fitting = [
            model
            for model, cosines in self.cosines.items()
            if np.all(np.abs(cosines[answer.query, places] - scores) < _SCORE_TOLERANCE)
        ]
        return fitting[0] if len(fitting) == 1 and len(places) == TOP_K else None

    def recall(self, answer: Answer, model: int) -> float:
        """Recall@10 against exact search by this model; ties are as good as each other."""
        import numpy as np

        cosines = self.cosines[model][answer.query]
        tenth = float(np.sort(cosines)[-TOP_K])
        return sum(float(cosines[self.place[chunk]]) >= tenth - 1e-3 for chunk, _ in answer.hits) / TOP_K


def parts(count: int) -> list[str]:
    """`count` different pieces of this repository's own texts."""
    result: dict[str, None] = {}
    for path in sorted(path for kind in ("md", "py", "sql") for path in _sources(kind)):
        fragment = ""
        for line in path.read_text("utf-8").splitlines():
            fragment = f"{fragment}\n{line.strip()}".strip()
            if len(fragment) >= _PART_CHARS:
                result[fragment[: 2 * _PART_CHARS]] = None
                fragment = ""
    if len(result) < count:
        raise SystemExit(f"The repository has {len(result)} pieces of text; ask for fewer chunks.")
    return random.Random(5).sample(list(result), count)


def _sources(kind: str) -> Iterator[Path]:
    for folder in ("chalicelib", "migrations", "docs", "tests", "bench", "infra"):
        yield from (ROOT / folder).rglob(f"*.{kind}")


@contextmanager
def surroundings(temp_database: database.Database) -> Iterator[None]:
    """An emulator with what the workers need of AWS, and this process's environment pointing to it."""
    import boto3

    with tempfile.TemporaryDirectory(prefix="alcove-bench-") as directory:
        started = emulator.start(Path(directory))
        try:
            os.environ |= started.environment | {"LOG_LEVEL": "ERROR"}
            client: Any = boto3.client
            values = {"DATABASE": temp_database.secret, "SIGNING": {"k": "unused"}}
            os.environ |= resources.create(client, "bench", "bench", values, visibility_seconds=30).environment
            yield
        finally:
            emulator.stop(Path(directory))


def work(model: int) -> None:
    """What a worker process does: what the ingest function does with one message after the other."""
    while embedding_models.look_again().id != model:
        reembedding.run(model)
        time.sleep(0.5)


def _worker(model: int) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "tests.endurance", "reembedding", "--work", str(model)]
    return subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)})


def move(
    temp_database: database.Database, admin: UUID, model: int, kills: int, dice: random.Random
) -> tuple[float, int]:
    """Activate a model and keep workers at it until it is active; returns seconds, and how many were killed."""
    _activate(admin, model)
    workers = [_worker(model) for _ in range(_WORKERS)]
    started, killed = time.monotonic(), 0
    try:
        while not _is_active(temp_database, model):
            if time.monotonic() - started > _MOST_SECONDS:
                raise SystemExit("The move did not end.")
            time.sleep(dice.uniform(*_LIFETIME_SECONDS) if killed < kills else 0.1)
            if killed < kills and not _is_active(temp_database, model):
                victim = dice.randrange(_WORKERS)
                workers[victim].kill()
                workers[victim].wait()
                workers[victim] = _worker(model)
                killed += 1
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    return time.monotonic() - started, killed


def _activate(admin: UUID, model: int) -> None:
    """What POST /embedding-models/{id}/activate does, for an administrator without a request."""
    for statement in ("make_room", "prepare", "survey"):
        with identity.as_user(admin) as conn:
            conn.execute(getattr(embedding_models.queries, statement), {"id": model})


def _is_active(temp_database: database.Database, model: int) -> bool:
    row = temp_database.superuser.execute(
        "select status = 'active' from embedding_models where id = %s", [model]
    ).fetchone()
    return bool(row and row[0])


@dataclass
class Writer:
    """Somebody who adds documents all the while."""

    user: UUID
    written: list[UUID] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=self._write)
        thread.start()
        try:
            yield
        finally:
            self.over.set()
            thread.join()

    def _write(self) -> None:
        while not self.over.wait(1.0):
            content = "\n\n".join(f"Entry {secrets.token_hex(8)} of the log: all is well." for _ in range(30))
            new = NewDocument(title=f"Log {len(self.written)}", content=content)
            with identity.as_user(self.user) as conn:
                document = contents.create(conn, new)
            contents.send(document, new)
            ingestion.ingest(f"documents/{document.id}")
            self.written.append(document.id)
        connection.close()


def _report(title: str, judge: Judge, answers: list[Answer]) -> dict[int, float]:
    """Print what the answers of one phase were like; returns the mean recall of each model that answered."""
    recalls: dict[int, list[float]] = {}
    for answer in answers:
        model = judge.model_of(answer)
        if model is not None:
            recalls.setdefault(model, []).append(judge.recall(answer, model))
    times = sorted((answer.ended - answer.started_at) * 1000 for answer in answers)
    summary = ", ".join(
        f"{judge.models[model]}: {len(values)} answers, recall@10 mean {fmean(values):.4f} least {min(values):.1f}"
        for model, values in recalls.items()
    )
    _post_message(f"  {title}: {len(answers)} searches, p50 {median(times):.1f} ms, p95 {p95(times):.1f} ms")
    _post_message(f"    {summary}")
    return {model: fmean(values) for model, values in recalls.items()}


@dataclass(frozen=True)
class Stage:
    """One move, from one model to another: how long it took, how many workers died, what searches said meanwhile."""

    title: str
    before: int
    after: int
    seconds: float
    killed: int
    answers: list[Answer]


def _stage(searchers: Searchers, title: str, before: int, after: int, turn: Callable[[], tuple[float, int]]) -> Stage:
    first = len(searchers.answers)
    seconds, killed = turn()
    time.sleep(_AFTERMATH_SECONDS)
    return Stage(title, before, after, seconds, killed, searchers.answers[first:])


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, run, print; exit with 1 when something was not as promised."""
    command_line = parser("tests.endurance reembedding", __doc__)
    command_line.add_argument("--chunks", type=int, default=5_000)
    command_line.add_argument("--kills", type=int, default=20)
    command_line.add_argument("--seed", type=int, default=1)
    command_line.add_argument("--work", type=int, metavar="MODEL", help=argparse.SUPPRESS)
    options = command_line.parse_args(arguments)
    if options.work is not None:
        work(options.work)
        return
    with (
        Path(os.devnull).open("w") as nowhere,
        redirect_stdout(nowhere),
        database.throwaway() as temp_database,
        surroundings(temp_database),
    ):
        wrong = run(temp_database, options.chunks, options.kills, random.Random(options.seed))
    connection.close()
    _post_message(f"  {'; '.join(wrong) or 'as promised'}")
    sys.exit(1 if wrong else 0)


def run(temp_database: database.Database, chunks: int, kills: int, dice: random.Random) -> list[str]:
    """All of it; returns what was not as promised."""
    texts = parts(chunks)
    _post_message(f"  embedding {chunks} pieces of this repository")
    native = builtin.load().embed(texts)
    admin, _ = temp_database.user("administrator")
    temp_database.superuser.execute("update users set is_admin = true where id = %s", [admin])
    caller, private = temp_database.user("searcher")
    log, _ = temp_database.user("log")
    place = _fill(temp_database, admin, caller, private, texts, native)
    sampled = dice.sample(range(chunks), _QUERIES)
    queries = [SearchRequest(query=" ".join(texts[n].split()[3:15]), mode="semantic", top_k=TOP_K) for n in sampled]
    vectors = builtin.load().embed([query.query for query in queries], truncate=True)
    second = temp_database.value(
        "insert into embedding_models (name, model, dimension, native_dimension) "
        "values ('short', %s, %s, 384) returning id",
        *(builtin.BUILT_IN, SHORT),
    )
    cosines = {1: vectors @ native.T, second: builtin.shorten(vectors, SHORT) @ builtin.shorten(native, SHORT).T}
    judge = Judge(place, cosines, {1: "384 numbers", second: "256 numbers"})
    searchers, writer = Searchers(lambda number: _ask(caller, queries[number])), Writer(log)
    for number in list(range(_QUERIES)) * _IDLE_ROUNDS:
        searchers.one(number)
    idle = list(searchers.answers)
    baseline = _report("before, at rest", judge, idle)[1]
    with searchers.running(), writer.running():
        stages = [
            _stage(
                searchers, "to the second model", 1, second, lambda: move(temp_database, admin, second, kills, dice)
            ),
            _stage(searchers, "back to the first", second, 1, lambda: move(temp_database, admin, 1, 0, dice)),
        ]
    wrong = [f"{len(searchers.failures)} searches failed, first {searchers.failures[0]}"] if searchers.failures else []
    for stage in stages:
        wrong += _judge(stage, judge, baseline)
    return wrong + _compare(temp_database, writer, second)


def _outdated(judge: Judge, stage: Stage) -> int:
    """How many answers came from the former model although a search had already ended with the later one."""
    ends = [answer.ended for answer in stage.answers if judge.model_of(answer) == stage.after]
    first = min(ends, default=float("inf"))
    return sum(answer.started_at > first for answer in stage.answers if judge.model_of(answer) == stage.before)


def _judge(stage: Stage, judge: Judge, baseline: float) -> list[str]:
    _post_message(f"  {stage.title}: {stage.seconds:.0f} s, {stage.killed} workers killed")
    means = _report("meanwhile", judge, stage.answers)
    mixed = sum(judge.model_of(answer) is None for answer in stage.answers)
    outdated = _outdated(judge, stage)
    _post_message(f"    {mixed} mixed, {outdated} from a model that was no longer active")
    wrong = [f"{stage.title}: {count} {what}" for count, what in ((mixed, "mixed"), (outdated, "outdated")) if count]
    wrong += [f"{stage.title}: recall fell to {mean:.4f}" for mean in means.values() if mean < baseline]
    if set(means) != {stage.before, stage.after}:
        wrong.append(f"{stage.title}: answers of models {sorted(means)} only")
    return wrong


def _ask(caller: UUID, query: SearchRequest) -> list[tuple[UUID, float]]:
    result = retrieval.find(query, lambda: identity.as_user(caller))
    return [(hit.chunk_id, hit.score) for hit in result.items]


def _fill(
    temp_database: database.Database, admin: UUID, caller: UUID, private: int, texts: list[str], vectors: "Vectors"
) -> dict[UUID, int]:
    """Half of the texts for the organisation, half for the caller; returns each chunk's place among them."""
    place: dict[UUID, int] = {}
    half = len(texts) // 2
    for owner, space, start, stop in ((admin, database.ORGANISATION, 0, half), (caller, private, half, len(texts))):
        part = texts[start:stop]
        chunks = [
            ChunkDraft(n % _CHUNKS_PER_DOCUMENT, 0, len(text), text, None, None, 1) for n, text in enumerate(part)
        ]
        titles = [f"document {n}" for n in range(-(-len(part) // _CHUNKS_PER_DOCUMENT))]
        numbers = [n // _CHUNKS_PER_DOCUMENT for n in range(len(part))]
        ids = temp_database.fill(owner, space, titles, numbers, chunks, vectors[start:stop])
        order = {document: number for number, document in enumerate(ids)}
        for chunk, document, index in temp_database.superuser.execute(
            "select id, document_id, chunk_index from document_chunks where space_id = %s", [space]
        ):
            place[chunk] = start + order[document] * _CHUNKS_PER_DOCUMENT + index
    temp_database.finalise()
    return place


def _compare(temp_database: database.Database, writer: Writer, second: int) -> list[str]:
    """Row by row: every chunk has its vector of the active model, those of the beginning also of the second."""
    lacking = (
        "select count(*) from document_chunks c join documents d on d.id = c.document_id "
        "where (%s or d.title like 'document %%') "
        "and not exists (select from embeddings e where e.chunk_id = c.id and e.model_id = %s and e.live)"
    )
    total = temp_database.value("select count(*) from document_chunks")
    result = {
        "chunks lack a vector of the active model": temp_database.value(lacking, True, 1),
        "chunks lack a vector of the second model": temp_database.value(lacking, False, second),
        "documents are left in the queue": temp_database.value("select count(*) from embedding_queue"),
        "documents are not whole": temp_database.value("select count(*) from documents where status <> 'completed'"),
    }
    _post_message(f"  in the end {total} chunks, {len(writer.written)} documents were written meanwhile")
    return [f"{count} {what}" for what, count in result.items() if count]
