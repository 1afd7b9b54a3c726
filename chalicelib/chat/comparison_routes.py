"""A/B comparisons over HTTP: the pool and its figures for administrators, comparisons and votes for everybody."""

from uuid import UUID

from chalice.app import Blueprint

from chalicelib.chat import comparisons, jobs
from chalicelib.chat.comparison_models import (
    Metrics,
    NewPairwiseComparison,
    NewVariant,
    PairwiseComparison,
    PairwiseComparisonPage,
    Variant,
    VariantChanges,
    VariantPage,
    VariantQuery,
    Vote,
)
from chalicelib.core import db, idempotency
from chalicelib.core.http import Reply, endpoint
from chalicelib.core.log import logger
from chalicelib.core.models import PageQuery

routes = Blueprint(__name__)


@routes.route("/ab/pool", methods=["GET"])
@endpoint(admin=True)
def list_variants(query: VariantQuery) -> VariantPage:
    """The variants that are compared, newest first."""
    with db.as_caller() as conn:
        return comparisons.list_variants(conn, query)


@routes.route("/ab/pool", methods=["POST"], content_types=["*/*"])
@endpoint(admin=True, status=201)
def create_variant(body: NewVariant) -> Reply[Variant]:
    """Add a champion or a challenger to the pool."""
    with db.as_caller() as conn:
        made = idempotency.once(
            conn,
            lambda: comparisons.create_variant(conn, body),
            lambda variant_id: comparisons.get_variant(conn, variant_id),
        )
    return Reply(made, headers={"Location": f"/ab/pool/{made.id}"})


@routes.route("/ab/pool/{variant_id}", methods=["GET"])
@endpoint(admin=True)
def get_variant(variant_id: UUID) -> Variant:
    """A variant, archived ones included."""
    with db.as_caller() as conn:
        return comparisons.get_variant(conn, variant_id)


@routes.route("/ab/pool/{variant_id}", methods=["PATCH"], content_types=["*/*"])
@endpoint(admin=True)
def change_variant(variant_id: UUID, body: VariantChanges) -> Variant:
    """Rename a variant, weigh it otherwise, or switch it on or off. Its settings never change."""
    with db.as_caller() as conn:
        return comparisons.change_variant(conn, variant_id, body)


@routes.route("/ab/pool/{variant_id}", methods=["DELETE"])
@endpoint(admin=True)
def delete_variant(variant_id: UUID) -> None:
    """Take a variant out of the pool; one that was compared is archived with its votes. 409 `in_use` for a champion."""
    with db.as_caller() as conn:
        comparisons.delete_variant(conn, variant_id)


@routes.route("/ab/pool/{variant_id}/promote", methods=["POST"], content_types=["*/*"])
@endpoint(admin=True)
def promote_variant(variant_id: UUID) -> Variant:
    """Make a challenger the champion, and its settings those of the service."""
    with db.as_caller() as conn:
        return comparisons.promote(conn, variant_id)


@routes.route("/ab/metrics", methods=["GET"])
@endpoint(admin=True)
def get_metrics() -> Metrics:
    """How each challenger does against the champion, and whether enough votes are in. Numbers only."""
    with db.as_caller() as conn:
        return comparisons.metrics(conn)


@routes.route("/conversations/{conversation_id}/comparisons", methods=["POST"], content_types=["*/*"])
@endpoint(scope="chat", limit="ask", status=202)
def compare(conversation_id: UUID, body: NewPairwiseComparison) -> Reply[PairwiseComparison]:
    """Ask a question that two variants answer, in random order. Follow the events of both jobs, then vote."""
    with db.as_caller() as conn:
        made = idempotency.once(
            conn,
            lambda: comparisons.ask(conn, conversation_id, body),
            lambda comparison_id: comparisons.get(conn, comparison_id),
        )
    sides = [side.job_id for side in (made.first, made.second)]
    try:
        jobs.wake(sides)
    except Exception:  # noqa: BLE001 — the question is stored: tick sends the wake-up again
        logger().exception("the wake-ups could not be sent", job_ids=[str(job_id) for job_id in sides])
    return Reply(made, headers={"Location": f"/comparisons/{made.id}"})


@routes.route("/conversations/{conversation_id}/comparisons", methods=["GET"])
@endpoint()
def list_comparisons(conversation_id: UUID, query: PageQuery) -> PairwiseComparisonPage:
    """The comparisons of a conversation, newest first."""
    with db.as_caller() as conn:
        return comparisons.list_page(conn, conversation_id, query)


@routes.route("/comparisons/{comparison_id}", methods=["GET"])
@endpoint()
def get_comparison(comparison_id: UUID) -> PairwiseComparison:
    """A comparison with its answers; which variant gave which is told after the vote."""
    with db.as_caller() as conn:
        return comparisons.get(conn, comparison_id)


@routes.route("/comparisons/{comparison_id}/preference", methods=["POST"], content_types=["*/*"])
@endpoint(scope="chat")
def vote(comparison_id: UUID, body: Vote) -> PairwiseComparison:
    """Say which answer is better, once. The same vote again changes nothing; another one is a 409 `already_voted`."""
    with db.as_caller() as conn:
        return comparisons.vote(conn, comparison_id, body.preference)
