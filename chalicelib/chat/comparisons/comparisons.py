"""A/B comparisons: two variants of the pool answer one question, and its asker says which answer is better.

Which side is whose stays hidden until the vote: the order is a coin's, and until then jobs, events, messages and traces
of the two sides do not name what answered.
"""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from chalicelib.auth.audit import audit
from chalicelib.chat.comparisons import statistics
from chalicelib.chat.comparisons.models import (
    ComparisonMetrics,
    ComparisonReport,
    ComparisonSide,
    ConfidenceInterval,
    NewPairwiseComparison,
    NewVariant,
    PairwiseComparison,
    Preference,
    SequentialTest,
    SideMetrics,
    Variant,
    VariantChanges,
    VariantQuery,
)
from chalicelib.chat.comparisons.statistics import Interval
from chalicelib.chat.conversations import conversations
from chalicelib.chat.queue import jobs
from chalicelib.config.registry import assistants, prompts
from chalicelib.config.settings import dynamic, resolution
from chalicelib.config.settings.models import DynamicChanges
from chalicelib.core import errors, rows, sql
from chalicelib.core.models import Page, PageQuery, page_of

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

MAX_VARIANTS = 50


def create_variant(conn: "Conn", new: NewVariant) -> Variant:
    """Add a variant to the pool, audited.

    Raises Conflict for a name in use, a second champion (in_use) or a full pool (too_many), Unprocessable for settings
    or an assistant that do not exist.
    """
    import psycopg
    from psycopg.types.json import Jsonb

    provided = new.settings.changed_fields() if new.settings is not None else {}
    resolution.check_choices(conn, provided, field_names={name: f"settings.{name}" for name in provided})
    if provided.get("task_prompt") is not None:
        prompts.check("chat", str(provided["task_prompt"]), "settings.task_prompt")
    _check_assistant(conn, new.assistant_id)
    conn.execute(queries.lock_pool)
    variants, champions, _ = _pool(conn)
    if variants >= MAX_VARIANTS:
        raise errors.Conflict(f"The pool has {MAX_VARIANTS} variants; delete one first.", code="too_many")
    if new.is_champion and champions:
        raise errors.Conflict("There is a champion already; promote a challenger to replace it.", code="in_use")
    params = new.model_dump(exclude={"settings"}) | {"settings": Jsonb(provided)}
    try:
        created_row = get_variant(conn, rows.value(conn, queries.create_variant, params))
    except psycopg.errors.UniqueViolation as error:
        raise errors.Conflict("Another variant has this name.") from error
    audit.record(
        conn,
        "ab_variant.created",
        "ab_variant",
        created_row.id,
        name=created_row.name,
        is_champion=created_row.is_champion,
    )
    return created_row


def get_variant(conn: "Conn", variant_id: UUID) -> Variant:
    """A variant, archived ones included. Raises NotFound."""
    result = rows.one(conn, Variant, queries.variant, {"id": variant_id})
    if result is None:
        raise errors.NotFound
    return result


def list_variants(conn: "Conn", query: VariantQuery) -> Page[Variant]:
    """The pool, newest first."""
    params = {"archived": query.archived, "after": query.after(), "limit": query.limit + 1}
    return page_of(rows.many(conn, Variant, queries.variants, params), query.limit)


def change_variant(conn: "Conn", variant_id: UUID, changes: VariantChanges) -> Variant:
    """Change a variant's name or weight, or whether it takes part, audited.

    Raises NotFound, Conflict for an archived variant, a name in use, or a champion that is to be switched off (in_use).
    """
    import psycopg

    conn.execute(queries.lock_pool)
    if _unarchived(conn, variant_id).is_champion and changes.is_active is False:
        raise errors.Conflict("The champion takes part in every comparison; promote another first.", code="in_use")
    try:
        conn.execute(queries.change_variant, changes.model_dump() | {"id": variant_id})
    except psycopg.errors.UniqueViolation as error:
        raise errors.Conflict("Another variant has this name.") from error
    audit.record(conn, "ab_variant.changed", "ab_variant", variant_id, **changes.changed_fields())
    return get_variant(conn, variant_id)


