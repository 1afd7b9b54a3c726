"""Answering: a worker claims the next job, runs its pipeline, and ends the job in one transaction.

No transaction is open while the model generates. Events are appended about five times a second; the same write renews
the lease and checks for cancellation.
"""

import math
import random
import time
import traceback
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from chalicelib.chat.answering import attempts, learning, pipelines, titling
from chalicelib.chat.answering.attempts import JobAttempt, JobFailedError
from chalicelib.chat.answering.event_stream import CancelledError
from chalicelib.chat.answering.pipelines import Pipeline
from chalicelib.chat.conversations import message_search
from chalicelib.chat.llm import LlmError
from chalicelib.chat.queue import claims, jobs
from chalicelib.chat.queue.claims import JobClaim
from chalicelib.chat.queue.job_events import StartedEvent, WaitingEvent
from chalicelib.core import errors, identity, metrics, queues
from chalicelib.core.errors import LeaseLostError
from chalicelib.core.log import logger, user_hash
from chalicelib.core.settings import settings
from chalicelib.knowledge.memories.models import NewMemory

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

_RETRY_SECONDS = 5.0
# The sentence of a job that fails names a provider's requested delay up to this.
_MAX_REQUESTED_SECONDS = 86_400.0


def answer_next() -> bool:
    """Claim and answer the next job; returns whether there was one.

    A temporary failure returns the job to the queue, for at most MAX_ATTEMPTS attempts.
    """
    claim = claims.claim()
    if claim is None:
        return False
    with logger().append_context_keys(job_id=str(claim.job_id), user=user_hash(claim.user_id)):
        try:
            _run(claim)
            with identity.as_user(claim.user_id) as conn:
                followers = jobs.followers(conn, claim.job_id)
            jobs.try_to_wake(followers)
        except identity.InactiveUserError:
            logger().info("asker inactive", ended=claims.finish_for_inactive_user(claim))
        if claims.has_deferred_jobs(claim.user_id):
            jobs.try_to_wake([claim.job_id])
        message_search.index_after(claim.user_id)
    return True


def _run(claim: JobClaim) -> None:
    attempt: JobAttempt | None = None
    try:
        if claim.attempt > claims.MAX_ATTEMPTS:
            _give_up(claim, None, "gave_up", "Answering this question stopped unexpectedly several times.")
        else:
            attempt = attempts.start_attempt(claim)
            _answer(claim, attempt)
    except LeaseLostError:
        logger().info("job overtaken")
    except identity.InactiveUserError:
        raise
    except JobFailedError as error:
        _give_up(claim, attempt, error.code, error.sentence)
    except LlmError as error:
        _after_llm_error(claim, attempt, error)
    except Exception as error:  # noqa: BLE001 — whatever it was, the job returns to the queue
        # The message is not logged: Postgres quotes the refused row in it.
        where = "".join(traceback.format_tb(error.__traceback__))
        logger().error("answering failed", error=type(error).__name__, where=where)
        _retry_later(
            claim,
            attempt,
            "failed",
            "Answering this question failed several times. Ask again, or rephrase the question.",
        )


def _answer(claim: JobClaim, attempt: JobAttempt) -> None:
    started = time.perf_counter()
    cancelled = False
    learned: Sequence[NewMemory] = ()
    title: str | None = None
    try:
        attempt.stream.emit(StartedEvent(attempt=claim.attempt))
        _pipeline(attempt).answer(attempt)
        attempt.stream.reconcile()
        learned = learning.extract(attempt)
        title = titling.propose(attempt)
    except CancelledError:
        cancelled = True
        attempt.stream.finish_cancelled({source.number for source in attempt.sources})
    with identity.as_user(claim.user_id) as conn:
        learning.finish(conn, attempt, learned)
        titling.finish(conn, attempt, title)
        if attempt.stream.unwritten():
            claims.append_events(conn, claim, attempt.stream.unwritten())
        content = attempt.stream.content if attempt.stream.content or not cancelled else None
        claims.complete(conn, claim, content, attempts.outcome(attempt), cancelled=cancelled)
        attempt.trace.store(conn, claim, "cancelled" if cancelled else "completed")
    logger().info(
        "job answered",
        milliseconds=round((time.perf_counter() - started) * 1000),
        cancelled=cancelled,
        pipeline=attempt.job.pipeline,
        model=attempt.job.model,
        prompt_tokens=attempt.trace.prompt_tokens,
        completion_tokens=attempt.trace.completion_tokens,
    )
    _measure(attempt, "cancelled" if cancelled else "completed")


