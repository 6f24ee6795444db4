"""Functions and methods: their code, what they bind, and what they reach."""

import builtins
from collections.abc import Iterator
from importlib import import_module
from importlib.util import resolve_name
from types import BuiltinFunctionType, CellType, FunctionType, MethodType, ModuleType
from typing import Any

from gridcache.digest.engine import Digester, leaf, scalars
from gridcache.fingerprint.code import Import, Reach, reaches
from gridcache.fingerprint.known import known_token
from gridcache.fingerprint.places import (
    found_by_name,
    is_local,
    is_local_code,
    version_of,
)
from gridcache.fingerprint.reached import by_type, lenient, strict
from gridcache.fingerprint.survey import MISSING, Survey
from gridcache.fingerprint.wrappers import is_kept_state

__all__ = ["builtin", "function", "installed", "method"]


def function(d: Digester, value: FunctionType) -> bytes:
    """Token of a Python function."""
    survey: Survey | None = d.survey
    if survey is None:
        return known_token(value)
    module = str(value.__globals__.get("__name__", ""))
    if is_local_code(value.__code__, module, survey.home):
        return survey.place(value, _local)
    # The code's own name: a wrapper has taken on the name of what it wraps.
    qualname = value.__code__.co_qualname
    if found_by_name(value, module, qualname):
        return installed(module, qualname)
    return survey.place(value, _inner)


def installed(module: str, qualname: str) -> bytes:
    """Token of what is known by name and version."""
    version = version_of(module)
    return leaf("installed", module.encode(), qualname.encode(), version.encode())


def _local(d: Digester, survey: Survey, value: FunctionType) -> Iterator[bytes]:
    survey.functions.append(value)
    yield d.token(value.__code__)
    yield from _bound(d, survey, value)
    for reach in dict.fromkeys(reaches(value.__code__)):
        yield _reached(d, survey, value, reach)


def _bound(d: Digester, survey: Survey, value: FunctionType) -> Iterator[bytes]:
    name = value.__qualname__
    for default in (*(value.__defaults__ or ()), *_keyword_defaults(value)):
        yield strict(d, survey, default, f", default of {name}", name)
    yield scalars("defaults", (len(value.__defaults__ or ()), *_keyword_names(value)))
    for free, cell in _closure(value):
        if survey.ignores(free):
            yield leaf("ignored")
        else:
            where = f", {free} in the closure of {name}"
            yield strict(d, survey, survey.open_cell(cell), where, free)
    yield d.token(vars(value).get("__wrapped__"))


def _keyword_names(value: FunctionType) -> list[str]:
    return sorted(value.__kwdefaults__ or {})


def _keyword_defaults(value: FunctionType) -> list[Any]:
    return [(value.__kwdefaults__ or {})[name] for name in _keyword_names(value)]


def _closure(value: FunctionType) -> Iterator[tuple[str, CellType]]:
    return zip(value.__code__.co_freevars, value.__closure__ or (), strict=True)


def _inner(d: Digester, survey: Survey, value: FunctionType) -> Iterator[bytes]:
    """Give the parts of a function made by an installed one, such as a decorator.

    What it keeps between calls does not count.
    """
    survey.functions.append(value)
    module = str(value.__globals__.get("__name__", ""))
    yield installed(module, value.__code__.co_qualname)
    yield d.token(value.__code__)
    for part in (value.__defaults__, value.__kwdefaults__):
        yield lenient(d, survey, part, value.__qualname__)
    for name, cell in _closure(value):
        content = survey.open_cell(cell)
        if is_kept_state(content):
            yield by_type(content)
        else:
            yield lenient(d, survey, content, name)
    yield d.token(vars(value).get("__wrapped__"))


def _reached(
    d: Digester, survey: Survey, value: FunctionType, reach: Reach | Import
) -> bytes:
    space = value.__globals__
    if isinstance(reach, Import):
        return d.node("import", _imported(d, survey, space, reach))
    if survey.ignores(reach.names[0]):
        return leaf("ignored")
    where = f", which reads {'.'.join(reach.names)}"
    found = _follow(survey, space, reach.names)
    tokens = [strict(d, survey, part, where, reach.names[0]) for part in found]
    return d.node("reached", tokens)


def _follow(
    survey: Survey, space: dict[str, Any], names: tuple[str, ...]
) -> Iterator[Any]:
    """Go from a global name through local modules to what is read from them.

    The attribute that is read from a function is a further part.
    """
    found = survey.read(space, names[0])
    if found is MISSING:
        found = vars(builtins).get(names[0], MISSING)
    rest = list(names[:0:-1])
    while rest and _is_local_module(found, survey):
        found = _attribute(survey, found, rest.pop())
    yield found
    if rest and isinstance(found, FunctionType):
        yield survey.read(vars(found), rest.pop())


def _is_local_module(found: Any, survey: Survey) -> bool:
    return isinstance(found, ModuleType) and is_local(found.__name__, survey.home)


def _attribute(survey: Survey, module: ModuleType, name: str) -> Any:
    found = survey.read(vars(module), name)
    return getattr(module, name, MISSING) if found is MISSING else found


def _imported(
    d: Digester, survey: Survey, space: dict[str, Any], reach: Import
) -> Iterator[bytes]:
    """Give what an import inside a function brings; local modules are imported."""
    name = _absolute(space, reach)
    if name is None or not is_local(name, survey.home):
        yield leaf("module", (name or "").encode(), version_of(name or "").encode())
        return
    try:
        module = import_module(name)
    except ImportError:
        yield leaf("missing")
        return
    found = [_attribute(survey, module, part) for part in reach.names] or [module]
    for part in found:
        yield strict(d, survey, part, f", which imports {name}", name)


def _absolute(space: dict[str, Any], reach: Import) -> str | None:
    if reach.level == 0:
        return reach.module
    package = space.get("__package__") or str(space.get("__name__")).rpartition(".")[0]
    try:
        return resolve_name("." * reach.level + reach.module, package)
    except ImportError:
        return None


def method(d: Digester, value: MethodType) -> bytes:
    """Token of a bound method: the function, and the state of its object."""
    owner = d.part(value.__self__, ".__self__")
    return d.node("method", [d.token(value.__func__), owner])


def builtin(d: Digester, value: BuiltinFunctionType) -> bytes:
    """Token of a function written in C, or a bound method of a builtin object."""
    owner: Any = value.__self__
    if owner is None or isinstance(owner, ModuleType):
        return installed(str(value.__module__), value.__qualname__)
    return d.node("bound", [leaf("name", value.__name__.encode()), d.token(owner)])
