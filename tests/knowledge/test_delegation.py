"""Big documents wait for the GPU task (K6) and lose nothing on the way (K2, K3)."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

import boto3
import numpy as np
import pytest
from numpy.typing import NDArray

from chalicelib.core import process
from chalicelib.knowledge.documents import bucket
from chalicelib.knowledge.embedding import builtin
from chalicelib.knowledge.ingestion import delegation
from embedder import task
from embedder.encoder import batches
from tests.service import Service, User

Encoded = Callable[[Sequence[str]], NDArray[np.float32]]

_BIG = "\n\n".join(
    f"## Pump {number}\n\nThe pump {number} is inspected every {number + 30} days." for number in range(40)
)


def _encode(model: str) -> Encoded:
    """The model as the functions have it: the task's loop is the same whatever embeds."""
    return builtin.load(model).embed


@pytest.fixture
def big(service: Service) -> Service:
    """A service whose documents of five passages are big already."""
    service.rows("update static_config set gpu_threshold_chunks = 5, chunk_size = 32, chunk_overlap = 0 returning id")
    return service


def _add(user: User, content: str = _BIG) -> Any:
    return user.add("Pumps", content)


def _untouched_for(service: Service, minutes: int) -> None:
    with service.database.connect("owner") as conn:
        conn.execute("alter table documents disable trigger touch")
        conn.execute("update documents set updated_at = now() - make_interval(mins => %s)", [minutes])
        conn.execute("alter table documents enable trigger touch")


def _vectors(service: Service) -> list[Any]:
    return service.rows(
        "select c.chunk_index, e.embedding::text from document_chunks c join embeddings e on e.chunk_id = c.id "
        "join documents d on d.id = c.document_id where d.deleted_at is null order by d.id, c.chunk_index"
    )


def test_k6_a_big_document_waits_and_gets_the_same_vectors(big: Service) -> None:
    user = big.user()
    waiting = _add(user)
    assert (waiting["status"], waiting["stage"], waiting["chunks_done"]) == ("processing", "waiting", 0)
    assert waiting["chunks_total"] >= 5
    assert user.search("pump 7") == []
    done = task.run(_encode, idle_seconds=0.05)
    assert (done.chunks, done.documents) == (waiting["chunks_total"], 1)
    big.pump_ingest()
    whole = user.get(f"/documents/{waiting['id']}").json
    assert (whole["status"], whole["chunk_count"]) == ("completed", waiting["chunks_total"])
    assert big.rows("select count(*) from embedding_requests") == [(0,)]
    delegated = _vectors(big)
    big.rows("update static_config set gpu_threshold_chunks = 0 returning id")
    other = big.user()
    small = _add(other)
    assert small["status"] == "completed"
    assert _vectors(big)[len(delegated) :] == delegated


def test_k3_the_old_version_answers_until_the_new_one_is_whole(big: Service) -> None:
    user = big.user()
    document = _add(user, "The valve V-1 is red.")
    user.put(f"/documents/{document['id']}/content", {"content": _BIG})
    big.pump_ingest()
    assert [hit["text"] for hit in user.search("valve")] == ["The valve V-1 is red."]
    task.run(_encode, idle_seconds=0.05)
    big.pump_ingest()
    assert all("valve" not in hit["text"] for hit in user.search("valve pump"))


def test_k2_a_version_that_comes_meanwhile_wins_and_events_may_double(big: Service) -> None:
    user = big.user()
    document = _add(user)
    user.put(f"/documents/{document['id']}/content", {"content": _BIG.replace("pump", "fan").replace("Pump", "Fan")})
    big.pump_ingest()
    task.run(_encode, idle_seconds=0.05)
    for _ in range(2):
        bucket.ask_for_ingestion([f"documents/{document['id']}"])
        big.pump_ingest()
    texts = [row[0] for row in big.rows("select chunk_text from document_chunks order by chunk_index")]
    assert all("fan" in text.lower() for text in texts)
    assert len(texts) == user.get(f"/documents/{document['id']}").json["chunk_count"]