def _measure(attempt: JobAttempt, outcome: str) -> None:
    """Put the metrics of an answer, by its pipeline and the outcome of its job."""
    pipeline = attempt.job.pipeline if attempt.job.pipeline in pipelines.registered() else "missing"
    trace = attempt.trace
    metrics.put(
        "Count",
        {"Answers": 1, "PromptTokens": trace.prompt_tokens, "CompletionTokens": trace.completion_tokens},
        Pipeline=pipeline,
        Outcome=outcome,
    )
    for stage in trace.stages:
        metrics.put("Milliseconds", {"AnswerStage": round(stage.milliseconds, 1)}, Stage=stage.name)


def _pipeline(attempt: JobAttempt) -> Pipeline:
    name = attempt.job.pipeline
    pipeline = pipelines.registered().get(name)
    if pipeline is None or name not in attempt.job.settings["available_pipelines"]:
        sentence = f"This deployment does not offer the pipeline {name}. Choose another pipeline."
        raise JobFailedError("pipeline_missing", sentence)
    if pipeline.requires_model and attempt.is_extractive:
        raise JobFailedError(
            "needs_model", f"The pipeline {name} requires a language model; the built-in reader has no tools."
        )
    return pipeline


def _after_llm_error(claim: JobClaim, attempt: JobAttempt | None, error: LlmError) -> None:
    """The model failed: retry a temporary failure after the delay that the provider requests, else end the job."""
    logger().warning("the model failed", code=error.code)
    if error.retryable:
        _retry_later(claim, attempt, error.code, error.sentence, error.retry_after)
    else:
        _give_up(claim, attempt, error.code, error.sentence)


def _retry_later(
    claim: JobClaim, attempt: JobAttempt | None, code: str, sentence: str, requested_delay: float | None = None
) -> None:
    """Return the job to the queue with the reason, or end it when the next attempt would begin too late.

    The usage of this attempt counts. SQS delivers a wake-up when the next attempt may start.
    """
    if claim.attempt >= claims.MAX_ATTEMPTS:
        _give_up(claim, attempt, code, sentence)
        return
    # Jitter spreads the retries of jobs that failed together.
    own = _RETRY_SECONDS * 2 ** (claim.attempt - 1) * random.uniform(0.8, 1.2)  # noqa: S311 — not a secret
    delay = timedelta(seconds=max(own, min(requested_delay or 0, _MAX_REQUESTED_SECONDS)))
    try:
        with identity.as_user(claim.user_id) as conn:
            can_retry = claims.can_retry(conn, claim, delay)
            if can_retry:
                _return_to_queue(conn, claim, attempt, delay, code, sentence)
    except LeaseLostError:
        logger().info("job overtaken")
        return
    if not can_retry:
        minutes = math.ceil(delay / timedelta(minutes=1))
        _give_up(claim, attempt, code, f"{sentence} Another attempt is possible in {minutes} minutes: ask again then.")
        return
    jobs.try_to_wake([claim.job_id], delay=delay)


def _return_to_queue(
    conn: "Conn", claim: JobClaim, attempt: JobAttempt | None, delay: timedelta, code: str, sentence: str
) -> None:
    waiting = WaitingEvent(
        attempt=claim.attempt, retry_seconds=round(delay.total_seconds(), 1), code=code, message=sentence
    )
    is_cancelled = claims.append_events(conn, claim, [waiting])
    claims.retry_later(conn, claim, delay, code, sentence)
    if attempt is not None:
        attempt.trace.store(conn, claim, None)
    if is_cancelled:
        jobs.cancel(conn, claim.job_id)


def _give_up(claim: JobClaim, attempt: JobAttempt | None, code: str, message: str) -> None:
    """End a job with an error for its user, and send a message to the dead-letter queue for the operator."""
    try:
        with identity.as_user(claim.user_id) as conn:
            claims.fail(conn, claim, code, message)
            if attempt is not None:
                attempt.trace.record_event("failed", code=code, reason=message)
                attempt.trace.store(conn, claim, "failed")
    except LeaseLostError:
        logger().info("job overtaken")
        return
    metrics.put("Count", {"AnswerFailures": 1}, Code=code)
    if attempt is not None:
        _measure(attempt, "failed")
    message_body = {"job_id": str(claim.job_id), "code": code, "attempts": claim.attempt}
    try:
        queues.send(settings().answer_dead_letter_url, [message_body])
    except errors.Unavailable:  # the job has ended; the wake-up must not come again for this message
        logger().exception("the dead-letter queue did not accept the message of a failed job", code=code)
