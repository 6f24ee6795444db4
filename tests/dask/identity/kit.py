"""What the tests of identities share."""

import sys
import textwrap
from types import ModuleType
from typing import Any

from gridcache.dask.graph import materialize
from gridcache.dask.identity import Identities, identities

__all__ = ["found", "ids", "load"]


def found(collection: Any, **options: Any) -> tuple[tuple[Any, ...], Identities]:
    """The keys of a collection's partitions, and what is known of its tasks."""
    plan = materialize(collection)
    return plan.keys, identities(plan.graph, plan.keys, **options)


def ids(collection: Any, **options: Any) -> list[str]:
    """The identities of the partitions, in their order."""
    keys, made = found(collection, **options)
    return [made.digests[key] for key in keys]


def load(source: str, name: str = "edited") -> Any:
    """Make a module as a notebook makes its namespace: without a file."""
    module = ModuleType(name)
    sys.modules[name] = module
    exec(compile(textwrap.dedent(source), "<cell>", "exec"), vars(module))  # noqa: S102
    return module
