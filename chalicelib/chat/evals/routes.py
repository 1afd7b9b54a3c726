"""Evaluations over HTTP: sets of questions, their runs, and comparisons of runs."""

from uuid import UUID

from chalicelib.chat.evals import importing, runs, schedules, sets
from chalicelib.chat.evals.models import (
    EvalCollection,
    EvalComparison,
    EvalImport,
    EvalImportResult,
    EvalQuestion,
    EvalResult,
    EvalRun,
    EvalRunQuery,
    EvalSchedule,
    EvalSet,
    NewEvalRun,
    NewEvalSchedule,
    NewEvalSet,
)
from chalicelib.chat.queue import jobs
from chalicelib.core import idempotency, identity
from chalicelib.core.http import Reply, Routes
from chalicelib.core.models import Page, PageQuery

routes = Routes(__name__)


@routes.post("/evals/sets", scope="chat", status=201)
def create_eval_set(body: NewEvalSet) -> Reply[EvalSet]:
    """Create a set of questions for evaluations."""
    with identity.as_caller() as conn:
        created = idempotency.once(conn, lambda: sets.create(conn, body), lambda set_id: sets.get(conn, set_id))
    return Reply(created, headers={"Location": f"/evals/sets/{created.id}"})


@routes.get("/evals/sets")
def list_eval_sets(query: PageQuery) -> Page[EvalSet]:
    """List the caller's sets of questions, newest first."""
    with identity.as_caller() as conn:
        return sets.list_page(conn, query)


@routes.get("/evals/sets/{eval_set_id}")
def get_eval_set(eval_set_id: UUID) -> EvalSet:
    """Get a set of questions."""
    with identity.as_caller() as conn:
        return sets.get(conn, eval_set_id)


@routes.delete("/evals/sets/{eval_set_id}", scope="chat")
def delete_eval_set(eval_set_id: UUID) -> None:
    """Delete a set of questions with its runs."""
    with identity.as_caller() as conn:
        sets.delete(conn, eval_set_id)


@routes.get("/evals/sets/{eval_set_id}/questions")
def list_eval_questions(eval_set_id: UUID, query: PageQuery) -> Page[EvalQuestion]:
    """List the questions of a set, in their order."""
    with identity.as_caller() as conn:
        return sets.questions(conn, eval_set_id, query)


@routes.post("/evals/sets/{eval_set_id}/import", scope="chat")
def import_eval_questions(eval_set_id: UUID, body: EvalImport) -> EvalImportResult:
    """Add questions to a set, from JSON Lines or from a BEIR collection."""
    with identity.as_caller() as conn:
        return importing.add(conn, eval_set_id, body)


@routes.post("/evals/sets/{eval_set_id}/collect", scope="chat")
def collect_eval_questions(eval_set_id: UUID, body: EvalCollection) -> EvalImportResult:
    """Add the questions of the caller's own answers that are marked as mistakes, or that were liked."""
    with identity.as_caller() as conn:
        return EvalImportResult(questions=sets.collect(conn, eval_set_id, body), unknown_documents=[])


@routes.post("/evals/runs", scope="chat", status=202)
def create_eval_run(body: NewEvalRun) -> Reply[EvalRun]:
    """Start a run of a set: its questions are answered by the service itself, after all others that wait."""
    job_ids: list[UUID] = []
    with identity.as_caller() as conn:

        def create() -> EvalRun:
            run = runs.create(conn, body)
            job_ids.extend(runs.advance(conn, run.id))
            return run

        created = idempotency.once(conn, create, lambda run_id: runs.get(conn, run_id))
    jobs.try_to_wake(job_ids)
    return Reply(created, headers={"Location": f"/evals/runs/{created.id}"})


@routes.get("/evals/runs")
def list_eval_runs(query: EvalRunQuery) -> Page[EvalRun]:
    """List the caller's runs, newest first, without their measures."""
    with identity.as_caller() as conn:
        return runs.list_page(conn, query)


@routes.get("/evals/runs/{eval_run_id}")
def get_eval_run(eval_run_id: UUID) -> EvalRun:
    """Get a run, how far it is, and its measures with their intervals."""
    with identity.as_caller() as conn:
        return runs.get(conn, eval_run_id)


@routes.get("/evals/runs/{eval_run_id}/results")
def list_eval_results(eval_run_id: UUID, query: PageQuery) -> Page[EvalResult]:
    """List what a run gave for each question."""
    with identity.as_caller() as conn:
        page = runs.results(conn, eval_run_id, query)
    return Page[EvalResult](items=list(page.items), next_cursor=page.next_cursor)


@routes.get("/evals/runs/{eval_run_id}/comparisons/{other_run_id}")
def compare_eval_runs(eval_run_id: UUID, other_run_id: UUID) -> EvalComparison:
    """Compare a run with another one, over the questions of both."""
    with identity.as_caller() as conn:
        return runs.compare(conn, eval_run_id, other_run_id)


@routes.post("/evals/runs/{eval_run_id}/advance", scope="chat")
def advance_eval_run(eval_run_id: UUID) -> EvalRun:
    """Measure what is answered, and ask the next questions, without waiting for the next minute."""
    with identity.as_caller() as conn:
        job_ids = runs.advance(conn, eval_run_id)
        run = runs.get(conn, eval_run_id)
    jobs.try_to_wake(job_ids)
    return run


@routes.post("/evals/runs/{eval_run_id}/cancel", scope="chat")
def cancel_eval_run(eval_run_id: UUID) -> EvalRun:
    """Ask no further question of a run."""
    with identity.as_caller() as conn:
        return runs.cancel(conn, eval_run_id)


@routes.delete("/evals/runs/{eval_run_id}", scope="chat")
def delete_eval_run(eval_run_id: UUID) -> None:
    """Delete a run with its results."""
    with identity.as_caller() as conn:
        runs.delete(conn, eval_run_id)


@routes.post("/evals/schedules", scope="chat", status=201)
def create_eval_schedule(body: NewEvalSchedule) -> Reply[EvalSchedule]:
    """Run a set again and again, at the times of a cron expression."""
    with identity.as_caller() as conn:
        created = idempotency.once(
            conn, lambda: schedules.create(conn, body), lambda schedule_id: schedules.get(conn, schedule_id)
        )
    return Reply(created, headers={"Location": f"/evals/schedules/{created.id}"})


@routes.get("/evals/schedules")
def list_eval_schedules(query: PageQuery) -> Page[EvalSchedule]:
    """List the caller's schedules, newest first."""
    with identity.as_caller() as conn:
        return schedules.list_page(conn, query)


@routes.get("/evals/schedules/{eval_schedule_id}")
def get_eval_schedule(eval_schedule_id: UUID) -> EvalSchedule:
    """Get a schedule, with its next time and its last run."""
    with identity.as_caller() as conn:
        return schedules.get(conn, eval_schedule_id)


@routes.delete("/evals/schedules/{eval_schedule_id}", scope="chat")
def delete_eval_schedule(eval_schedule_id: UUID) -> None:
    """Delete a schedule. Its runs stay."""
    with identity.as_caller() as conn:
        schedules.delete(conn, eval_schedule_id)
