"""Which calls of AWS each function makes, derived from the code: what is reachable from its handler, and on what.

A reference to a function or a class is an edge, so that callbacks count like calls. A class that is reached brings
those of its methods whose names the reached code mentions. A function with a decorator of the house (a repair, a tool)
is reached from the other functions of the decorator's module. A module that is imported by an f-string (an adapter of
a model) brings its functions like a class its methods, and `wings.names("…")` the variables of those modules. This
reaches somewhat too much, and nothing too little that is written in one of these ways; `UnclearCallError` names a use
of a client that is written in another way.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from infra import package

_AWS, _SETTINGS = "chalicelib.core.aws", "chalicelib.core.settings.settings"
# The argument that names the resource of a call, by the API's own name.
_RESOURCE_ARGUMENTS = ("Bucket", "QueueUrl", "SecretId", "KeyId", "jobQueue", "jobDefinition")
_Function = ast.FunctionDef | ast.AsyncFunctionDef


class UnclearCallError(AssertionError):
    """The code uses an AWS client in a way that the derivation does not understand."""


@dataclass(frozen=True, order=True)
class Call:
    """One call: boto3's names of the service and the method, and the setting that names its resource.

    `setting` is empty where a row, an event or the request itself names the resource.
    """

    service: str
    method: str
    setting: str


@dataclass
class _Node:
    """A function, a method, a class or a module's variable, by its full name."""

    module: _Module
    tree: ast.AST
    container: str = ""


@dataclass
class _Module:
    name: str
    is_package: bool
    imports: dict[str, str] = field(default_factory=dict)


class Code:
    """The modules of `chalicelib`, `embedder` and `app`."""

    def __init__(self, root: Path = package.ROOT) -> None:
        self.modules: dict[str, _Module] = {}
        self.nodes: dict[str, _Node] = {}
        self.members: dict[str, dict[str, str]] = {}
        self.decorated: dict[str, list[str]] = {}
        self.routes: list[str] = []
        self._local: dict[str, dict[str, str]] = {}
        paths = [
            root / "app.py",
            *sorted((root / "chalicelib").rglob("*.py")),
            *sorted((root / "embedder").glob("*.py")),
        ]
        trees = [(self._module(path.relative_to(root)), ast.parse(path.read_text())) for path in paths]
        for module, tree in trees:
            self._read(module, tree)
        for name, node in list(self.nodes.items()):
            self._decorators(name, node)
        self.services = dict(self._services())

    def _module(self, path: Path) -> _Module:
        parts = path.with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        self.modules[name] = _Module(name, is_package)
        return self.modules[name]

    def _read(self, module: _Module, tree: ast.Module) -> None:
        module.imports = _imports(tree.body)
        self.members[module.name] = {}
        for statement in tree.body:
            match statement:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    self.nodes[f"{module.name}.{name}"] = _Node(module, statement)
                    self.members[module.name][name] = f"{module.name}.{name}"
                case ast.ClassDef(name=name):
                    self._read_class(module, statement, f"{module.name}.{name}")
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    self.nodes[f"{module.name}.{name}"] = _Node(module, value)
                case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                    self.nodes[f"{module.name}.{name}"] = _Node(module, value)

    def _read_class(self, module: _Module, tree: ast.ClassDef, name: str) -> None:
        methods = [item for item in tree.body if isinstance(item, _Function)]
        outside = [item for item in tree.body if not isinstance(item, _Function)]
        bare = ast.ClassDef(tree.name, tree.bases, tree.keywords, outside or [ast.Pass()], [])
        self.nodes[name] = _Node(module, bare)
        self.members[name] = {}
        for method in methods:
            self.nodes[f"{name}.{method.name}"] = _Node(module, method, name)
            self.members[name][method.name] = f"{name}.{method.name}"

    def _decorators(self, name: str, node: _Node) -> None:
        for decorator in getattr(node.tree, "decorator_list", []):
            target = decorator.func if isinstance(decorator, ast.Call) else decorator
            resolved = self.resolve(node.module, target)
            if resolved and node.module.name.endswith(".routes") and resolved == f"{node.module.name}.routes":
                self.routes.append(name)
            elif resolved and isinstance(self.nodes[resolved].tree, _Function):
                self.decorated.setdefault(self.nodes[resolved].module.name, []).append(name)

    def _services(self) -> Iterator[tuple[str, str]]:
        """boto3's name of the service of each function of core/aws.py that makes a client."""
        for name, node in self.nodes.items():
            if node.module.name == _AWS:
                for call in _calls(node.tree):
                    if ast.unparse(call.func) == "boto3.client":
                        yield name, ast.literal_eval(call.args[0])

    def local(self, name: str) -> dict[str, str]:
        """The imports inside of a node."""
        if name not in self._local:
            self._local[name] = _imports(ast.walk(self.nodes[name].tree))
        return self._local[name]

    def variables(self, last: str) -> Iterator[str]:
        """The variables of every module of this last name."""
        for name, node in self.nodes.items():
            is_variable = not isinstance(node.tree, _Function | ast.ClassDef)
            if is_variable and node.module.name.rpartition(".")[2] == last:
                yield name

    def resolve(self, module: _Module, expression: ast.AST, local: Mapping[str, str] | None = None) -> str | None:
        """The node that a name or a dotted name leads to, or the longest part of it that leads to one."""
        dotted = _dotted(expression)
        if dotted is None:
            return None
        root, *rest = dotted
        imported = (local or {}).get(root) or module.imports.get(root)
        return self._find([*(imported or f"{module.name}.{root}").split("."), *rest])

    def _find(self, parts: list[str]) -> str | None:
        for length in range(len(parts) - 1, 0, -1):
            name = ".".join(parts[:length])
            if name not in self.modules:
                continue
            symbol, module = parts[length], self.modules[name]
            if f"{name}.{symbol}" in self.nodes:
                deeper = ".".join([name, *parts[length : length + 2]])
                return deeper if deeper in self.nodes else f"{name}.{symbol}"
            if symbol in module.imports and module.imports[symbol] != f"{name}.{symbol}":
                return self._find([*module.imports[symbol].split("."), *parts[length + 1 :]])
            return None
        return None


