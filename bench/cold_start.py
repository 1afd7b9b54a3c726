"""What `import app` costs against importing its libraries alone: the packaged function, fresh processes, in turn.

Then the same with the routes of all paths, of which a request loads its own (chalicelib/core/routing.py).
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from infra import package

_ROOT = Path(__file__).parents[1]
_RUNS = 15
_PATH = "import sys; sys.path[:0] = {path!r}; "
# Processor time: a cold start is nothing else, and a busy machine does not change it.
_TIMED = "import time; started = time.process_time(); {imports}; print(time.process_time() - started)"
_LOADED = (
    "before = set(sys.modules); {imports}; new = set(sys.modules) - before; "
    "print(' '.join(sorted(m for m in new if m[0] != '_' and m.split('.')[0] not in ('app', 'chalicelib'))))"
)
_APP = "import app"
_WHOLE = "import app; len(app.app.routes)"
# Modules that only a function's own work may load.
HEAVY = (
    "boto3",
    "botocore",
    "numpy",
    "onnxruntime",
    "tokenizers",
    "psycopg",
    "lxml",
    "pypdfium2",
    "aws_lambda_powertools",
    "openai",
    "anthropic",
    "httpx",
)


def loaded_modules(path: list[str], imports: str = _APP) -> list[str]:
    """Every module outside this project that `imports` loads, in a fresh process with this module path."""
    return _python(_PATH.format(path=path) + _LOADED.format(imports=imports)).split()


def _python(code: str) -> str:
    finished = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    return finished.stdout


def main() -> None:
    """Print the medians and their ratios."""
    built = package.build(package.Target())
    with tempfile.TemporaryDirectory() as directory:
        for name, archive in (("function", built.function), ("libraries", built.libraries)):
            with zipfile.ZipFile(archive) as opened:
                opened.extractall(Path(directory) / name)
        path = [f"{directory}/function", f"{directory}/libraries/python"]
        _measure(path, "import app", _APP)
        _measure(path, "with every route", _WHOLE)


def _measure(path: list[str], name: str, imports: str) -> None:
    modules = loaded_modules(path, imports)
    alone = _PATH.format(path=path) + _TIMED.format(
        imports="import " + ", ".join(name for name in modules if name not in {"typing.io", "typing.re"})
    )
    whole = _PATH.format(path=path) + _TIMED.format(imports=imports)
    pairs = [(float(_python(whole)), float(_python(alone))) for _ in range(_RUNS)]
    ours, theirs = (statistics.median(column) * 1000 for column in zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    tops = sorted({name.split(".")[0] for name in modules} - sys.stdlib_module_names)
    print(f"  {name} {ours:.0f} ms, its libraries alone {theirs:.0f} ms, ratio {ratio:.2f} (median of {_RUNS} pairs)")
    print(f"  libraries: {', '.join(tops)}")


if __name__ == "__main__":
    main()
