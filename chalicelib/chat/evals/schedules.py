"""Schedules: tick starts a run of a set at the times of a cron expression, in UTC, within a budget for each run."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from chalicelib.chat.evals import runs
from chalicelib.chat.evals.models import EvalSchedule, NewEvalSchedule
from chalicelib.core import errors, identity, rows, sql
from chalicelib.core.models import Page, PageQuery, page_of

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

MAX_SCHEDULES = 20


class _Schedule(EvalSchedule):
    configuration: dict[str, Any]


def create(conn: "Conn", new: NewEvalSchedule) -> EvalSchedule:
    """Create a schedule. Raises like `runs.create`, which judges the configuration; Conflict (too_many)."""
    from psycopg.types.json import Jsonb

    name, configuration = runs.judge(conn, new)
    rows.hold_limit(conn, "eval_schedules", identity.caller_id())
    params = new.model_dump(include={"set_id", "budget_usd", "schedule"}) | {
        "name": name,
        "configuration": Jsonb(configuration),
        "next_run_at": _next(new.schedule),
        "most": MAX_SCHEDULES,
    }
    created = rows.value(conn, queries.create, params)
    if created is None:
        raise errors.Conflict(f"At most {MAX_SCHEDULES} schedules are allowed. Delete one first.", code="too_many")
    return get(conn, created)


def get(conn: "Conn", schedule_id: UUID) -> EvalSchedule:
    """One of the caller's schedules. Raises NotFound."""
    result = rows.one(conn, EvalSchedule, queries.get, {"id": schedule_id})
    if result is None:
        raise errors.NotFound
    return result


def list_page(conn: "Conn", query: PageQuery) -> Page[EvalSchedule]:
    """The caller's schedules, newest first."""
    params = {"after": query.after(), "limit": query.limit + 1}
    return page_of(rows.many(conn, EvalSchedule, queries.list, params), query.limit)


def delete(conn: "Conn", schedule_id: UUID) -> None:
    """Delete a schedule; its runs stay. Raises NotFound."""
    if conn.execute(queries.delete, {"id": schedule_id}).rowcount == 0:
        raise errors.NotFound


def start_due(conn: "Conn", user_id: UUID, schedule_id: UUID) -> list[UUID]:
    """Start the run of a user's schedule that is due, unless its last run goes on.

    Returns the jobs, whose workers are to be woken after the commit. A run that cannot start leaves the reason with the
    schedule.
    """
    schedule = rows.one(conn, _Schedule, queries.lock_due, {"id": schedule_id})
    if schedule is None:
        return []
    run_id: UUID | None = None
    job_ids: list[UUID] = []
    message: str | None = None
    if rows.value(conn, queries.is_running, {"id": schedule.last_run_id}):
        message = "The run before was still going on, so none was started."
    else:
        try:
            with conn.transaction():
                run_id = runs.start(
                    conn,
                    user_id,
                    schedule.set_id,
                    schedule.name,
                    schedule.configuration,
                    budget_usd=schedule.budget_usd,
                )
                job_ids = runs.advance(conn, run_id)
        except errors.Problem as problem:
            run_id, job_ids, message = None, [], str(problem)[:500]
    params = {"next_run_at": _next(schedule.schedule), "run_id": run_id, "error_message": message}
    conn.execute(queries.advance, params | {"id": schedule_id})
    return job_ids


def _next(schedule: str) -> datetime:
    """The next time of a cron expression, which some date matches."""
    from cronsim import CronSim

    return next(CronSim(schedule, datetime.now(UTC)))