class Reach:
    """What is reachable from some entries."""

    def __init__(self, code: Code, *entries: str) -> None:
        self.code = code
        self.nodes: set[str] = set()
        self._names: set[str] = set()
        self._open: set[str] = set()
        waiting = list(entries)
        while waiting:
            name = waiting.pop()
            if name not in self.nodes:
                self.nodes.add(name)
                waiting += self._edges(name)
            if not waiting:
                waiting = [matched for matched in self._mentioned() if matched not in self.nodes]

    def _edges(self, name: str) -> Iterator[str]:
        node = self.code.nodes[name]
        local = self.code.local(name)
        if name in self.code.members:
            self._open.add(name)
        if node.container:
            yield node.container
        decorated = self.code.decorated.get(node.module.name, [])
        yield from decorated if isinstance(node.tree, _Function) and name not in decorated else ()
        for part in _body(node.tree):
            if isinstance(part, ast.Attribute):
                self._names.add(part.attr)
            if isinstance(part, ast.Name | ast.Attribute):
                matched = self.code.resolve(node.module, part, local)
                yield from [matched] if matched else []
            if isinstance(part, ast.Call) and (pattern := _imported_module(part)):
                self._open |= {module for module in self.code.modules if module.startswith(pattern)}
            if isinstance(part, ast.Call) and (module := _wings_module(part)):
                yield from self.code.variables(module)

    def _mentioned(self) -> Iterator[str]:
        """The methods of reached classes, and the functions of opened modules, whose names are mentioned."""
        for container in self._open:
            for name, full in self.code.members.get(container, {}).items():
                if name in self._names or name.startswith("__"):
                    yield full

    def calls(self) -> set[Call]:
        """The calls of AWS. Raises UnclearCallError."""
        return {call for name in self.nodes for call in self._calls_of(name)}

    def _calls_of(self, name: str) -> Iterator[Call]:
        node = self.code.nodes[name]
        if node.module.name == _AWS:
            return
        local = self.code.local(name)
        clients: dict[str, str] = {}
        for part in ast.walk(node.tree):
            if isinstance(part, ast.Assign):
                clients |= {target: of for target, value in _pairs(part) if (of := self._service(node, value, local))}
        for call in _calls(node.tree):
            if not isinstance(call.func, ast.Attribute):
                continue
            receiver = call.func.value
            service = (
                clients.get(receiver.id) if isinstance(receiver, ast.Name) else self._service(node, receiver, local)
            )
            if service is None:
                continue
            method, arguments = _method(call)
            resources = [value for argument, value in arguments.items() if argument in _RESOURCE_ARGUMENTS]
            settings = set().union(*(self._settings(name, value, ()) for value in resources)) or {""}
            yield from (Call(service, method, setting) for setting in settings)
        self._check(name, clients)

    def _check(self, name: str, clients: Mapping[str, str]) -> None:
        """Every mention of a client is the receiver of a method, or the value of a variable whose mentions all are."""
        node, local = self.code.nodes[name], self.code.local(name)
        mentions, read = 0, len(clients)
        for part in ast.walk(node.tree):
            if isinstance(part, ast.Name | ast.Attribute):
                mentions += self.code.resolve(node.module, part, local) in self.code.services
                mentions += isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load) and part.id in clients
            match part:
                case ast.Call(func=ast.Attribute(value=receiver)) | ast.Attribute(value=receiver, attr="exceptions"):
                    is_variable = isinstance(receiver, ast.Name) and receiver.id in clients
                    read += is_variable or self._service(node, receiver, local) is not None
        if mentions != read:
            raise UnclearCallError(f"{name} uses an AWS client in a way that tests/infra/aws_calls.py does not read")

    def _service(self, node: _Node, value: ast.AST, local: Mapping[str, str]) -> str | None:
        if not isinstance(value, ast.Call):
            return None
        return self.code.services.get(self.code.resolve(node.module, value.func, local) or "")

    def _settings(self, name: str, value: ast.AST, chain: tuple[str, ...]) -> set[str]:
        """The settings that an expression in the function `name` can have the value of; '' for another value."""
        node = self.code.nodes[name]
        local = self.code.local(name)
        match value:
            case ast.Attribute(value=ast.Call(func=function), attr=setting):
                if self.code.resolve(node.module, function, local) == _SETTINGS:
                    return {setting}
            case ast.Name(id=variable) if isinstance(node.tree, _Function) and name not in chain:
                if variable in _parameters(node.tree):
                    return set().union(*(self._arguments(name, variable, chain))) or {""}
                matched = [of for part in ast.walk(node.tree) for target, of in _pairs(part) if target == variable]
                return set().union(*(self._settings(name, of, (*chain, name)) for of in matched)) or {""}
        return {""}

    def _arguments(self, callee: str, parameter: str, chain: tuple[str, ...]) -> Iterator[set[str]]:
        """What each reached caller passes as a parameter."""
        tree = self.code.nodes[callee].tree
        assert isinstance(tree, _Function)
        for caller in self.nodes - {*chain, callee}:
            node, local = self.code.nodes[caller], self.code.local(caller)
            for call in _calls(node.tree):
                if self.code.resolve(node.module, call.func, local) == callee:
                    passed = dict(zip(_parameters(tree), call.args, strict=False))
                    passed |= {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
                    if parameter in passed:
                        yield self._settings(caller, passed[parameter], (*chain, callee))


def _imports(statements: Iterator[ast.AST] | list[ast.stmt]) -> dict[str, str]:
    """The names that imports give, with what they stand for; also those under `if TYPE_CHECKING`."""
    matched: dict[str, str] = {}
    for statement in statements:
        match statement:
            case ast.ImportFrom(module=str() as module, level=0):
                matched |= {alias.asname or alias.name: f"{module}.{alias.name}" for alias in statement.names}
            case ast.Import():
                matched |= {alias.asname or alias.name.split(".")[0]: alias.name for alias in statement.names}
    return matched


def _body(tree: ast.AST) -> Iterator[ast.AST]:
    """A function without its decorators and annotations: those name types, and call nothing."""
    if not isinstance(tree, _Function):
        yield from ast.walk(tree)
        return
    for statement in [*tree.body, *tree.args.defaults, *(default for default in tree.args.kw_defaults if default)]:
        yield from ast.walk(statement)


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (part for part in ast.walk(tree) if isinstance(part, ast.Call))


def _dotted(expression: ast.AST) -> list[str] | None:
    match expression:
        case ast.Name(id=name):
            return [name]
        case ast.Attribute(value=value, attr=attribute):
            before = _dotted(value)
            return [*before, attribute] if before else None
    return None


def _pairs(statement: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """The variables of an assignment with what each is given."""
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            yield name, value
        case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)):
            yield from (
                (target.id, of) for target, of in zip(targets, values, strict=True) if isinstance(target, ast.Name)
            )


