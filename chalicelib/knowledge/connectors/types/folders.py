"""Folders of sources whose items know their parent alone: where a file lies, and whether that is where we read."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from chalicelib.knowledge.connectors.sources import Json

_DEEPEST = 100
# A map of more folders is not stored: a run in which a folder changed then lists the whole source.
_MOST_STORED, _MOST_CHARS = 5_000, 900_000


@dataclass(slots=True)
class Folders:
    """Folders by their ids: the name, and the parent's id. `roots` are where reading begins; none: everywhere."""

    roots: Collection[str] = ()
    known: dict[str, tuple[str, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, state: Json, roots: Collection[str]) -> "Folders":
        """The folders that the last run left."""
        stored: Mapping[str, list[str]] = state.get("folders") or {}
        return cls(roots, {identity: (name, parent) for identity, (name, parent) in stored.items()})

    def stored(self) -> dict[str, list[str]] | None:
        """The folders as JSON, if they are few enough."""
        every = self.as_json()
        return None if len(every) > _MOST_STORED or len(json.dumps(every)) > _MOST_CHARS else every

    def as_json(self) -> dict[str, list[str]]:
        """All folders as JSON."""
        return {identity: [name, parent] for identity, (name, parent) in self.known.items()}

    def put(self, identity: str, name: str, parent: str) -> bool:
        """A folder as the source names it now; returns whether that is new."""
        is_new = self.known.get(identity) != (name, parent)
        self.known[identity] = (name, parent)
        return is_new

    def path(self, name: str, parent: str) -> str | None:
        """The path of a file in a folder, from the root on; None for a file that is not below a root."""
        names, identity = [name], parent
        for _ in range(_DEEPEST):
            if identity in self.roots:
                return "/".join(reversed(names))
            if identity not in self.known:
                return None if self.roots else "/".join(reversed(names))
            folder, identity = self.known[identity]
            names.append(folder)
        return None
