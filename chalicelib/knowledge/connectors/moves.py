"""Items of sources whose ids are places: which of the new ones are former ones at another place."""

from collections import defaultdict
from collections.abc import Mapping


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