def _parameters(tree: _Function) -> list[str]:
    return [argument.arg for argument in [*tree.args.args, *tree.args.kwonlyargs]]


def _imported_module(call: ast.Call) -> str | None:
    """The constant beginning of the name of a module that is imported by a name made at run time."""
    match call:
        case ast.Call(args=[ast.JoinedStr(values=[ast.Constant(value=str() as beginning), *_])]):
            return beginning if ast.unparse(call.func).endswith("import_module") else None
    return None


def _wings_module(call: ast.Call) -> str | None:
    """The last name of the modules that the house finds by it."""
    match call:
        case ast.Call(args=[ast.Constant(value=str() as last)]):
            return last if ast.unparse(call.func) == "wings.names" else None
    return None


def _method(call: ast.Call) -> tuple[str, dict[str, ast.AST]]:
    """The API's method that a call of a client leads to, and its arguments by name."""
    assert isinstance(call.func, ast.Attribute)
    arguments: dict[str, ast.AST] = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
    match call.func.attr, call.args:
        case "get_paginator", [ast.Constant(value=str() as method)]:
            # The arguments stand in the call of `paginate` around it, and name the bucket.
            return method, {"Bucket": ast.parse("settings().bucket", mode="eval").body}
        case "generate_presigned_url", [ast.Constant(value=str() as method), *_]:
            params = arguments["Params"]
            assert isinstance(params, ast.Dict)
            return method, {
                ast.literal_eval(key): of for key, of in zip(params.keys, params.values, strict=True) if key
            }
        case "download_file", [bucket, *_]:
            return "download_file", {"Bucket": bucket}
        case method, _:
            return method, arguments
    raise AssertionError


