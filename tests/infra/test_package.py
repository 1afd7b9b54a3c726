"""The package: the same bytes from the same sources, small enough, and complete without this machine's libraries."""

import ast
import json
import os
import re
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from infra import models, package, stripping
from tests.chat.llm.servers import chunk, events, named_events, responds, serving

pytestmark = pytest.mark.long


@pytest.fixture(scope="session")
def unpacked(built: package.Package, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with `opt/` and `task/`, as a function finds its layer and its code."""
    directory = tmp_path_factory.mktemp("function")
    for archive, part in ((built.libraries, "opt"), (built.function, "task")):
        with zipfile.ZipFile(archive) as opened:
            opened.extractall(directory / part)
    return directory


def _run_as_function(unpacked: Path, code: str) -> str:
    """Run `code` with the layer and the function alone: the interpreter's own library, no site-packages."""
    paths = [str(unpacked / "task"), str(unpacked / "opt" / "python")]
    result = subprocess.run(
        [os.path.realpath(sys.executable), "-I", "-S", "-c", f"import sys; sys.path[:0] = {paths!r}\n{code}"],
        capture_output=True,
        text=True,
        check=False,
        cwd=unpacked / "task",
        env={"LANG": "C.UTF-8"},
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_two_builds_of_the_code_are_identical(built: package.Package, tmp_path: Path) -> None:
    target = package.Target(state=tmp_path)
    target.directory.mkdir(parents=True)
    function, template = package._function(target)
    assert template != built.template
    assert package.digest(template) == package.digest(built.template)
    assert package.digest(function) == package.digest(built.function)


def test_the_template_alone_is_that_of_the_package(built: package.Package, tmp_path: Path) -> None:
    alone = package.template(package.Target(state=tmp_path))
    assert package.digest(alone) == package.digest(built.template)
    assert not alone.with_name("function.zip").exists()


def test_two_builds_of_the_libraries_are_identical(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few of them, with code, shared objects and metadata; `make package TWICE=1` builds all of them twice."""
    remaining = ("pydantic-core", "pypdfium2", "tabulate", "typing-extensions")
    locked = re.findall(r"^\S.*(?:\n .*)*", (package.ROOT / "requirements.lock").read_text(), re.MULTILINE)
    pins = [pin for pin in locked if pin.startswith(remaining)]
    assert len(pins) == len(remaining)
    (tmp_path / "requirements.lock").write_text("\n".join(pins))
    monkeypatch.setattr(package, "ROOT", tmp_path)
    digests = set()
    for build in ("first", "second"):
        target = package.Target(state=tmp_path / build)
        target.directory.mkdir(parents=True)
        digests.add(package.digest(package._libraries(target)))
    assert len(digests) == 1


@pytest.mark.parametrize(("architecture", "machine"), [("x86_64", "x86_64"), ("arm64", "aarch64")])
def test_lambda_s_processors_are_targets_of_their_own(architecture: str, machine: str) -> None:
    target = package.aws(architecture)
    assert target.architecture == architecture
    assert target.platform.endswith(machine)
    assert all(tag.endswith(machine) for tag in package.platforms(target))
    functions = [
        item["Properties"]
        for item in json.loads(package.template(target).read_text())["Resources"].values()
        if item["Type"] == "AWS::Serverless::Function"
    ]
    assert len(functions) >= 5
    assert {tuple(function["Architectures"]) for function in functions} == {(architecture,)}


def test_a_processor_that_lambda_has_not_is_refused() -> None:
    with pytest.raises(package.PackageError, match="it has x86_64 and arm64"):
        package.aws("riscv64")


def test_archives_hold_no_time_and_no_order_of_this_machine(built: package.Package) -> None:
    for path in (built.libraries, built.function):
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
        assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
        assert [Path(entry.filename) for entry in entries] == sorted(Path(entry.filename) for entry in entries)


def test_layer_and_function_fit_into_lambda(built: package.Package) -> None:
    assert sum(package.unzipped(built)) < package.LAMBDA_LIMIT_BYTES


def test_the_app_imports_from_the_package_alone_and_lightly(unpacked: Path) -> None:
    loaded = _run_as_function(unpacked, "import app\nprint(*sorted(sys.modules))").split()
    assert {"app", "chalice", "chalicelib"} <= set(loaded)
    assert not {"boto3", "botocore", "numpy", "onnxruntime", "tokenizers", "pypdfium2", "lxml", "docx"} & set(loaded)
    assert not {"openai", "anthropic", "httpx2", "httpcore2"} & set(loaded)


def _imports(path: Path) -> set[str]:
    """The statements of a module, wherever they stand, that import from a library; none for type checkers alone."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}:
            node.body = []
    statements = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names, base = [node.module or ""], node.level
        elif isinstance(node, ast.Import):
            names, base = [alias.name for alias in node.names], 0
        else:
            continue
        tops = {name.split(".")[0] for name in names}
        if not base and tops.isdisjoint({*sys.stdlib_module_names, "chalicelib", "boto3", "botocore"}):  # Lambda's own
            statements.add(ast.unparse(node))
    return statements


def test_every_import_of_the_code_works_from_the_package_alone(unpacked: Path) -> None:
    statements = sorted(set().union(*(_imports(path) for path in (package.ROOT / "chalicelib").rglob("*.py"))))
    assert {"import onnxruntime", "import openai", "import psycopg", "import bcrypt"} <= set(statements)
    code = (
        f"for statement in {statements!r}:\n"
        "    try: exec(statement)\n"
        "    except Exception as error: print(f'{statement}: {error!r}')"
    )
    assert _run_as_function(unpacked, code) == ""


def test_every_module_of_the_code_loads_from_the_package_alone(unpacked: Path) -> None:
    paths = (path.relative_to(package.ROOT) for path in (package.ROOT / "chalicelib").rglob("*.py"))
    names = sorted(".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in paths)
    names = [name for name in names if not name.endswith("__main__")]
    assert len(names) > 50
    assert _run_as_function(unpacked, f"import importlib\nfor name in {names!r}: importlib.import_module(name)") == ""


def test_the_embedding_model_works_from_the_package_alone(unpacked: Path) -> None:
    output = _run_as_function(
        unpacked,
        "import sys\n"
        "from chalicelib.knowledge.embedding import builtin\n"
        "texts = ['The pump leaks.', 'A leaking pump.', 'Roses are red.', *('word ' * n for n in range(1, 40))]\n"
        "rows = builtin.load().embed(texts)\n"
        "print(rows.shape[1], rows[0] @ rows[1] > 0.5 > rows[0] @ rows[2])",
    )
    assert output.split() == ["384", "True"]


def test_routes_are_indexed_whole(unpacked: Path) -> None:
    """A request imports what the index says of its path, so the index says the same as the routes themselves."""
    from app import app
    from chalicelib.core import routing

    assert json.loads((unpacked / "task" / "routes.json").read_text()) == routing.index(app)


def test_a_request_imports_the_routes_of_its_path_alone(unpacked: Path) -> None:
    loaded = _run_as_function(
        unpacked,
        "import app\n"
        "event = {'requestContext': {'resourcePath': '/health', 'httpMethod': 'GET', 'requestId': 'r',\n"
        "    'identity': {}}, 'headers': {}, 'multiValueQueryStringParameters': None, 'pathParameters': {},\n"
        "    'body': None, 'stageVariables': None, 'isBase64Encoded': False}\n"
        "answer = app.app(event, None)\n"
        "assert answer['statusCode'] == 200, answer\n"
        "print(*(name for name in sys.modules if name.endswith('.routes')))",
    ).split()
    (line,) = [line for line in loaded if line.startswith("chalicelib.")]
    assert line.startswith("chalicelib.ops.")


HELLO = events(chunk(content="Three "), chunk(content="months."), chunk(finish="stop"))
BONJOUR = named_events(
    [
        {"type": "message_start", "message": {"id": "m", "type": "message", "role": "assistant", "model": "m",
         "content": [], "stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Trois mois."}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None},
         "usage": {"output_tokens": 4}},
        {"type": "message_stop"},
    ]
)  # fmt: skip


@pytest.mark.parametrize(
    ("provider", "answer", "text"), [("openai", HELLO, "Three months."), ("anthropic", BONJOUR, "Trois mois.")]
)
def test_every_client_library_of_the_language_models_works_from_the_package_alone(
    unpacked: Path, provider: str, answer: bytes, text: str
) -> None:
    """Each reads a streamed answer, and gets as far as the network where nobody listens. boto3 is Lambda's own."""
    with serving(responds(answer)) as server:
        output = _run_as_function(
            unpacked,
            "import socket\n"
            "from chalicelib.chat import llm\n"
            f"model = llm.ModelEndpoint({provider!r}, 'm', {server.url!r}, 'sk-0123456789')\n"
            "print(llm.complete(model, [llm.Turn('user', 'How long?')]).text)\n"
            "with socket.create_server(('127.0.0.1', 0)) as listener: port = listener.getsockname()[1]\n"
            f"try: llm.check(llm.ModelEndpoint({provider!r}, 'm', f'http://127.0.0.1:{{port}}', 'sk-0123456789'))\n"
            "except llm.LlmError as error: print(error.code)",
        )
    assert output.splitlines() == [text, "unavailable"]


def test_libraries_hold_no_symbols_for_linkers(built: package.Package) -> None:
    with zipfile.ZipFile(built.libraries) as archive:
        shared = [name for name in archive.namelist() if ".so" in Path(name).suffixes]
        assert len(shared) > 20
        for name in shared:
            library = archive.read(name)
            assert library.startswith(b"\x7fELF")
            assert struct.unpack_from("<Q", library, 0x28) == (0,)  # no section headers


def test_what_is_no_shared_object_is_left_as_it_is() -> None:
    assert stripping.without_symbols(b"MZ, of another system") == b"MZ, of another system"


def test_no_function_compiles_anything_when_it_starts(built: package.Package) -> None:
    for path in (built.libraries, built.function):
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            compiled = {name for name in names if name.endswith(".pyc")}
            assert len(compiled) > 50
            if path == built.function:
                sources = {f"{Path(name).parent.parent / Path(name).name.split('.')[0]}.py" for name in compiled}
                assert sources == {name for name in names if name.endswith(".py")}
            # Flags of a pyc (PEP 552): hash-based and unchecked, so that neither times nor sources are looked at.
            assert {archive.read(name)[4:8] for name in compiled} == {b"\x01\0\0\0"}


def test_bytecode_is_the_targets_whatever_python_builds(tmp_path: Path) -> None:
    """Each version of Python has a magic number of its own, and ignores bytecode with another one."""
    try:
        compiler = package.interpreter(package.AWS.python)
    except package.PackageError as error:
        pytest.skip(str(error))
    code = "import importlib.util, sys; sys.stdout.buffer.write(importlib.util.MAGIC_NUMBER)"
    magic = subprocess.run([compiler, "-c", code], capture_output=True, check=True).stdout
    (tmp_path / "library.py").write_text("def double(number):\n    return number * 2\n")
    package._compile(tmp_path, "/opt", package.AWS, alone=True)
    (compiled,) = tmp_path.rglob("*")
    assert compiled == tmp_path / "library.pyc"
    assert compiled.read_bytes()[:8] == magic + b"\x01\0\0\0"


def test_no_library_is_in_the_package_twice_as_source_and_bytecode(built: package.Package) -> None:
    with zipfile.ZipFile(built.libraries) as archive:
        names = archive.namelist()
    assert not [name for name in names if name.endswith(".py") or "__pycache__" in name]
    assert "python/psycopg/__init__.pyc" in names


def test_migrations_are_in_the_function_beside_the_code(unpacked: Path) -> None:
    folder, own_folder = unpacked / "task" / "migrations", package.ROOT / "migrations"
    packed = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.sql"))
    assert packed == sorted(path.relative_to(own_folder).as_posix() for path in own_folder.rglob("*.sql"))
    assert {"0001_foundation.sql", "functions/queue.sql", "functions/for_tables/identity.sql"} <= set(packed)


def test_a_model_that_is_not_the_pinned_one_is_fetched_again(tmp_path: Path) -> None:
    good = models.fetch()
    for name, files in models.FILES.items():
        assert not models.is_pinned(tmp_path / "model.onnx", files[0])
        (tmp_path / "model.onnx").write_bytes(b"another model")
        assert not models.is_pinned(tmp_path / "model.onnx", files[0])
        assert all(models.is_pinned(good / name / file.name, file) for file in files)


def test_older_wheels_run_on_newer_systems() -> None:
    tags = package.platforms(package.Target("3.13", "manylinux_2_28_x86_64"))
    assert tags[0] == "manylinux_2_28_x86_64"
    assert {"manylinux_2_17_x86_64", "manylinux2014_x86_64"} < set(tags)
    assert "manylinux_2_34_x86_64" not in tags
