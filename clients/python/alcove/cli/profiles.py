"""Where sign-ins are kept: one private file of profiles, each with an address and its tokens or API key."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import filelock
import platformdirs


@dataclass(frozen=True)
class Profile:
    """A sign-in."""

    url: str
    account: str | None = None
    api_key: str | None = None
    access_token: str | None = None
    refresh_token: str | None = None
    device_token: str | None = None


def state_directory() -> Path:
    """Where what the command line remembers between runs is kept, such as finished uploads."""
    return Path(platformdirs.user_state_dir("alcove", appauthor=False))


class Profiles:
    """The file of profiles. Two commands at once do not lose each other's changes."""

    def __init__(self, directory: Path | None = None) -> None:
        kept = directory or Path(platformdirs.user_config_dir("alcove", appauthor=False))
        self._path = kept / "profiles.json"

    def get(self, name: str | None) -> tuple[str, Profile] | None:
        """The named profile, or the one that was signed in last, with its name; None without any."""
        stored = self._read()
        chosen = name or stored["last"]
        kept = stored["profiles"].get(chosen)
        return (chosen, Profile(**kept)) if kept else None

    def put(self, name: str, profile: Profile, *, last: bool = True) -> None:
        """Keep a profile, by default as the one that was signed in last."""
        with self._changed() as stored:
            stored["profiles"][name] = {field: value for field, value in asdict(profile).items() if value is not None}
            stored["last"] = name if last else stored["last"]

    def remove(self, name: str) -> None:
        """Forget a profile."""
        with self._changed() as stored:
            stored["profiles"].pop(name, None)
            if stored["last"] == name:
                stored["last"] = next(iter(stored["profiles"]), None)

    def _read(self) -> dict[str, Any]:
        return {"last": None, "profiles": {}} | read_json(self._path)

    @contextmanager
    def _changed(self) -> Iterator[dict[str, Any]]:
        with locked(self._path):
            stored = self._read()
            yield stored
            write_private(self._path, stored)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Nobody else changes the file meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with filelock.FileLock(path.with_suffix(".lock"), mode=0o600):
        yield


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; an empty one if there is no file."""
    try:
        read: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    return read


def write_private(path: Path, content: Any) -> None:
    """Replace a JSON file as a whole, readable by its owner alone."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_suffix(f".{os.getpid()}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        json.dump(content, opened, indent=1)
    partial.replace(path)
