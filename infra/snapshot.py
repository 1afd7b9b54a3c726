"""The packaged application template as a person reviews it: `python -m infra.snapshot` accepts it as it is now.

A test shows the difference between what is packaged and `tests/infra/snapshot/application.yaml`. The other templates
are deployed as they stand in `infra/account/`, so their own history shows every change.
"""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import Any

import yaml

from infra import package

FILE = package.ROOT / "tests" / "infra" / "snapshot" / "application.yaml"
_HEAD = "# Made by `make snapshot` from the packaged template, less the routes and what depends on the machine.\n"


def text(template: dict[str, Any]) -> str:
    """A template as YAML with a resource's lines together, in which nothing differs between two machines."""
    plain: dict[str, Any] = json.loads(json.dumps(template))
    for resource in plain["Resources"].values():
        properties = resource.get("Properties", {})
        for name in ("Runtime", "Architectures", "CompatibleRuntimes", "CompatibleArchitectures"):
            if name in properties:
                properties[name] = "(the target's)"
        if "DefinitionBody" in properties:
            # 6,000 lines that wire each route to the one function; docs/api.md lists the routes.
            properties["DefinitionBody"]["paths"] = "(docs/api.md)"
    return _HEAD + yaml.safe_dump(plain, width=1000, sort_keys=True, allow_unicode=True)


def packaged() -> dict[str, Any]:
    """The template as it is packaged now."""
    loaded: dict[str, Any] = json.loads(package.template(package.Target()).read_text())
    return loaded


def difference(template: dict[str, Any], file: Path = FILE) -> str:
    """What changed since the last accepted one, as a unified diff; empty when nothing did."""
    accepted = file.read_text().splitlines(keepends=True) if file.exists() else []
    now = text(template).splitlines(keepends=True)
    return "".join(difflib.unified_diff(accepted, now, "accepted", "packaged"))


def main() -> None:
    """Accept the template, and print what that changes."""
    template = packaged()
    print(difference(template) or "Nothing has changed.")
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(text(template))


if __name__ == "__main__":
    main()
