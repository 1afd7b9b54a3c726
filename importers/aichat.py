"""AI Chat 1.x and 2: accounts, conversations and messages with their analysis."""

from collections.abc import Iterator, Sequence

from chalicelib.core import sql
from importers import people, talks
from importers.move import Move
from importers.records import Json, Row, Step, Target

queries = sql.load(__file__)


def users(row: Row, move: Move) -> Iterator[Target]:
    """An account with its password."""
    values: dict[str, Json] = {
        "email": row.get("email"),
        "password_hash": people.password(row, "hashed_password"),
        "is_active": bool(row.get("is_active", True)),
    }
    yield people.account(row, move, values, move.created(row))


def conversations(row: Row, move: Move) -> Iterator[Target]:
    """A conversation, which is called a session there."""
    yield talks.conversation(row, move, row.needs("user_id", "user").id, extra_data={})


def messages(row: Row, move: Move) -> Iterator[Target]:
    """A message. `persona` and `confidence` of 1.x stay beside what replaced them."""
    conversation = row.needs("session_id", "conversation")
    is_mistake = bool(row.get("is_mistake", 0))
    note = row.text("mistake_note", 2000)
    extra_data: dict[str, Json] = {
        "persona": row.get("persona"),
        "confidence": row.get("confidence"),
        "mistake_note": note if not is_mistake else None,
    }
    knowledge = row.get("needs_knowledge")
    message = talks.message(
        row,
        move,
        conversation,
        talks.role_of(row.get("role")),
        extra_data=extra_data,
        tone=row.text("tone", 50),
        behavior=row.text("behavior", 50),
        context_type=row.text("context_type", 50),
        signal_strength=row.number("signal_strength" if row.get("signal_strength") is not None else "confidence", 0, 1),
        context_clarity=row.number("context_clarity", 0, 1),
        needs_knowledge=None if knowledge is None else bool(knowledge),
        model=row.text("model_name", 200),
        prompt_tokens=row.whole("prompt_tokens", 0, 2**31 - 1),
        completion_tokens=row.whole("completion_tokens", 0, 2**31 - 1),
        is_mistake=is_mistake,
        mistake_note=note if is_mistake else None,
    )
    yield message
    yield from talks.usage(row, move, message, "unknown")


def follows(row: Row, move: Move) -> Iterator[Target]:
    """The message that a message follows: the one before it."""
    del move
    yield from talks.follows(row, "previous")


def steps(move: Move) -> Sequence[Step]:
    """The steps of a move."""
    del move
    return STEPS


_ID = (("id", "uuid"),)
STEPS = (
    Step("users", queries.users, users, order=_ID),
    Step("sessions", queries.conversations, conversations, order=_ID, refs={"user_id": "users"}),
    Step("messages", queries.messages, messages, order=_ID, refs={"session_id": "sessions"}),
    Step(
        "messages",
        queries.follows,
        follows,
        name="messages: order",
        order=_ID,
        refs={"self": "messages", "previous": "messages"},
    ),
)