@functools.cache
def code() -> Code:
    """The code as it stands."""
    return Code()


@functools.cache
def reach_of_functions() -> dict[str, Reach]:
    """What each function reaches, by its handler's name, and the GPU task, `embedder`."""
    read = code()
    entries = {name: [f"app.{name}"] for name in ("ingest", "answer", "sync", "tick", "migrate", "update", "drill")}
    bound = [
        node
        for node in read.nodes
        if node.startswith("chalicelib.auth.sessions.") and node.endswith((".authenticate", ".fingerprints"))
    ]
    entries |= {"api": [*read.routes, *bound], "embedder": ["embedder.__main__.main"]}
    return {name: Reach(read, *names) for name, names in entries.items()}


@functools.cache
def of_functions() -> dict[str, frozenset[Call]]:
    """The calls of each function by its handler's name, and of the GPU task, `embedder`."""
    # Calls of these two are made by clients that they pass on, which tests/infra/test_rights.py reads.
    others = {"update", "drill"}
    return {name: frozenset(reach.calls()) for name, reach in reach_of_functions().items() if name not in others}


def readers_of_settings() -> dict[str, set[str]]:
    """The functions that read each variable of the environment, by the field of `Settings`."""
    readers: dict[str, set[str]] = {}
    functions = {name: reach for name, reach in reach_of_functions().items() if name != "embedder"}
    for function, reach in functions.items():
        for name in reach.nodes:
            tree = reach.code.nodes[name].tree
            for part in ast.walk(tree) if isinstance(tree, _Function) else ():
                if isinstance(part, ast.Attribute) and ast.unparse(part.value) == "settings()":
                    readers.setdefault(part.attr, set()).add(function)
    return readers
