"""Folders of sources whose items know their parent alone: where a file lies, and whether that is where we read."""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from chalicelib.knowledge.connectors.sources import Json

# Where readers are mirrored, everything is listed once in this time, whatever the changes name.
_WHOLE_EVERY = timedelta(hours=24)
# A map of more folders is not stored: a run in which a folder changed then lists the whole source.
_MOST_STORED, _MOST_CHARS = 5_000, 900_000


@dataclass(slots=True)
class Folders:
    """Folders by their ids: the name, the parent's id, and a mark of its readers, where these are mirrored.

    `roots` are where reading begins; none: everywhere.
    """

    roots: Collection[str] = ()
    known: dict[str, tuple[str, str, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, state: Json, roots: Collection[str]) -> "Folders":
        """The folders that the last run left."""
        stored: Mapping[str, list[str]] = state.get("folders") or {}
        return cls(roots, {identity: (entry[0], entry[1], entry[2]) for identity, entry in stored.items()})

    def stored(self) -> dict[str, list[str]] | None:
        """The folders as JSON, if they are few enough."""
        every = self.as_json()
        return None if len(every) > _MOST_STORED or len(json.dumps(every)) > _MOST_CHARS else every

    def as_json(self) -> dict[str, list[str]]:
        """All folders as JSON."""
        return {identity: list(entry) for identity, entry in self.known.items()}

    def put(self, identity: str, name: str, parent: str, readers: str = "") -> bool:
        """A folder as the source names it now; returns whether that is new."""
        is_new = self.known.get(identity) != (name, parent, readers)
        self.known[identity] = (name, parent, readers)
        return is_new

    def path(self, name: str, parent: str) -> str | None:
        """The path of a file in a folder, from the root on; None for a file that is not below a root."""
        names, identity = [name], parent
        for _ in range(len(self.known) + 1):
            if identity in self.roots:
                return "/".join(reversed(names))
            if identity not in self.known:
                return None if self.roots else "/".join(reversed(names))
            folder, identity, _ = self.known[identity]
            names.append(folder)
        return None  # a folder lies in itself


def mark(readers: Iterable[str] | None) -> str:
    """What changes with a folder's readers."""
    return "?" if readers is None else hashlib.sha256("\n".join(sorted(readers)).encode()).hexdigest()[:16]


def is_old(whole_at: object) -> bool:
    """Whether a whole listing is due again, by the time of the last one."""
    return not isinstance(whole_at, str) or datetime.now(UTC) - datetime.fromisoformat(whole_at) > _WHOLE_EVERY
