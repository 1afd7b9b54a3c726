"""What tick does for evaluations."""

from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

from chalicelib.chat.evals import runs, schedules
from chalicelib.chat.queue import jobs
from chalicelib.core import errors, identity, rows, sql
from chalicelib.core.repairs import repair

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

# The runs that one call goes on with; others come in the next minutes.
_RUNS = 20


@repair
def advance_evals() -> int:
    """Go on with evaluations: measure what is answered, ask more. Returns the number of runs that go on."""
    with identity.as_nobody() as conn:
        running = conn.execute(queries.unfinished_evals, {"limit": _RUNS}).fetchall()
    job_ids = []
    for run_id, user_id in running:
        with suppress(identity.InactiveUserError, errors.NotFound), identity.as_user(user_id) as conn:
            job_ids += runs.advance(conn, run_id)
    jobs.wake(job_ids)
    return len(running)


def next_scheduled_eval(conn: "Conn") -> datetime | None:
    """When the next schedule starts a run."""
    due: datetime | None = rows.value(conn, queries.next_eval_schedule)
    return due


@repair(due=next_scheduled_eval)
def start_scheduled_evals() -> int:
    """Start the runs of evaluations whose time has come. Returns the number of schedules that were due."""
    with identity.as_nobody() as conn:
        due = conn.execute(queries.due_eval_schedules, {"limit": _RUNS}).fetchall()
    job_ids = []
    for schedule_id, user_id in due:
        with suppress(identity.InactiveUserError), identity.as_user(user_id) as conn:
            job_ids += schedules.start_due(conn, user_id, schedule_id)
    jobs.wake(job_ids)
    return len(due)
