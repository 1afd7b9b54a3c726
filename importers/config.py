"""The administrators' settings of a service that may be in use."""

from typing import Any

from importers.move import Move
from importers.records import Json, Row, Target


def settings(row: Row, move: Move, values: dict[str, Json]) -> Target:
    """The settings `values`, by name, as far as no administrator has set another value here: that one stays.

    The report names each that stays, with the value that it had there.
    """
    stored: dict[str, Any] = (move.owner.execute("select to_jsonb(c) from dynamic_config c").fetchone() or ({},))[0]
    taken: dict[str, Json] = {}
    for name, value in values.items():
        if value is None:
            continue
        if stored[name] is None or stored[name] == value:
            taken[name] = value
        else:
            row.note(f"{name} is set here and stays: it was {str(value)[:60]} there")
    return Target("dynamic_config", {"id": 1, **taken}, update=bool(taken), merged=not taken)