def delete_variant(conn: "Conn", variant_id: UUID) -> None:
    """Take a variant out of the pool, audited. One that was compared is archived, so that its votes still count.

    Raises NotFound, Conflict for the champion while there are active challengers (in_use).
    """
    import psycopg

    conn.execute(queries.lock_pool)
    variant = get_variant(conn, variant_id)
    if variant.archived_at is not None:
        raise errors.NotFound
    if variant.is_champion and _pool(conn)[2]:
        raise errors.Conflict("Challengers are compared with this champion; promote one first.", code="in_use")
    try:
        with conn.transaction():
            conn.execute(queries.delete_variant, {"id": variant_id})
    except psycopg.errors.ForeignKeyViolation:
        conn.execute(queries.archive_variant, {"id": variant_id})
    audit.record(conn, "ab_variant.deleted", "ab_variant", variant_id, name=variant.name)


def promote(conn: "Conn", variant_id: UUID) -> Variant:
    """Make a challenger the champion and its settings everybody's, audited; the old champion rests as a challenger.

    Promoting the champion changes nothing. Raises NotFound, Conflict for an archived variant, Unprocessable for
    settings that are not there any more.
    """
    conn.execute(queries.lock_pool)
    variant = _unarchived(conn, variant_id)
    if variant.is_champion:
        return variant
    if variant.settings:
        dynamic.change(conn, DynamicChanges.model_validate(variant.settings), None)
    replaced = rows.value(conn, queries.retire_champion)
    conn.execute(queries.make_champion, {"id": variant_id})
    replaced_id = str(replaced) if replaced else None
    audit.record(conn, "ab_variant.promoted", "ab_variant", variant_id, name=variant.name, replaced=replaced_id)
    return get_variant(conn, variant_id)


def ask(conn: "Conn", conversation_id: UUID, new: NewPairwiseComparison) -> PairwiseComparison:
    """Store a question and queue two jobs for it, the champion's and a challenger's, all or nothing.

    Raises NotFound for a conversation or a parent that is not the caller's, Conflict (comparisons_off) without a
    champion and a challenger that can answer, PaymentRequired, TooManyRequests (queue_full).
    """
    import psycopg

    params = {
        "conversation_id": conversation_id,
        "content": new.content,
        "parent": new.parent_message_id,
        "is_first": new.is_first(),
        "title": jobs.title_of(new.content),
        "untitled": jobs.UNTITLED,
        "user_limit": jobs.MAX_WAITING_OF_USER,
        "total_limit": jobs.MAX_WAITING,
    }
    jobs.lock_queue(conn)
    try:
        row = conn.execute(queries.enqueue, params).fetchone()
    except psycopg.errors.ForeignKeyViolation as error:
        raise errors.NotFound("parent_message_id is not a message of this conversation.") from error
    if row is None or not row[0]:
        raise errors.NotFound
    _, drawn, own_waiting, spent, created_row = row
    if not drawn:
        raise errors.Conflict(code="comparisons_off")
    if created_row is None and spent:
        raise errors.PaymentRequired
    if created_row is None:
        subject = "You have" if own_waiting + 2 > jobs.MAX_WAITING_OF_USER else "The service has"
        raise errors.TooManyRequests(f"{subject} as many unanswered questions as fit the queue.", retry_after=10)
    return PairwiseComparison(
        id=created_row["id"],
        conversation_id=created_row["conversation_id"],
        message_id=created_row["question_id"],
        status="answering",
        first=_waiting(created_row["first_job_id"]),
        second=_waiting(created_row["second_job_id"]),
        preference=None,
        preferred_at=None,
        created_at=created_row["created_at"],
    )


def get(conn: "Conn", comparison_id: UUID) -> PairwiseComparison:
    """One of the caller's comparisons, with what is there of its answers. Raises NotFound."""
    params = {"id": comparison_id, "conversation_id": None, "after": None, "limit": 1}
    result = rows.one(conn, PairwiseComparison, queries.find, params)
    if result is None:
        raise errors.NotFound
    return result


