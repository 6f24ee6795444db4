"""Sameness: when two collections are one, and when two of their partitions are.

A collection is what its partitions compute (`gridcache.dask.identity`), and all that
it says of itself without computing them: chunks, divisions, names, dtypes, attributes,
coordinates in memory.
"""

from collections import Counter
from typing import Any

import cloudpickle
from dask.base import is_dask_collection

from gridcache.dask.graph import Key, Plan, shell
from gridcache.dask.identity import Identities
from gridcache.digest import Unkeyable, digest

__all__ = ["partition_digests", "structure_digest"]


def partition_digests(plan: Plan, ids: Identities) -> list[str]:
    """Identities of the partitions, those that Dask calls impure told apart.

    Of two equal calls of a function that draws lots neither may stand for the other;
    the first of one run is the first of the next.
    """
    met: Counter[str] = Counter()
    found: dict[Key, str] = {}
    for key in dict.fromkeys(plan.keys):
        one = ids.digests[key]
        found[key] = digest((one, met[one])) if key in ids.impure and met[one] else one
        met[one] += 1
    return [found[key] for key in plan.keys]


def structure_digest(plan: Plan) -> str:
    """Digest of all that a collection is but the values of its partitions."""
    empty, _ = shell(plan, "grid")
    try:
        return digest(_canonical(empty))
    except Unkeyable:
        # May differ from process to process: then the name is refused, not wrong.
        return digest(cloudpickle.dumps(empty))


def _canonical(empty: Any) -> Any:
    """The same for equal collections: xarray's change a little when they are used."""
    if type(empty).__module__.partition(".")[0] != "xarray":
        return empty
    own = {} if hasattr(empty, "data_vars") else {"": empty}
    coordinates = getattr(empty, "coords", {})
    variables = {**getattr(empty, "data_vars", own), **coordinates}
    indexes = {name: type(one) for name, one in getattr(empty, "xindexes", {}).items()}
    return (
        type(empty),
        getattr(empty, "name", None),
        dict(empty.attrs),
        {str(name): _variable(one) for name, one in variables.items()},
        sorted(map(str, coordinates)),
        sorted((str(name), kind.__qualname__) for name, kind in indexes.items()),
    )


def _variable(variable: Any) -> Any:
    data = variable.data if is_dask_collection(variable) else variable.values
    return variable.dims, dict(variable.attrs), data
