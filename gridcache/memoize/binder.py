"""The binder: arguments as a signature binds them, without `Signature.bind`.

`Signature.bind` takes ten microseconds; a function with the same signature binds its
arguments in a tenth of one, applies the defaults, and raises the same errors.
"""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from inspect import Parameter
from typing import Any

from gridcache.digest.engine import SCALARS

__all__ = ["Binder", "compile_binder"]

_LASTING = SCALARS | {bytes}
_ANY_CALL = inspect.signature(lambda *args, **kwargs: None)


@dataclass(frozen=True, slots=True)
class Binder:
    """Binds the arguments of calls of one function."""

    bind: Callable[..., tuple[Any, ...]]
    """Gives the values of the parameters that count, in the order of the signature."""
    names: tuple[str, ...]
    """Of those parameters."""
    defaults: dict[str, Any]
    parameters: frozenset[str]
    """The names of all parameters."""
    catches_all: bool
    """Any other keyword is taken, too."""
    lasting: bool
    """No default is of a type that can change."""


def compile_binder(function: Callable[..., Any], ignored: Iterable[str]) -> Binder:
    """Make the binder of a function.

    Parameters
    ----------
    ignored
        Names of parameters, or of keywords caught by `**kwargs`, left out.
    """
    signature = _own_signature(function)
    parameters = list(signature.parameters.values())
    values: dict[str, Any] = {}
    head = ", ".join(_declared(parameters, values))
    kept = [part for part in parameters if part.name not in ignored]
    body = "".join(f"{_value(part, ignored, values)}, " for part in kept)
    name = getattr(function, "__name__", "")
    label = name if name.isidentifier() else "call"
    # The text is made of the parameters' names alone, which are identifiers.
    exec(f"def {label}({head}): return ({body})", values)  # noqa: S102
    return Binder(
        bind=values[label],
        names=tuple(part.name for part in kept),
        defaults={part.name: part.default for part in parameters},
        parameters=frozenset(signature.parameters),
        catches_all=any(part.kind is Parameter.VAR_KEYWORD for part in parameters),
        lasting=not any(map(_may_change, parameters)),
    )


def _own_signature(function: Callable[..., Any]) -> inspect.Signature:
    """Give the signature a call must fit, not the one a wrapper shows.

    A wrapper may bind other defaults than what it wraps.
    """
    try:
        return inspect.signature(function, follow_wrapped=False)
    except ValueError:
        return _ANY_CALL


def _declared(parameters: list[Parameter], values: dict[str, Any]) -> list[str]:
    declared: list[str] = []
    kinds = [part.kind for part in parameters]
    for index, part in enumerate(parameters):
        if _starts_keyword_only(kinds, index):
            declared.append("*")
        declared.append(_with_default(part, values))
        last_of_kind = index + 1 == len(kinds) or kinds[index + 1] != part.kind
        if part.kind is Parameter.POSITIONAL_ONLY and last_of_kind:
            declared.append("/")
    return declared


def _starts_keyword_only(kinds: list[Any], index: int) -> bool:
    first = Parameter.KEYWORD_ONLY not in kinds[:index]
    star = Parameter.VAR_POSITIONAL in kinds
    return kinds[index] is Parameter.KEYWORD_ONLY and first and not star


def _with_default(part: Parameter, values: dict[str, Any]) -> str:
    if part.kind is Parameter.VAR_POSITIONAL:
        return f"*{part.name}"
    if part.kind is Parameter.VAR_KEYWORD:
        return f"**{part.name}"
    if part.default is Parameter.empty:
        return part.name
    # Looked up when the binder is made, so no parameter can hide it.
    values[f"_default_{part.name}"] = part.default
    return f"{part.name}=_default_{part.name}"


def _may_change(part: Parameter) -> bool:
    return part.default is not Parameter.empty and type(part.default) not in _LASTING


def _value(part: Parameter, ignored: Iterable[str], values: dict[str, Any]) -> str:
    if part.kind is not Parameter.VAR_KEYWORD or not ignored:
        return part.name
    names = frozenset(ignored)
    values["_kept_"] = lambda given: {
        name: given[name] for name in given if name not in names
    }
    return f"_kept_({part.name})"
