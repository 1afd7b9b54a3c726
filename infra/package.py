"""Build what is deployed: the libraries as a Lambda layer, the code as a function zip, and the template.

`python -m infra.package` writes libraries.zip, function.zip and template.json to `.local/build/<target>/`.
A target is a Python version and a platform. Every output depends on the contents of its inputs alone: the same inputs
give the same bytes, and an output whose inputs have not changed is not built again. One module because its own text is
one of those inputs: a change of how something is built builds it again.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from infra import gateway, models, stripping
from infra.models import ROOT as ROOT
from infra.models import STATE as STATE
from infra.models import PackageError as PackageError
from infra.models import digest as digest
from infra.models import pip

LAMBDA_LIMIT_BYTES = 250 * 1024 * 1024

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip entry can hold
_LIBRARY_FORMAT = 4  # to be raised when the way of building the layer changes what is in it


@dataclass(frozen=True)
class Target:
    """Where a package will run. `platform` is a wheel platform tag (PEP 425), empty for this machine's."""

    python: str = f"{sys.version_info.major}.{sys.version_info.minor}"
    platform: str = ""
    state: Path | None = field(default=None, repr=False)  # instead of STATE

    @property
    def directory(self) -> Path:
        """Where this target's artefacts are built."""
        return (self.state or STATE) / "build" / f"{self.platform or 'this-machine'}-python{self.python}"

    @property
    def architecture(self) -> str:
        """Lambda's name of the processor."""
        machine = self.platform or os.uname().machine
        return "arm64" if machine.endswith(("aarch64", "arm64")) else "x86_64"


ARCHITECTURES = {"x86_64": "x86_64", "arm64": "aarch64"}  # Lambda's name of a processor: the wheels'


def aws(architecture: str = "x86_64") -> Target:
    """Lambda on a processor of ARCHITECTURES. PackageError for others.

    Its runtimes have glibc 2.34 from Python 3.12 on (Amazon Linux 2023); 3.11's 2.26 is too old for onnxruntime.
    """
    if architecture not in ARCHITECTURES:
        raise PackageError(f"Lambda has no processor {architecture!r}; it has {' and '.join(ARCHITECTURES)}.")
    return Target("3.13", f"manylinux_2_28_{ARCHITECTURES[architecture]}")


AWS = aws()


@dataclass(frozen=True)
class Package:
    """Paths of one target's artefacts."""

    libraries: Path
    function: Path
    template: Path


def build(target: Target) -> Package:
    """Build whatever of `target` has changed and return where it is; PackageError when Lambda would not take it."""
    target.directory.mkdir(parents=True, exist_ok=True)
    with _locked(target):
        package = Package(_libraries(target), *_function(target))
    size = sum(unzipped(package))
    if size >= LAMBDA_LIMIT_BYTES:
        raise PackageError(
            f"Layer and function are {size / 1e6:.0f} MB unzipped; Lambda takes 250 MiB. `make package` lists parts."
        )
    return package


def template(target: Target) -> Path:
    """Build the template of `target` alone, which takes no interpreter of its version; return the path."""
    target.directory.mkdir(parents=True, exist_ok=True)
    with _locked(target):
        return _function(target, template_only=True)[1]


def unzipped(package: Package) -> tuple[int, int]:
    """Bytes of the layer and of the function after unzipping."""
    layer, function = (sum(_entry_sizes(path).values()) for path in (package.libraries, package.function))
    return layer, function


def merged(package: Package) -> Package:
    """The same with the libraries inside of the function's zip, for emulators that attach no layers."""
    archive = package.function.with_name("whole.zip")
    key = _key(package.function.read_bytes(), package.libraries.read_bytes())
    if not _is_built(archive, key):
        partial = archive.with_suffix(".partial")
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as whole:
            for path in (package.function, package.libraries):
                with zipfile.ZipFile(path) as part:
                    for entry in part.infolist():
                        content = part.read(entry)
                        entry.filename = entry.filename.removeprefix("python/")
                        whole.writestr(entry, content)
        partial.replace(archive)
        _mark_built(archive, key)
    return replace(package, function=archive)


