"""A/B comparisons over HTTP: the pool and its metrics for administrators, comparisons and votes for every user."""

from uuid import UUID

from chalicelib.chat.comparisons import comparisons, metrics, variants
from chalicelib.chat.comparisons.models import (
    ComparisonOffer,
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
from chalicelib.core.models import Page, PageQuery

routes = Routes(__name__)


@routes.get("/ab/pool", admin=True)
def list_variants(query: VariantQuery) -> Page[Variant]:
    """List the variants of the pool, newest first."""
    with identity.as_caller() as conn:
        return variants.list_page(conn, query)


@routes.post("/ab/pool", admin=True, status=201)
def create_variant(body: NewVariant) -> Reply[Variant]:
    """Add a champion or a challenger to the pool."""
    with identity.as_caller() as conn:
        created = idempotency.once(
            conn,
            lambda: variants.create(conn, body),
            lambda variant_id: variants.get(conn, variant_id),
        )
    return Reply(created, headers={"Location": f"/ab/pool/{created.id}"})


@routes.get("/ab/pool/{variant_id}", admin=True)
def get_variant(variant_id: UUID) -> Variant:
    """Get a variant, archived or not."""
    with identity.as_caller() as conn:
        return variants.get(conn, variant_id)


@routes.patch("/ab/pool/{variant_id}", admin=True)
def update_variant(variant_id: UUID, body: VariantChanges) -> Variant:
    """Change a variant's name or weight, or activate or deactivate it. Its settings never change."""
    with identity.as_caller() as conn:
        return variants.update(conn, variant_id, body)


@routes.delete("/ab/pool/{variant_id}", admin=True)
def delete_variant(variant_id: UUID) -> None:
    """Remove a variant from the pool; one with comparisons is archived with its votes. 409 `in_use` for a champion."""
    with identity.as_caller() as conn:
        variants.delete(conn, variant_id)


@routes.post("/ab/pool/{variant_id}/promote", admin=True)
def promote_variant(variant_id: UUID) -> Variant:
    """Make a challenger the champion, and its settings the settings of the service."""
    with identity.as_caller() as conn:
        return variants.promote(conn, variant_id)


@routes.get("/ab/metrics", admin=True)
def get_comparison_metrics() -> ComparisonReport:
    """Get the votes for each champion and challenger, and whether they are enough for a verdict. Numbers only."""
    with identity.as_caller() as conn:
        return metrics.report(conn)


@routes.get("/me/comparison-offer")
def get_comparison_offer() -> ComparisonOffer:
    """Whether a question can be compared now, so that a client offers it only then."""
    with identity.as_caller() as conn:
        return ComparisonOffer(is_offered=comparisons.is_offered(conn))


@routes.post("/conversations/{conversation_id}/comparisons", scope="chat", limit="ask", status=202)
def create_comparison(conversation_id: UUID, body: NewPairwiseComparison) -> Reply[PairwiseComparison]:
    """Ask a question that two variants answer, in random order. The events of both jobs stream the answers."""
    with identity.as_caller() as conn:
        created = idempotency.once(
            conn,
            lambda: comparisons.enqueue(conn, conversation_id, body),
            lambda comparison_id: comparisons.get(conn, comparison_id),
        )
    jobs.try_to_wake([side.job_id for side in (created.first, created.second)])
    return Reply(created, headers={"Location": f"/comparisons/{created.id}"})


@routes.get("/conversations/{conversation_id}/comparisons")
def list_comparisons(conversation_id: UUID, query: PageQuery) -> Page[PairwiseComparison]:
    """List the comparisons of a conversation, newest first."""
    with identity.as_caller() as conn:
        return comparisons.list_page(conn, conversation_id, query)


@routes.get("/comparisons/{comparison_id}")
def get_comparison(comparison_id: UUID) -> PairwiseComparison:
    """Get a comparison with its answers. The variants are named after the vote."""
    with identity.as_caller() as conn:
        return comparisons.get(conn, comparison_id)


@routes.post("/comparisons/{comparison_id}/preference", scope="chat")
def set_comparison_preference(comparison_id: UUID, body: ComparisonVote) -> PairwiseComparison:
    """Vote for the better answer, once. The same vote again changes nothing. 409 `already_voted` for another vote."""
    with identity.as_caller() as conn:
        return comparisons.vote(conn, comparison_id, body.preference)
