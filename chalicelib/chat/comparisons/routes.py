"""A/B comparisons over HTTP: the pool and its figures for administrators, comparisons and votes for everybody."""

from uuid import UUID

from chalicelib.chat.comparisons import comparisons
from chalicelib.chat.comparisons.models import (
    ComparisonReport,
    ComparisonVote,
    NewPairwiseComparison,
    NewVariant,
    PairwiseComparison,
    Variant,
    VariantChanges,
    VariantQuery,
)
from chalicelib.chat.queue import jobs
from chalicelib.core import idempotency, identity
from chalicelib.core.http import Reply, Routes
from chalicelib.core.log import logger
from chalicelib.core.models import Page, PageQuery

routes = Routes(__name__)


@routes.get("/ab/pool", admin=True)
def list_variants(query: VariantQuery) -> Page[Variant]:
    """The variants that are compared, newest first."""
    with identity.as_caller() as conn:
        return comparisons.list_variants(conn, query)


@routes.post("/ab/pool", admin=True, status=201)
def create_variant(body: NewVariant) -> Reply[Variant]:
    """Add a champion or a challenger to the pool."""
    with identity.as_caller() as conn:
        created = idempotency.once(
            conn,
            lambda: comparisons.create_variant(conn, body),
            lambda variant_id: comparisons.get_variant(conn, variant_id),
        )
    return Reply(created, headers={"Location": f"/ab/pool/{created.id}"})


@routes.get("/ab/pool/{variant_id}", admin=True)
def get_variant(variant_id: UUID) -> Variant:
    """A variant, archived ones included."""
    with identity.as_caller() as conn:
        return comparisons.get_variant(conn, variant_id)


@routes.patch("/ab/pool/{variant_id}", admin=True)
def update_variant(variant_id: UUID, body: VariantChanges) -> Variant:
    """Rename a variant, weigh it otherwise, or switch it on or off. Its settings never change."""
    with identity.as_caller() as conn:
        return comparisons.change_variant(conn, variant_id, body)


@routes.delete("/ab/pool/{variant_id}", admin=True)
def delete_variant(variant_id: UUID) -> None:
    """Take a variant out of the pool; one that was compared is archived with its votes. 409 `in_use` for a champion."""
    with identity.as_caller() as conn:
        comparisons.delete_variant(conn, variant_id)


@routes.post("/ab/pool/{variant_id}/promote", admin=True)
def promote_variant(variant_id: UUID) -> Variant:
    """Make a challenger the champion, and its settings those of the service."""
    with identity.as_caller() as conn:
        return comparisons.promote(conn, variant_id)


@routes.get("/ab/metrics", admin=True)
def get_comparison_metrics() -> ComparisonReport:
    """How each challenger does against the champion, and whether enough votes are in. Numbers only."""
    with identity.as_caller() as conn:
        return comparisons.metrics(conn)


@routes.post("/conversations/{conversation_id}/comparisons", scope="chat", limit="ask", status=202)
def create_comparison(conversation_id: UUID, body: NewPairwiseComparison) -> Reply[PairwiseComparison]:
    """Ask a question that two variants answer, in random order. Follow the events of both jobs, then vote."""
    with identity.as_caller() as conn:
        created = idempotency.once(
            conn,
            lambda: comparisons.ask(conn, conversation_id, body),
            lambda comparison_id: comparisons.get(conn, comparison_id),
        )
    sides = [side.job_id for side in (created.first, created.second)]
    try:
        jobs.wake(sides)
    except Exception:  # noqa: BLE001 — the question is stored: tick sends the wake-up again
        logger().exception("the wake-ups could not be sent", job_ids=[str(job_id) for job_id in sides])
    return Reply(created, headers={"Location": f"/comparisons/{created.id}"})


@routes.get("/conversations/{conversation_id}/comparisons")
def list_comparisons(conversation_id: UUID, query: PageQuery) -> Page[PairwiseComparison]:
    """The comparisons of a conversation, newest first."""
    with identity.as_caller() as conn:
        return comparisons.list_page(conn, conversation_id, query)


@routes.get("/comparisons/{comparison_id}")
def get_comparison(comparison_id: UUID) -> PairwiseComparison:
    """A comparison with its answers; which variant gave which is told after the vote."""
    with identity.as_caller() as conn:
        return comparisons.get(conn, comparison_id)


@routes.post("/comparisons/{comparison_id}/preference", scope="chat")
def set_comparison_preference(comparison_id: UUID, body: ComparisonVote) -> PairwiseComparison:
    """Say which answer is better, once. The same vote again changes nothing; another one is a 409 `already_voted`."""
    with identity.as_caller() as conn:
        return comparisons.vote(conn, comparison_id, body.preference)