@contextmanager
def _locked(target: Target) -> Iterator[None]:
    with (target.directory / "lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _libraries(target: Target) -> Path:
    """The layer: `python/` with the libraries of requirements.txt, by their hashes, and the embedding model."""
    archive = target.directory / "libraries.zip"
    requirements = ROOT / "requirements.lock"
    pins = [requirements.read_bytes(), *models.pins()]
    pins.append(repr(stripping.rules()).encode())
    key = _key(f"{_LIBRARY_FORMAT} {target}".encode(), *pins)
    if not _is_built(archive, key):
        tree = target.directory / "libraries"
        shutil.rmtree(tree, ignore_errors=True)
        options = ["--no-deps", "--only-binary=:all:", "--no-compile", "--target", str(tree / "python")]
        if target.platform:
            options += ["--python-version", target.python, "--implementation", "cp"]
            options += [option for platform in platforms(target) for option in ("--platform", platform)]
        pip("install", *options, "--require-hashes", "-r", str(requirements))
        stripping.strip(tree / "python")
        models.fetch(tree / "python", STATE / "models")
        _compile(tree, "/opt", target, alone=True)
        _zip(tree, archive)
        shutil.rmtree(tree)
        _mark_built(archive, key)
    return archive


def platforms(target: Target) -> list[str]:
    """Wheel tags that run on `target`: glibc is backward compatible, so older tags do too (PEP 600)."""
    prefix, _, rest = target.platform.partition("manylinux_2_")
    minor, _, machine = rest.partition("_")
    if prefix or not minor.isdigit():
        return [target.platform]
    newer = [f"manylinux_2_{number}_{machine}" for number in range(int(minor), 4, -1)]
    return [*newer, f"manylinux2014_{machine}", f"manylinux2010_{machine}", f"manylinux1_{machine}"]


def _compile(tree: Path, home: str, target: Target, *, alone: bool = False) -> None:
    """Compile to bytecode, which a function cannot keep: Lambda mounts `tree` read-only, at `home`.

    Hash-based (PEP 552), so that no file's time is in it, and unchecked, so that no source is read again. With `alone`,
    the bytecode takes the place of the source: a traceback names the lines of libraries and does not quote them.
    """
    command = [interpreter(target.python), "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    command += [*(["-b"] if alone else []), "-s", str(tree), "-p", home, str(tree)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise PackageError(f"Something does not compile with Python {target.python}:\n{result.stdout}{result.stderr}")
    for source in tree.rglob("*.py") if alone else ():
        source.unlink()


def interpreter(python: str) -> str:
    """A Python of that version on this machine, which compiles for it: each version has bytecode of its own.

    This one, or the one that TARGET_PYTHON of the environment names, or the first that is installed. PackageError
    without one: a function without bytecode takes twice as long to start.
    """
    if python == Target().python:
        return sys.executable
    named = os.environ.get("TARGET_PYTHON")
    for candidate in [named] if named else _candidates(python):
        with suppress(OSError):
            command = [candidate, "-c", "import sys; print('{}.{}'.format(*sys.version_info))"]
            if subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() == python:
                return candidate
    raise PackageError(
        f"The package runs on Python {python}, which compiles it, and this machine has none. Install it (Debian 13: "
        f"apt-get install python{python}; elsewhere: pip install uv, then uv python install {python}), or name it: "
        f"TARGET_PYTHON=/path/to/python{python}."
    )


def _candidates(python: str) -> Iterator[str]:
    """Where such a Python may be: on the path, and where uv and pyenv install."""
    for folder in os.get_exec_path():
        yield f"{folder}/python{python}"
    for pattern in (f".local/share/uv/python/cpython-{python}.*", f".pyenv/versions/{python}.*"):
        yield from (f"{folder}/bin/python{python}" for folder in sorted(Path.home().glob(pattern)))


def _function(target: Target, *, template_only: bool = False) -> tuple[Path, Path]:
    """The function's zip and the template, as Chalice packages a clean copy of the sources."""
    archive, template = target.directory / "function.zip", target.directory / "template.json"
    sources = _sources()
    key = _key(repr(target).encode(), *(part for path in sources for part in (str(path).encode(), path.read_bytes())))
    if not (_is_built(template, key) and (template_only or _is_built(archive, key))):
        stage, out = target.directory / "source", target.directory / "chalice"
        for directory in (stage, out):
            shutil.rmtree(directory, ignore_errors=True)
        _stage(sources, stage)
        streamed = _chalice(stage, out, template_only=template_only)
        template.write_text(_finish_template((out / "sam.yaml").read_text(), target, streamed))
        _mark_built(template, key)
        if not template_only:
            with zipfile.ZipFile(out / "deployment.zip") as package:
                package.extractall(out / "function")
            _compile(out / "function", "/var/task", target)
            _zip(out / "function", archive)
            _mark_built(archive, key)
        shutil.rmtree(stage)
        shutil.rmtree(out)
    return archive, template


def _sources() -> list[Path]:
    folders = [ROOT / "chalicelib", ROOT / "migrations"]
    files = [
        path for folder in folders for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    ]
    single = [ROOT / "app.py", ROOT / ".chalice" / "config.json", ROOT / "infra" / "template.yaml"]
    single += [Path(__file__), Path(gateway.__file__)]
    return sorted([*files, *single])


def _stage(sources: Iterable[Path], stage: Path) -> None:
    for source in sources:
        relative = source.relative_to(ROOT)
        if relative.parts[0] == "infra":
            continue
        destination = stage / ("vendor" if relative.parts[0] == "migrations" else ".") / relative
        destination.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, destination)
    # The libraries are in the layer, so Chalice has none to add.
    (stage / "requirements.txt").touch()


def _chalice(stage: Path, out: Path, *, template_only: bool) -> list[tuple[str, str]]:
    """Have Chalice package `stage` to `out`; the method and the path of each route whose response is streamed.

    The code is given which modules serve each path, so that a request imports no others (chalicelib/core/routing.py),
    and the OpenAPI document, so that no function spends seconds on it (chalicelib/core/openapi.py). All that happens in
    one process: to import the whole application takes longer than what is done with it.
    """
    # Chalice has no `python -m`; its script is not used because a moved virtual environment breaks scripts.
    arguments = ["--project-dir", str(stage), "package", "--stage", "stack"]
    arguments += ["--merge-template", str(ROOT / "infra" / "template.yaml"), str(out)]
    describe = """
import json, pathlib, app
from chalicelib.core import http, openapi, routing
streamed = [(method, path) for path, method, operation in http.operations() if operation.streams]
pathlib.Path("streamed.json").write_text(json.dumps(streamed))
"""
    write_files = """
pathlib.Path("vendor/routes.json").write_text(json.dumps(routing.index(app.app), indent=1) + "\\n")
pathlib.Path("vendor/openapi.json").write_text(openapi.generated() + "\\n", encoding="utf-8")
"""
    package = "from chalice.cli import main; raise SystemExit(main())"
    _python("-c", describe + ("" if template_only else write_files) + package, *arguments, directory=stage)
    return [(method, path) for method, path in json.loads((stage / "streamed.json").read_text())]


def _python(*arguments: str, directory: Path) -> None:
    """Run the interpreter in a clean environment. PackageError with its output when it fails."""
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "AWS_DEFAULT_REGION": "us-east-1",  # demanded by Chalice, appears in no output
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [sys.executable, *arguments]
    result = subprocess.run(command, env=environment, cwd=directory, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise PackageError(f"The sources cannot be packaged:\n{(result.stdout + result.stderr).strip()}")


def _finish_template(text: str, target: Target, streamed: Iterable[tuple[str, str]]) -> str:
    template: dict[str, Any] = yaml.safe_load(text)
    gateway.write_problems(template)
    gateway.stream(template, streamed)
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Serverless::Function":
            properties["Runtime"] = f"python{target.python}"
            properties["Architectures"] = [target.architecture]
        elif resource["Type"] == "AWS::Serverless::LayerVersion":
            properties["CompatibleRuntimes"] = [f"python{target.python}"]
            properties["CompatibleArchitectures"] = [target.architecture]
    return json.dumps(template, indent=1, sort_keys=True) + "\n"


def _zip(tree: Path, archive: Path) -> None:
    partial = archive.with_suffix(".partial")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as package:
        for path in sorted(path for path in tree.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(tree).as_posix(), _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o755 if path.suffix in {".so", ".sh"} else 0o644) << 16
            package.writestr(entry, path.read_bytes())
    partial.replace(archive)


def _key(*parts: bytes) -> str:
    whole = hashlib.sha256()
    for part in parts:
        whole.update(hashlib.sha256(part).digest())
    return whole.hexdigest()


def _is_built(archive: Path, key: str) -> bool:
    mark = archive.with_suffix(".key")
    return archive.is_file() and mark.is_file() and mark.read_text() == key


def _mark_built(archive: Path, key: str) -> None:
    archive.with_suffix(".key").write_text(key)


def _entry_sizes(path: Path) -> dict[str, int]:
    with zipfile.ZipFile(path) as archive:
        return {entry.filename: entry.file_size for entry in archive.infolist()}


def _parts(package: Package) -> dict[str, int]:
    """Unzipped bytes by top-level package of the layer, and of the function as one."""
    sizes: dict[str, int] = {}
    for name, size in _entry_sizes(package.libraries).items():
        part = name.split("/")[1].removesuffix(".libs").split(".")[0]
        sizes[part] = sizes.get(part, 0) + size
    sizes["(function)"] = sum(_entry_sizes(package.function).values())
    return sizes


def _print_sizes(target: Target, package: Package) -> None:
    layer, function = unzipped(package)
    print(f"{target.directory.relative_to(ROOT)}, {target.architecture}")
    for name, path, size in (("libraries", package.libraries, layer), ("function", package.function, function)):
        print(f"  {name:<24}{size / 1e6:8.1f} MB unzipped {path.stat().st_size / 1e6:8.1f} MB zipped")
    print(
        f"  {'together':<24}{(layer + function) / 1e6:8.1f} MB unzipped, Lambda takes {LAMBDA_LIMIT_BYTES / 1e6:.0f} MB"
    )
    print("  the ten largest parts")
    for name, size in sorted(_parts(package).items(), key=lambda item: -item[1])[:10]:
        print(f"    {name:<22}{size / 1e6:8.1f} MB")


def differences(target: Target) -> list[str]:
    """Build a second time, elsewhere and from nothing; the names of what is not byte for byte the same."""
    first = build(target)
    with tempfile.TemporaryDirectory(prefix="alcove-package-") as name:
        second = build(replace(target, state=Path(name)))
        pairs = zip(astuple(first), astuple(second), strict=True)
        return [one.name for one, other in pairs if digest(one) != digest(other)]


def _print_differences(target: Target) -> None:
    different = differences(target)
    if different:
        raise PackageError(f"Built twice, {', '.join(different)} differ.")
    print("  built twice, byte for byte the same")


def main() -> None:
    """Build for one target and print what is in it."""
    parser = argparse.ArgumentParser(prog="python -m infra.package", description=main.__doc__)
    parser.add_argument("--aws", action="store_true", help=f"build for Lambda: Python {AWS.python}, {AWS.platform}")
    parser.add_argument("--arch", default="x86_64", help=f"with --aws: {' or '.join(ARCHITECTURES)}")
    parser.add_argument("--twice", action="store_true", help="build twice and compare byte by byte")
    parser.add_argument("--models", action="store_true", help="only fetch the models")
    parser.add_argument("--template", action="store_true", help="only build the template and print its path")
    arguments = parser.parse_args()
    try:
        if arguments.models:
            print(models.fetch())
            return
        if arguments.template:
            print(template(Target()))
            return
        target = aws(arguments.arch) if arguments.aws else Target()
        _print_sizes(target, build(target))
        if arguments.twice:
            _print_differences(target)
    except PackageError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
