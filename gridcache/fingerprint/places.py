"""Where code lives: what is known by name and version, and what by its content.

Code is *installed* if its file lies with the interpreter or among the installed
packages: its name and version say what it does. All other code is *local* (notebooks,
scripts, packages under development) and is known by its content alone. The top-level
package of the function that is fingerprinted, its home, always counts as local.
"""

import site
import sys
import sysconfig
from collections.abc import Iterator
from functools import lru_cache
from importlib import metadata
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

__all__ = [
    "found_by_name",
    "is_local",
    "is_local_code",
    "is_wrapper",
    "top_package",
    "version_of",
]

OURS = "gridcache"
"""Never local, though it may be a checkout: what it computes is not the user's."""

MISSING: Any = object()


def top_package(module: str) -> str:
    """Give the first part of a module's name."""
    return module.partition(".")[0]


def is_local(module: str, home: str | None) -> bool:
    """Tell whether the code of a module counts by its content."""
    top = top_package(module)
    if top == OURS or top in sys.builtin_module_names:
        return False
    if top in {home, "__main__"}:
        return True
    if top in sys.stdlib_module_names:
        return False
    file = _file_of(module) or _file_of(top)
    return file is None or not _is_installed(file)


def _file_of(module: str) -> str | None:
    """Give the file or folder of a module, which need not be loaded."""
    loaded = sys.modules.get(module)
    if loaded is None and "." in module:
        return None
    spec = getattr(loaded, "__spec__", None) if loaded else _spec_of(module)
    file = getattr(loaded, "__file__", None) or getattr(spec, "origin", None)
    places = getattr(spec, "submodule_search_locations", None) or ()
    found: str | None = file or next(iter(places), None)
    return found


def _spec_of(module: str) -> ModuleSpec | None:
    try:
        return find_spec(module)
    except (ImportError, ValueError):
        return None


def is_local_code(code: CodeType, module: str, home: str | None) -> bool:
    """Tell the same of a piece of code, which may not lie where its module does."""
    top = top_package(module)
    if top == OURS:
        return False
    return top == home or not _is_installed(code.co_filename)


@lru_cache(maxsize=4096)
def _is_installed(file: str) -> bool:
    if file.startswith("<"):
        return file.startswith("<frozen ")
    path = Path(file).resolve()
    return any(path.is_relative_to(place) for place in _installed_places())


@lru_cache(maxsize=1)
def _installed_places() -> tuple[Path, ...]:
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    places = {sysconfig.get_path(name) for name in names}
    places |= {*site.getsitepackages(), site.getusersitepackages()}
    return tuple(Path(place).resolve() for place in places if place)


def is_wrapper(value: object) -> bool:
    """Tell whether a decorator of an installed package made an object."""
    return "__wrapped__" in getattr(value, "__dict__", ()) and not is_local(
        type(value).__module__, None
    )


def found_by_name(value: object, module: str, qualname: str) -> bool:
    """Tell whether the name leads to the value, so that it may stand for it."""
    found: Any = sys.modules.get(module)
    for part in qualname.split("."):
        found = getattr(found, part, MISSING)
    return found is value


@lru_cache(maxsize=1024)
def version_of(module: str) -> str:
    """Give the version of the distribution a module belongs to; "" if unknown."""
    top = top_package(module)
    if top in sys.stdlib_module_names:
        return ".".join(map(str, sys.version_info[:2]))
    for name in _names(top):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return _declared(sys.modules.get(top))


def _names(top: str) -> Iterator[str]:
    yield top
    # Reads what every installed package declares: tens of milliseconds, once.
    yield from _distributions().get(top, ())


@lru_cache(maxsize=1)
def _distributions() -> dict[str, list[str]]:
    return dict(metadata.packages_distributions())


def _declared(module: ModuleType | None) -> str:
    # Not getattr: a module's __getattr__ may warn or import.
    return str(vars(module).get("__version__", "")) if module else ""
