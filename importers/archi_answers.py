"""Archi: what hangs on its answers: feedback, timing, traces, tool calls and comparisons."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from chalicelib.core import sql
from importers import ids, talks
from importers.move import Move
from importers.records import Json, NewRow, Row, Skipped, Step, Target

queries = sql.load(str(Path(__file__).with_name("archi.py")))

_STAGES = (
    ("waiting", "server_received_msg_ts", "lock_acquisition_ts"),
    ("retrieval", "lock_acquisition_ts", "vectorstore_update_ts"),
    ("memory", "vectorstore_update_ts", "query_convo_history_ts"),
    ("answer", "query_convo_history_ts", "chain_finished_ts"),
    ("title", "chain_finished_ts", "finish_call_ts"),
    ("total", "lock_acquisition_ts", "finish_call_ts"),
)
_TIMES = (
    "client_sent_msg_ts",
    "server_received_msg_ts",
    "lock_acquisition_ts",
    "vectorstore_update_ts",
    "query_convo_history_ts",
    "chain_finished_ts",
    "archi_message_ts",
    "insert_convo_ts",
    "finish_call_ts",
    "server_response_msg_ts",
)


def feedback(row: Row, move: Move) -> Iterator[Target]:
    """A like, a dislike or a comment; of several votes on an answer the newest."""
    message, created = row.needs("mid", "message"), move.created(row, "feedback_ts")
    kind = str(row.get("feedback", "")).strip().lower()
    comment = (row.text("feedback_msg", 4000) or "").strip() or None
    if kind not in {"like", "dislike", "comment"}:
        raise Skipped("it is none of like, dislike, comment")
    if row.get("is_older", False):
        raise Skipped("a newer vote on the same answer counts, as it did there")
    if kind == "comment" and comment is None:
        raise Skipped("it is a comment without a word")
    values: dict[str, Json] = {
        "id": move.id(row, created),
        "message_id": message.id,
        "conversation_id": message.row["conversation_id"],
        "user_id": message.row["user_id"],
        "kind": kind,
        "reasons": [name for name in ("incorrect", "unhelpful", "inappropriate") if row.get(name, False)],
        "comment": comment,
        "created_at": created,
    }
    yield Target("feedback", values)


def timing(row: Row, move: Move) -> Iterator[Target]:
    """The stages of an answer between the ten times that were times_there there, which its job keeps as they were."""
    answer, question = row.needs("mid", "message"), row.match("question_key")
    if question is None or question.id == answer.id or question.row["role"] != "user":
        raise Skipped("its answer follows no question")
    times = {name: move.time(row, name) for name in _TIMES}
    started, finished = times["lock_acquisition_ts"], times["finish_call_ts"]
    if started is None or finished is None:
        raise Skipped("its times are not whole")
    job = talks.job(
        move,
        question,
        answer,
        key=str(row.values["mid"]),
        created=_moment(question),
        finished=finished,
    )
    job.volatile = _others(job)
    yield job
    times_there = {name: row.get(name) for name in (*_TIMES, "msg_duration")}
    yield talks.job_update(job, started_at=started, finished_at=finished, settings={"timing": times_there})
    for stage, since, until in _STAGES:
        begin, end = times[since], times[until]
        if begin is not None and end is not None:
            values: dict[str, Json] = {
                "job_id": job.id,
                "attempt": 1,
                "stage": stage,
                "user_id": answer.row["user_id"],
                "started_at": begin,
                "milliseconds": max((end - begin) / timedelta(milliseconds=1), 0.0),
            }
            yield Target("timing", values, key=("job_id", "attempt", "stage"))


def traces(row: Row, move: Move) -> Iterator[Target]:
    """What was done for an answer, step by step."""
    answer, question = row.match("message_id"), row.match("question_key")
    if question is None:
        raise Skipped("it names no question that was moved")
    if answer is not None and answer.row["conversation_id"] != question.row["conversation_id"]:
        raise Skipped("its question is one of another conversation")
    started = move.created(row, "started_at")
    completed, status = move.time(row, "completed_at"), str(row.get("status", "running"))
    if status not in {"running", "completed", "cancelled", "failed"}:
        raise Skipped("its status is none of running, completed, cancelled, failed")
    if status == "running":
        completed = None
    elif completed is None:
        completed = started
        row.note("completed_at is missing: it is its start")
    ended = "failed" if status == "running" or (answer is None and status == "completed") else status
    job = talks.job(
        move,
        question,
        answer,
        key=str(row.get("message_id") or row.key),
        created=_moment(question),
        finished=completed or started,
    )
    job.volatile = _others(job)
    yield job
    yield talks.job_update(
        job,
        pipeline=row.text("pipeline_name", 100, "unknown"),
        settings={"config_id": row.get("config_id"), "trace_created_at": row.get("created_at")},
        status=ended,
        error_code="failed" if ended == "failed" else None,
        error_message="It had not ended in the system that it came from." if ended == "failed" else None,
        cancelled_by=row.text("cancelled_by", 100),
        cancellation_reason=row.text("cancellation_reason", 2000),
    )
    events = row.get("events", [])
    events = [
        each if isinstance(each, dict) else {"event": each}
        for each in (events if isinstance(events, list) else [events])
    ]
    values: dict[str, Json] = {
        "id": move.id(row, started),
        "job_id": job.id,
        "user_id": question.row["user_id"],
        "pipeline": row.text("pipeline_name", 100, "unknown"),
        "model": job.values["model"],
        "status": status,
        "events": events,
        "total_tool_calls": row.whole("total_tool_calls", 0, 2**31 - 1, 0),
        "total_tokens_used": row.whole("total_tokens_used", 0, 2**31 - 1, 0),
        "total_duration_ms": row.number("total_duration_ms", 0, 1e12) or 0,
        "started_at": started,
        "completed_at": completed,
    }
    yield Target("agent_traces", values)


def tool_calls(row: Row, move: Move) -> Iterator[Target]:
    """A call of a tool, with the trace of its answer."""
    if row.get("trace_id") is None:
        raise Skipped("its answer has no trace")
    if row.get("is_again", False):
        raise Skipped("its answer has another call with the same step_number")
    trace, started = row.needs("trace_id", "trace"), move.created(row, "ts")
    step = row.whole("step_number", 1, 2**31 - 1)
    values: dict[str, Json] = {
        "id": move.id(row, started),
        "trace_id": trace.id,
        "user_id": trace.row["user_id"],
        "step_number": step,
        "tool_name": row.text("tool_name", 100, ""),
        "tool_args": row.get("tool_args", {}),
        "tool_result": row.text("tool_result", 100_000, ""),
        "failed": False,
        "milliseconds": 0,
        "started_at": started,
    }
    yield Target("agent_tool_calls", values)


def comparisons(row: Row, move: Move) -> Iterator[Target]:
    """A question that two configurations answered, and the vote."""
    question = row.needs("user_prompt_mid", "question")
    sides = {side: row.needs(f"response_{side}_mid", "answer") for side in ("a", "b")}
    created = move.created(row)
    jobs, variants = {}, {}
    for side, answer in sides.items():
        if answer.row["conversation_id"] != question.row["conversation_id"]:
            raise Skipped("its answer is one of another conversation")
        pipeline = row.text(f"pipeline_{side}", 100) or answer.row.get("pipeline") or "unknown"
        model = row.text(f"model_{side}", 200) or answer.row.get("model") or "unknown"
        jobs[side] = talks.job(
            move,
            question,
            answer,
            key=str(row.values[f"response_{side}_mid"]),
            created=_moment(question),
            finished=max(_moment(answer), _moment(question)),
            pipeline=pipeline,
            model=model,
        )
        jobs[side].volatile = _others(jobs[side])
        variants[side] = _variant(move, side, model, pipeline)
    yield from (jobs["a"], jobs["b"], variants["a"], variants["b"])
    first, second = ("a", "b") if row.get("is_config_a_first", True) else ("b", "a")
    vote = {first: "first", second: "second", "tie": "tie"}.get(str(row.get("preference", "")).lower())
    if row.get("preference") is not None and vote is None:
        row.note("its preference is none of a, b, tie")
    values: dict[str, Json] = {
        "id": move.id(row, created),
        "user_id": question.row["user_id"],
        "conversation_id": question.row["conversation_id"],
        "question_id": question.id,
        "first_job_id": jobs[first].id,
        "second_job_id": jobs[second].id,
        "champion_id": variants["a"].id,
        "challenger_id": variants["b"].id,
        "champion_name": variants["a"].values["name"],
        "challenger_name": variants["b"].values["name"],
        "is_champion_first": first == "a",
        "preference": vote,
        "preferred_at": (move.time(row, "preference_ts") or created) if vote else None,
        # Without a vote nobody is question_key again: the two configurations do not answer here.
        "is_void": vote is None,
        "created_at": created,
    }
    yield Target("ab_comparisons", values)


def _variant(move: Move, side: str, model: str, pipeline: str) -> Target:
    """A configuration as an archived variant: A is the champion. It is one row for all comparisons that had it."""
    name = f"{side.upper()}: {model}, {pipeline}"[:100]
    values: dict[str, Json] = {
        "id": move.named_id("variants", f"{side}|{model}|{pipeline}"),
        "name": name,
        "settings": {"active_model": model, "active_pipeline": pipeline},
        "is_active": False,
        "archived_at": ids.EPOCH,
        "created_at": ids.EPOCH,
        "updated_at": ids.EPOCH,
    }
    return Target("ab_pool", values, shared=True)


def _others(job: Target) -> frozenset[str]:
    """The columns of a job that other rows may have brought."""
    return frozenset(job.values) - {"id", "answer_id", "conversation_id", "user_id"}


def _moment(match: NewRow) -> datetime:
    return datetime.fromisoformat(str(match.row["created_at"]))


_MESSAGES = "conversations"
STEPS = (
    Step(
        "feedback",
        queries.feedback,
        feedback,
        order=(("mid", "bigint"), ("feedback_ts", "timestamp")),
        key=("mid", "feedback_ts"),
        refs={"mid": _MESSAGES},
    ),
    Step(
        "ab_comparisons",
        queries.comparisons,
        comparisons,
        order=(("comparison_id", "bigint"),),
        key=("comparison_id",),
        refs={"user_prompt_mid": _MESSAGES, "response_a_mid": _MESSAGES, "response_b_mid": _MESSAGES},
    ),
    Step(
        "timing",
        queries.timing,
        timing,
        order=(("mid", "bigint"),),
        key=("mid",),
        refs={"mid": _MESSAGES, "question_key": _MESSAGES},
    ),
    Step(
        "agent_traces",
        queries.traces,
        traces,
        order=(("trace_id", "uuid"),),
        key=("trace_id",),
        refs={"message_id": _MESSAGES, "user_message_id": _MESSAGES, "question_key": _MESSAGES},
    ),
    Step(
        "agent_tool_calls", queries.tool_calls, tool_calls, order=(("id", "bigint"),), refs={"trace_id": "agent_traces"}
    ),
)
