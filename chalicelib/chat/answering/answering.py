"""Answering: a worker takes the next job, lets its pipeline answer, and ends it in one transaction.

No transaction stays open while the model speaks. Events are appended about five times a second; the same
write renews the lease and learns whether the asker wants to stop.
"""

import json
import random
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from chalicelib.chat.answering import agent, attempt, learning, qa, titling
from chalicelib.chat.answering.attempt import CancelledError, JobAttempt, JobFailedError
from chalicelib.chat.conversations import message_search
from chalicelib.chat.llm import LlmError
from chalicelib.chat.queue import jobs
from chalicelib.chat.queue.jobs import JobClaim
from chalicelib.core import aws, identity, metrics
from chalicelib.core.leases import LeaseLostError
from chalicelib.core.log import logger, user_hash
from chalicelib.core.settings import settings
from chalicelib.knowledge.memories.models import NewMemory

PIPELINES: Mapping[str, Callable[[JobAttempt], None]] = {"qa": qa.answer, "agent": agent.answer, "search": qa.search}

_RETRY_SECONDS = 5.0
_MAX_RETRY_SECONDS = 300.0
# A provider may ask for more patience than that.
_MAX_REQUESTED_SECONDS = 3600.0


def answer_next() -> bool:
    """Answer the job whose turn it is; returns whether there was one.

    What may go better another time gives the job back to the queue, at most MAX_ATTEMPTS times.
    """
    claim = jobs.claim()
    if claim is None:
        return False
    with logger().append_context_keys(job_id=str(claim.job_id), user=user_hash(claim.user_id)):
        try:
            _attempt(claim)
        except identity.InactiveUserError:
            logger().info("asker inactive", ended=jobs.finish_for_inactive_user(claim))
        message_search.index_after(claim.user_id)
    return True


def _attempt(claim: JobClaim) -> None:
    work: JobAttempt | None = None
    try:
        if claim.attempt > jobs.MAX_ATTEMPTS:
            _give_up(claim, None, "gave_up", "Answering this question ended unexpectedly several times.")
        else:
            work = attempt.start_attempt(claim)
            _answer(claim, work)
    except LeaseLostError:
        logger().info("job overtaken")
    except identity.InactiveUserError:
        raise
    except JobFailedError as error:
        _give_up(claim, work, error.code, error.sentence)
    except LlmError as error:
        _after(claim, work, error)
    except Exception as error:  # noqa: BLE001 — whatever it was, the job goes back to the queue
        # Not its message: what Postgres says of a row that it refuses has the row in it.
        where = "".join(traceback.format_tb(error.__traceback__))
        logger().error("answering failed", error=type(error).__name__, where=where)
        _retry_later(
            claim, work, "failed", "Answering this question failed several times. Ask again, or ask differently."
        )


def _answer(claim: JobClaim, work: JobAttempt) -> None:
    started = time.perf_counter()
    cancelled = False
    learned: Sequence[NewMemory] = ()
    title: str | None = None
    try:
        work.stream.emit("meta", {"status": "processing", "attempt": claim.attempt})
        _pipeline(work)(work)
        work.stream.reconcile()
        learned = learning.facts(work)
        title = titling.propose(work)
    except CancelledError:
        cancelled = True
        work.stream.keep_partial({source.number for source in work.sources})
    with identity.as_user(claim.user_id) as conn:
        learning.finish(conn, work, learned)
        titling.finish(conn, work, title)
        if work.stream.unwritten():
            jobs.append_events(conn, claim, work.stream.unwritten())
        content = work.stream.content if work.stream.content or not cancelled else None
        jobs.complete(conn, claim, content, attempt.outcome(work), cancelled=cancelled)
        work.trace.store(conn, claim, "cancelled" if cancelled else "completed")
    logger().info(
        "job answered",
        milliseconds=round((time.perf_counter() - started) * 1000),
        cancelled=cancelled,
        pipeline=work.work.pipeline,
        model=work.work.model,
        prompt_tokens=work.trace.prompt_tokens,
        completion_tokens=work.trace.completion_tokens,
    )
    _measure(work, "cancelled" if cancelled else "completed")


def _measure(work: JobAttempt, outcome: str) -> None:
    """Put what an answer took, by its pipeline and how its job ended."""
    pipeline = work.work.pipeline if work.work.pipeline in PIPELINES else "missing"
    answers = {"Answers": 1, "PromptTokens": work.trace.prompt_tokens, "CompletionTokens": work.trace.completion_tokens}
    metrics.put("Count", answers, Pipeline=pipeline, Outcome=outcome)
    for stage in work.trace.stages:
        metrics.put("Milliseconds", {"AnswerStage": round(stage.milliseconds, 1)}, Stage=stage.name)


def _pipeline(work: JobAttempt) -> Callable[[JobAttempt], None]:
    name = work.work.pipeline
    if name not in PIPELINES or name not in work.work.settings["available_pipelines"]:
        raise JobFailedError("pipeline_missing", f"This deployment does not offer the pipeline {name}; choose another.")
    return PIPELINES[name]


def _after(claim: JobClaim, work: JobAttempt | None, error: LlmError) -> None:
    """A model failed. Its own words say why; what may pass is tried again, as late as the provider asks."""
    logger().warning("the model failed", code=error.code)
    if error.retryable:
        _retry_later(claim, work, error.code, error.sentence, error.retry_after)
    else:
        _give_up(claim, work, error.code, error.sentence)


def _retry_later(
    claim: JobClaim, work: JobAttempt | None, code: str, sentence: str, requested_delay: float | None = None
) -> None:
    """Give the job back, telling its asker why it waits. What the attempt used is counted all the same."""
    if claim.attempt >= jobs.MAX_ATTEMPTS:
        _give_up(claim, work, code, sentence)
        return
    # Jitter keeps jobs that failed together from coming back together.
    own = _RETRY_SECONDS * 2 ** (claim.attempt - 1) * random.uniform(0.8, 1.2)  # noqa: S311 — not a secret
    seconds = max(min(own, _MAX_RETRY_SECONDS), min(requested_delay or 0, _MAX_REQUESTED_SECONDS))
    waiting = {"status": "waiting", "attempt": claim.attempt, "retry_seconds": round(seconds, 1), "code": code}
    try:
        with identity.as_user(claim.user_id) as conn:
            cancelled = jobs.append_events(conn, claim, [("meta", waiting)])
            jobs.retry_later(conn, claim, timedelta(seconds=seconds))
            if work is not None:
                work.trace.store(conn, claim, None)
            if cancelled:
                jobs.cancel(conn, claim.job_id)
    except LeaseLostError:
        logger().info("job overtaken")


def _give_up(claim: JobClaim, work: JobAttempt | None, code: str, message: str) -> None:
    """End a poison job where its asker sees why, and leave a note in the dead-letter queue for the operator."""
    try:
        with identity.as_user(claim.user_id) as conn:
            jobs.fail(conn, claim, code, message)
            if work is not None:
                work.trace.record_event("failed", code=code, reason=message)
                work.trace.store(conn, claim, "failed")
    except LeaseLostError:
        logger().info("job overtaken")
        return
    metrics.put("Count", {"AnswerFailures": 1}, Code=code)
    if work is not None:
        _measure(work, "failed")
    aws.sqs().send_message(
        QueueUrl=settings().answer_dead_letter_url,
        MessageBody=json.dumps({"job_id": str(claim.job_id), "code": code, "attempts": claim.attempt}),
    )
