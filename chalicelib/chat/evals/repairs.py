"""What tick does for evaluations."""

from contextlib import suppress

from chalicelib.chat.evals import runs
from chalicelib.chat.queue import jobs
from chalicelib.core import errors, identity, sql
from chalicelib.core.repairs import repair

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
