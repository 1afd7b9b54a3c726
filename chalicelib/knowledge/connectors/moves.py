"""Items of sources whose ids are places: which of the new ones are former ones at another place."""

from collections import defaultdict
from collections.abc import Mapping
from hashlib import sha256
from pathlib import PurePosixPath

# In bytes. An entry of the database's index of ids has 2,704 at most.
_LONGEST_ID = 1024


def id_of(raw: bytes, path: str) -> str:
    """A file's id: its path. Of a path that is too long for an index or is not UTF-8: a hash of it, and its name."""
    if len(raw) <= _LONGEST_ID and path.encode() == raw:
        return path
    return f"{sha256(raw).hexdigest()}/{PurePosixPath(path).name[-200:]}"


def paired(new: Mapping[str, str], former: Mapping[str, str], *, several: bool = False) -> dict[str, str]:
    """New paths and former ones with the same mark; where several share it, in order, or not at all."""
    new_by_mark, former_by_mark = defaultdict[str, list[str]](list), defaultdict[str, list[str]](list)
    for by_mark, paths in ((new_by_mark, new), (former_by_mark, former)):
        for path in sorted(paths):
            by_mark[paths[path]].append(path)
    return {
        one: other
        for name, paths in new_by_mark.items()
        if several or len(paths) == len(former_by_mark[name]) == 1
        for one, other in zip(paths, former_by_mark[name], strict=False)
    }
