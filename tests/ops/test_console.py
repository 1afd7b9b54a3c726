"""The console's page: served whole and locked by a policy, small, in nobody's way, and made of its own sources."""

import gzip
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from chalicelib.ops import console
from chalicelib.ops.hosts import cloud_metrics
from infra import console as building
from infra.models import ROOT
from tests.service import Service

LIMIT_BYTES = 150_000
_KNOWLEDGE = ROOT / "migrations" / "0004_knowledge.sql"


def _first_load() -> list[str]:
    """The files that the page itself names: what a browser loads before it shows anything."""
    text = (console.FOLDER / "index.html").read_text("utf-8")
    return re.findall(r'(?:src|href)="console/([^"]+)"', text)


def test_the_page_and_every_part_are_served_with_their_types(service: Service) -> None:
    page = service.gateway("GET", "/console")
    assert page.status == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    types = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
    parts = [path for path in console.FOLDER.iterdir() if path.suffix in types]
    assert set(_first_load()) <= {path.name for path in parts}
    for path in parts:
        answer = service.gateway("GET", f"/console/{path.name}")
        assert (answer.status, answer.headers["Content-Type"]) == (200, types[path.suffix])
        assert answer.body.decode() == path.read_text("utf-8")


def test_browsers_keep_the_parts_for_good_and_ask_for_the_page_each_time(service: Service) -> None:
    for name in _first_load():
        assert re.search(r"-[\w-]{8}\.(js|css|svg)$", name)  # another content has another name
        answer = service.gateway("GET", f"/console/{name}")
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    page = service.gateway("GET", "/console")
    assert page.headers["Cache-Control"] == "no-cache"
    again = service.gateway("GET", "/console", headers={"If-None-Match": page.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")


def test_a_part_without_a_hash_in_its_name_is_asked_for_each_time(service: Service) -> None:
    decoders = [path.name for path in console.FOLDER.glob("*_fallback.js")]
    assert sorted(decoders) == ["jbig2_nowasm_fallback.js", "openjpeg_nowasm_fallback.js"]
    for name in decoders:
        assert service.gateway("GET", f"/console/{name}").headers["Cache-Control"] == "no-cache"


def test_the_worker_that_reads_pdfs_has_no_network_and_the_viewer_is_no_part_of_the_first_load(
    service: Service,
) -> None:
    (worker,) = (path.name for path in console.FOLDER.glob("pdf.worker*.js"))
    answer = service.gateway("GET", f"/console/{worker}")
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; script-src 'self'"
    assert not [name for name in _first_load() if "pdf" in name]


def test_the_policy_lets_nothing_inline_run_and_names_the_services_own_bucket_alone(service: Service) -> None:
    page = service.gateway("GET", "/console")
    policy = dict(part.split(" ", 1) for part in page.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    myself, bucket = policy["connect-src"].split()
    assert myself == "'self'"
    announced = service.user().post("/documents", {"filename": "a.md", "size_bytes": 1}).json
    assert announced["upload"]["url"].startswith(bucket)
    assert bucket.endswith("/")
    assert page.headers["X-Frame-Options"] == "DENY"
    text = page.body.decode()
    assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=", text)


def test_no_other_file_is_served(service: Service) -> None:
    for name in ("build.json", "index.html", "..%2Fconsole.py", "../console.py", "x.js"):
        assert service.gateway("GET", f"/console/{name}").status == 404


def test_the_first_load_is_small(service: Service) -> None:
    texts = [(console.FOLDER / name).read_bytes() for name in ["index.html", *_first_load()]]
    assert sum(len(gzip.compress(text, 6)) for text in texts) <= LIMIT_BYTES


def test_no_function_reads_the_console_before_somebody_opens_it() -> None:
    code = (
        "import sys\n"
        "opened = []\n"
        "sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == 'open' else None)\n"
        "import app\n"
        "assert len(app.app.routes) > 50\n"
        "print(*(path for path in opened if '/ops/console/' in path))"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.split() == []


def test_the_built_files_belong_to_the_sources() -> None:
    building.check()


def test_a_changed_source_or_a_changed_built_file_is_noticed(tmp_path: Path) -> None:
    sources, built = tmp_path / "console", tmp_path / "built"
    ignored = shutil.ignore_patterns("node_modules", "schema.d.ts")
    shutil.copytree(building.SOURCES, sources, ignore=ignored)
    shutil.copytree(building.BUILT, built)
    building.check(sources, built)
    part = next(built.glob("index-*.js"))
    part.write_text(part.read_text("utf-8") + "\n", "utf-8")
    with pytest.raises(building.ConsoleError, match="changed by hand"):
        building.check(sources, built)
    (sources / "src" / "router.ts").write_text("// other\n", "utf-8")
    with pytest.raises(building.ConsoleError, match="older than its sources"):
        building.check(sources, built)


def test_the_lockfile_names_no_registry_and_a_hash_of_every_package() -> None:
    packages = json.loads((building.SOURCES / "package-lock.json").read_text("utf-8"))["packages"]
    others = {name: entry for name, entry in packages.items() if name}
    assert all("resolved" not in entry and entry["integrity"].startswith("sha512-") for entry in others.values())


def test_every_text_exists_in_both_languages() -> None:
    folder = building.SOURCES / "src" / "strings"
    texts = [(folder / name).read_text("utf-8") for name in ("en.ts", "de.ts")]
    keys = [re.findall(r'^  "([a-z_.]+)": ', text, re.MULTILINE) for text in texts]
    assert keys[0] == keys[1]
    assert len(keys[0]) == len(set(keys[0])) > 400


def test_the_forms_of_connectors_have_the_fields_of_the_models() -> None:
    assert building.CONNECTOR_TYPES.read_text("utf-8") == building.connector_types(), "run `make console`"
    described = json.loads(building.connector_types())
    web = {field["name"]: field for field in described["web"]["settings"]}
    assert web["start_urls"] == {"name": "start_urls", "required": True, "kind": "lines"}
    depth = {"name": "max_depth", "required": False, "kind": "number", "min": 0, "max": 50, "default": 5}
    assert web["max_depth"] == depth
    secrets = [field["name"] for field in described["google_drive"]["credentials"] if field["kind"] != "text"]
    assert secrets == ["service_account", "client_secret", "refresh_token"]
    assert {name for name, kind in described.items() if kind["consent"]} == {"google_drive", "onedrive"}


def test_the_codes_and_choices_of_the_console_are_those_of_the_api() -> None:
    assert building.WORDS.read_text("utf-8") == building.words(), "run `make console`"


# The texts of the console that are made of a value of the API: the beginning of their keys, and the enum. `None` is a
# group whose values are open: what has no text is shown as it is.
_GROUPS: dict[str, str | None] = {
    "cloud.metric": None,
    "cloud.step": None,
    "connector": "ConnectorStatus",
    "delivery": "DeliveryStatus",
    "embedding": "EmbeddingModelStatus",
    "evals": "EvalRunStatus",
    "job": "JobStatus",
    "keys.scope": "KeyScope",
    "level": "SettingLevel",
    "measure": None,
    "memory": "MemoryKind",
    "memory.source": "MemorySource",
    "model": None,
    "outside": "ConnectorType",
    "pipeline": None,
    "processor": "DataProcessorStatus",
    "prompt": "PromptKind",
    "reason": "FeedbackReason",
    "receives": "ReceivedData",
    "role": "GroupRole",
    "run": "RunStatus",
    "scope": "Visibility",
    "severity": "Severity",
    "severity ": "Level",
    "stage": "AnswerStage",
    "status": "DocumentStatus",
    "sync": "SyncRunStatus",
    "theme": "Theme",
    "tool": None,
    "update": "UpdateStatus",
    "usage.by": "UsageDimension",
    "verdict": "Verdict",
}


def test_every_value_of_the_api_that_the_console_shows_has_words() -> None:
    folder = building.SOURCES / "src"
    english = set(re.findall(r'^  "([a-z_.0-9]+)": ', (folder / "strings" / "en.ts").read_text("utf-8"), re.MULTILINE))
    values = json.loads(building.WORDS.read_text("utf-8"))["values"]
    missing = {
        f"{group.strip()}.{value}" for group, enum in _GROUPS.items() if enum for value in values[enum]
    } - english
    origins = set(values["DocumentSource"]) - set(values["ConnectorType"])  # a connector's documents name its type
    missing |= {f"origin.{origin}" for origin in origins} - english
    (stages,) = re.findall(r"stage text check \(stage in \(([^)]+)\)\)", _KNOWLEDGE.read_text("utf-8"))
    missing |= {f"ingestion.{stage}" for stage in re.findall(r"\w+", stages)} - english
    metrics = {*cloud_metrics._OF_FUNCTIONS, *cloud_metrics._OF_AURORA, *cloud_metrics._OF_QUEUES}
    missing |= {f"cloud.metric.{metric}" for metric in metrics} - english
    assert not missing
    code = "".join(path.read_text("utf-8") for path in folder.rglob("*.tsx"))
    assert set(re.findall(r'\bname\("([a-z.]+)"', code)) - {"ingestion", "origin"} <= set(_GROUPS)


def test_every_code_of_the_api_has_words_in_german() -> None:
    text = (building.SOURCES / "src" / "strings" / "de-codes.ts").read_text("utf-8")
    words = json.loads(building.WORDS.read_text("utf-8"))
    for kind in ("problems", "failures", "warnings"):
        part = text.partition(f"  {kind}: {{\n")[2].partition("\n  },")[0]
        assert set(re.findall(r'^    (\w+): "', part, re.MULTILINE)) == set(words[kind]), kind