def test_k6_a_task_that_dies_leaves_its_chunks_to_the_next(big: Service) -> None:
    user = big.user()
    document = _add(user)
    claim = delegation.claim(uuid4(), 7)
    assert len(claim) == 7
    assert not {r.chunk_index for r in delegation.claim(uuid4(), 100)} & {r.chunk_index for r in claim}
    big.rows("update embedding_requests set leased_until = now() - interval '1 second' returning 1")
    late = np.zeros((7, 384), dtype=np.float32)
    late[:, 0] = 1
    task.run(_encode, idle_seconds=0.05)
    delegation.store(uuid4(), claim, late)  # the dead one wakes up: its lease is gone
    big.pump_ingest()
    assert user.get(f"/documents/{document['id']}").json["status"] == "completed"
    assert not [row for row in _vectors(big) if row[1].startswith("[1,0,0")]


def test_o2_without_a_gpu_task_the_document_is_embedded_after_all(big: Service) -> None:
    user = big.user()
    document = _add(user)
    big.tick()
    big.pump_ingest()
    assert user.get(f"/documents/{document['id']}").json["status"] == "processing"
    _untouched_for(big, 61)
    big.tick()
    big.pump_ingest()
    assert user.get(f"/documents/{document['id']}").json["status"] == "completed"
    assert big.rows("select count(*) from embedding_requests") == [(0,)]
    assert big.rows("select event_type from self_healing_events") == [("embedder_absent",)]


def test_k6_a_minute_after_a_big_document_waits_the_gpu_task_is_submitted_once(
    big: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch, name = boto3.client("batch"), big.bucket
    batch.create_compute_environment(computeEnvironmentName=name, type="UNMANAGED")
    batch.create_job_queue(
        jobQueueName=name, priority=1, computeEnvironmentOrder=[{"order": 1, "computeEnvironment": name}]
    )
    batch.register_job_definition(
        jobDefinitionName=name,
        type="container",
        containerProperties={"image": "embedder", "resourceRequirements": [{"type": "MEMORY", "value": "128"}]},
    )
    monkeypatch.setenv("ALCOVE_EMBEDDER_QUEUE", name)
    monkeypatch.setenv("ALCOVE_EMBEDDER_JOB", name)
    process.forget()

    def submitted() -> int:
        return sum(
            len(batch.list_jobs(jobQueue=name, jobStatus=status)["jobSummaryList"])
            for status in ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED")
        )

    big.tick()
    assert submitted() == 0, "nothing waits"
    user = big.user()
    document = _add(user)
    big.tick()
    big.tick()
    assert submitted() == 1, "it is given time to begin"
    task.run(_encode, idle_seconds=0.05)
    big.pump_ingest()
    assert user.get(f"/documents/{document['id']}").json["status"] == "completed"


def test_o2_a_lost_message_of_a_whole_document_is_sent_again(big: Service) -> None:
    user = big.user()
    document = _add(user)
    task.run(_encode, idle_seconds=0.05)
    big.drain("ingest")
    _untouched_for(big, 3)
    big.tick()
    big.pump_ingest()
    assert user.get(f"/documents/{document['id']}").json["status"] == "completed"


def test_a_deleted_document_is_not_embedded(big: Service) -> None:
    user = big.user()
    document = _add(user)
    assert user.delete(f"/documents/{document['id']}").status == 204
    task.run(_encode, idle_seconds=0.05)
    big.pump_ingest()
    assert _vectors(big) == []


def test_k6_batches_are_of_equal_work() -> None:
    lengths = [3, 250, 100, 7, 7, 256, 1]
    created = list(batches(lengths, 512))
    assert sorted(position for batch in created for position in batch) == list(range(len(lengths)))
    assert all(len(batch) == 1 or len(batch) * max(lengths[p] for p in batch) <= 512 for batch in created)
    assert list(batches([900], 512)) == [[0]]
    assert list(batches([], 512)) == []
