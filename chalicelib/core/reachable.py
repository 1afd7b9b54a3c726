"""What a view can do, read from its code: the problems that it raises, and the headers that it reads and sends.

The OpenAPI document declares these, so that no list of them is kept by hand. The search follows the names of functions
from the view through the modules above `core`, and `core/models.py`; what every request passes in `core` is known to
core/openapi.py. It finds too much rather than too little: a function counts when it is named.
"""

import ast
import functools
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FunctionType, ModuleType
from typing import Any

from chalicelib.core import errors, idempotency, request
from chalicelib.core.http import Reply

_OPEN_CORE = {"chalicelib.core.models", "chalicelib.core.errors"}
_HEADER_NAME = re.compile(r"[A-Z][A-Za-z]*(-[A-Z][A-Za-z]*)*")


@dataclass(slots=True)
class CodeReach:
    """Error codes, request headers in small letters, response headers, and statuses of replies."""

    codes: set[str] = field(default_factory=set)
    request_headers: set[str] = field(default_factory=set)
    response_headers: set[str] = field(default_factory=set)
    statuses: set[int] = field(default_factory=set)


@functools.cache
def of(view: Callable[..., Any]) -> CodeReach:
    """What `view` and the functions that it names do."""
    reach, waiting, seen = CodeReach(), [inspect.unwrap(view)], set[int]()
    while waiting:
        function = waiting.pop()
        if id(function) in seen or not _is_followed(function):
            continue
        seen.add(id(function))
        node = _node(function)
        if node is not None:
            waiting += _look(function, node, reach)
    return reach


def _is_followed(function: Any) -> bool:
    module = getattr(function, "__module__", "") or ""
    if module.startswith("chalicelib.core."):
        return module in _OPEN_CORE
    return isinstance(function, FunctionType) and module.startswith("chalicelib.")


@functools.cache
def _tree(module: str) -> dict[int, ast.FunctionDef]:
    """The functions of a module by the line of their first decorator, or of their `def`."""
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return {min([node.lineno, *(item.lineno for item in node.decorator_list)]): node for node in functions}


def _node(function: FunctionType) -> ast.FunctionDef | None:
    return _tree(function.__module__).get(function.__code__.co_firstlineno)


def _look(function: FunctionType, node: ast.FunctionDef, reach: CodeReach) -> Iterator[FunctionType]:
    """Add what the function itself does to `reach`; the functions that it names."""
    names = _names(function, node)
    for part in ast.walk(node):
        if isinstance(part, ast.Call):
            _call(part, names, node, reach)
        elif isinstance(part, ast.Raise) and part.exc is not None:
            _problem(_resolve(part.exc, names), reach)
        elif isinstance(part, ast.Dict):
            _headers(part, reach)
        if isinstance(part, ast.Name | ast.Attribute):
            yield from _functions(_resolve(part, names))


def _names(function: FunctionType, node: ast.FunctionDef) -> dict[str, Any]:
    """What the names in the function stand for: globals, imports inside it, and the classes of annotated parameters."""
    names: dict[str, Any] = dict(function.__globals__)
    for part in ast.walk(node):
        if isinstance(part, ast.ImportFrom) and part.module and part.module.startswith("chalicelib"):
            for alias in part.names:
                module = sys.modules.get(f"{part.module}.{alias.name}")
                source = sys.modules.get(part.module)
                names[alias.asname or alias.name] = module or getattr(source, alias.name, None)
    for argument in [*node.args.args, *node.args.kwonlyargs]:
        kind = _resolve(argument.annotation, names) if argument.annotation is not None else None
        names[argument.arg] = kind if isinstance(kind, type) else None
    owner = function.__qualname__.rpartition(".")[0]
    if owner and "<locals>" not in owner:
        names["self"] = function.__globals__.get(owner)
    return names


def _resolve(expression: ast.AST, names: dict[str, Any]) -> Any:
    """The module, class or function that a dotted name stands for, or None."""
    if isinstance(expression, ast.Name):
        return names.get(expression.id)
    if isinstance(expression, ast.Attribute):
        base = _resolve(expression.value, names)
        if isinstance(base, ModuleType) and not base.__name__.startswith("chalicelib"):
            return None
        return getattr(base, expression.attr, None) if isinstance(base, ModuleType | type) else None
    return None


def _functions(matches: Any) -> Iterator[FunctionType]:
    if isinstance(matches, type):
        if matches.__module__.startswith("chalicelib.") and "model_fields" not in vars(type(matches)):
            yield from (item for item in vars(matches).values() if isinstance(item, FunctionType))
    elif callable(matches):
        unwrapped = inspect.unwrap(matches)
        if isinstance(unwrapped, FunctionType):
            yield unwrapped


def _call(call: ast.Call, names: dict[str, Any], node: ast.FunctionDef, reach: CodeReach) -> None:
    called = _resolve(call.func, names)
    if called is Reply:
        chosen_statuses = (keyword.value for keyword in call.keywords if keyword.arg == "status")
        texts = (part for value in chosen_statuses for part in ast.walk(value))
        reach.statuses |= {part.value for part in texts if isinstance(part, ast.Constant) and type(part.value) is int}
    if called is idempotency.once:
        reach.codes |= {"idempotency_mismatch", "bad_request"}
        reach.request_headers.add("idempotency-key")
    elif called is request.header and call.args:
        name = _constant(call.args[0]) or _constant(_value(call.args[0], names))
        if name is not None:
            reach.request_headers.add(name)
    elif isinstance(called, type) and issubclass(called, errors.Problem):
        chosen = next((keyword.value for keyword in call.keywords if keyword.arg == "code"), None)
        reach.codes |= {called.code} if chosen is None else _codes(chosen, node)


def _problem(raised: Any, reach: CodeReach) -> None:
    if isinstance(raised, type) and issubclass(raised, errors.Problem):
        reach.codes.add(raised.code)


def _codes(chosen: ast.expr, node: ast.FunctionDef) -> set[str]:
    """The codes that an argument `code=` may be: itself, or what its function's text holds."""
    if isinstance(chosen, ast.Constant):
        return {str(chosen.value)}
    if isinstance(chosen, ast.JoinedStr) and isinstance(chosen.values[0], ast.Constant):
        beginning = str(chosen.values[0].value)
        return {code for code in errors.codes() if code.startswith(beginning)}
    texts = {_constant(part) for part in ast.walk(node)}
    return {code for code in errors.codes() if code in texts}


def _headers(matches: ast.Dict, reach: CodeReach) -> None:
    for key in matches.keys:
        name = _constant(key)
        if name is not None and _HEADER_NAME.fullmatch(name):
            reach.response_headers.add(name)


def _constant(part: Any) -> str | None:
    if isinstance(part, str):
        return part
    return part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else None


def _value(part: ast.AST, names: dict[str, Any]) -> Any:
    return names.get(part.id) if isinstance(part, ast.Name) else None