def list_page(conn: "Conn", conversation_id: UUID, query: PageQuery) -> Page[PairwiseComparison]:
    """The comparisons of one of the caller's conversations, newest first. Raises NotFound."""
    conversations.get(conn, conversation_id)
    params = {"id": None, "conversation_id": conversation_id, "after": query.after(), "limit": query.limit + 1}
    return page_of(rows.many(conn, PairwiseComparison, queries.find, params), query.limit)


def vote(conn: "Conn", comparison_id: UUID, preference: Preference) -> PairwiseComparison:
    """Cast the one vote on a comparison; the same vote again changes nothing.

    Raises NotFound, Conflict for another vote (already_voted), before both sides have ended (comparison_unfinished),
    and when one of them has no answer (comparison_void).
    """
    conn.execute(queries.vote, {"id": comparison_id, "preference": preference})
    result = get(conn, comparison_id)
    if result.preference == preference:
        return result
    refusals = {"voted": "already_voted", "void": "comparison_void"}
    raise errors.Conflict(code=refusals.get(result.status, "comparison_unfinished"))


def metrics(conn: "Conn") -> ComparisonReport:
    """How challengers did against champions, in numbers. For administrators: nobody else's count is above zero."""
    from psycopg.rows import dict_row

    with conn.cursor(row_factory=dict_row) as cursor:
        pairs = cursor.execute(queries.votes).fetchall()
        sides = cursor.execute(queries.sides).fetchall()
    sides_by_pair = {(row["champion_id"], row["challenger_id"], row["is_champion"]): row for row in sides}
    return ComparisonReport(
        alpha=statistics.ALPHA,
        minimum_effect=statistics.MINIMUM_EFFECT,
        items=[_measured(pair, sides_by_pair) for pair in pairs],
    )


def _measured(pair: dict[str, Any], sides_by_pair: dict[tuple[UUID, UUID, bool], dict[str, Any]]) -> ComparisonMetrics:
    wins, losses = pair["wins"], pair["losses"]
    champion, challenger = (sides_by_pair[pair["champion_id"], pair["challenger_id"], side] for side in (True, False))
    return ComparisonMetrics(
        **{name: value for name, value in pair.items() if name in ComparisonMetrics.model_fields},
        champion=SideMetrics(id=pair["champion_id"], name=pair["champion_name"], **_without_ids(champion)),
        challenger=SideMetrics(id=pair["challenger_id"], name=pair["challenger_name"], **_without_ids(challenger)),
        votes=wins + losses + pair["ties"] + pair["both_bad"],
        win_rate=wins / (wins + losses) if wins + losses else None,
        win_rate_interval=_bounds(statistics.wilson(wins, losses)),
        sequential_test=_tested(wins, losses),
    )


def _tested(wins: int, losses: int) -> SequentialTest:
    result = statistics.evidence(wins, losses)
    return SequentialTest(
        e_value=result.e_value,
        p_value=result.p_value,
        interval=_bounds(result.interval),
        verdict=result.verdict,
        enough_votes=result.verdict != "undecided",
    )


def _bounds(interval: Interval) -> ConfidenceInterval:
    return ConfidenceInterval(low=interval.low, high=interval.high)


def _without_ids(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name in SideMetrics.model_fields}


def _waiting(job_id: str) -> ComparisonSide:
    return ComparisonSide(job_id=UUID(job_id), status="pending", error=None, answer=None, variant=None)


def _pool(conn: "Conn") -> tuple[int, int, int]:
    """How many variants, champions and active challengers there are."""
    row = conn.execute(queries.pool).fetchone()
    if row is None:
        raise RuntimeError("an aggregate without a row")
    return row[0], row[1], row[2]


def _unarchived(conn: "Conn", variant_id: UUID) -> Variant:
    variant = get_variant(conn, variant_id)
    if variant.archived_at is not None:
        raise errors.Conflict("This variant is archived.")
    return variant


def _check_assistant(conn: "Conn", assistant_id: UUID | None) -> None:
    if assistant_id is None:
        return
    try:
        assistants.get(conn, assistant_id)
    except errors.NotFound as error:
        detail = {"field": "assistant_id", "message": "there is no such assistant"}
        raise errors.Unprocessable(errors=[detail]) from error
