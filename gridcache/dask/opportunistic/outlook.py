"""Outlook: what `cached()` would find, read and compute, before anything is."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import Any

from dask.base import collections_to_expr, unpack_collections
from dask.utils import key_split

from gridcache.cache import GridCache
from gridcache.dask.address import handle_of
from gridcache.dask.graph import Key
from gridcache.dask.identity.nodes import Task
from gridcache.dask.opportunistic.figures import nbytes_of
from gridcache.dask.opportunistic.rewrite import needed
from gridcache.dask.opportunistic.survey import Survey, survey
from gridcache.errors import ConfigError
from gridcache.published.handle import Handle
from gridcache.units import format_bytes, format_duration

__all__ = ["LayerOutlook", "Outlook", "plan"]

_ROWS = 30
"""Layers that are shown; in a graph of many kinds of tasks those with most to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerOutlook:
    """What would happen to the tasks of one name."""

    name: str
    """Of the tasks, as in Dask's dashboard."""
    tasks: int
    hits: int
    """Results that would be read."""
    computed: int
    """Tasks that would run; the others are not needed."""
    nbytes: int
    """That would be read, as encoded."""
    saved_s: float
    """Seconds that what is read took to compute, with what it was made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What a computation in `cached()` would do; `str()` of it is for people."""

    layers: tuple[LayerOutlook, ...]
    unsafe: tuple[str, ...]
    """A sentence for each input that is known by Dask's token alone."""
    barred: tuple[tuple[str, str, int], ...]
    """Name, reason and number of tasks whose results are never kept."""

    @property
    def tasks(self) -> int:
        """In the optimised graph; data are none."""
        return sum(layer.tasks for layer in self.layers)

    @property
    def hits(self) -> int:
        """Results that would be read."""
        return sum(layer.hits for layer in self.layers)

    @property
    def computed(self) -> int:
        """Tasks that would run."""
        return sum(layer.computed for layer in self.layers)

    @property
    def nbytes(self) -> int:
        """That would be read."""
        return sum(layer.nbytes for layer in self.layers)

    @property
    def saved_s(self) -> float:
        """Seconds that what is read took to compute."""
        return sum(layer.saved_s for layer in self.layers)

    @property
    def headline(self) -> str:
        """All in one line."""
        return (
            f"{self.computed:,} of {self.tasks:,} tasks would run; {self.hits:,} "
            f"results would be read ({format_bytes(self.nbytes)}), which took "
            f"{format_duration(self.saved_s)}"
        )

    @property
    def remarks(self) -> list[str]:
        """What is never kept, and what may be taken for what it is not."""
        never = [
            f"never kept: {count:,} x {name}: {reason}"
            for name, reason, count in self.barred
        ]
        return [*never, *(f"unsafe: {one}" for one in self.unsafe)]

    def __str__(self) -> str:
        rows = [
            f"  {one.name}: {one.hits:,} read ({format_bytes(one.nbytes)}, "
            f"{format_duration(one.saved_s)}), {one.computed:,} of {one.tasks:,} run"
            for one in self.layers[:_ROWS]
        ]
        return "\n".join([self.headline, *rows, *self._more, *self.remarks])

    @property
    def _more(self) -> list[str]:
        more = len(self.layers) - _ROWS
        return [f"and {more:,} more names"] if more > 0 else []

    def _repr_html_(self) -> str:
        head = ("tasks of", "all", "run", "read", "bytes", "saved")
        rows = [
            (
                one.name,
                f"{one.tasks:,}",
                f"{one.computed:,}",
                f"{one.hits:,}",
                format_bytes(one.nbytes),
                format_duration(one.saved_s),
            )
            for one in self.layers[:_ROWS]
        ]
        lines = [_row("th", head), *(_row("td", row) for row in rows)]
        remarks = "".join(
            f"<li>{escape(one)}</li>" for one in self._more + self.remarks
        )
        return (
            f"<b>{escape(self.headline)}</b><table>{''.join(lines)}</table>"
            f"<ul>{remarks}</ul>"
        )


def _row(tag: str, cells: Iterable[str]) -> str:
    inner = "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells)
    return f"<tr>{inner}</tr>"


def plan(
    *collections: Any,
    cache: GridCache | Handle | str | None = None,
    salt: str = "",
) -> Outlook:
    """Say what `cached()` would do with collections; computes and reads nothing.

    Parameters
    ----------
    collections
        As for `dask.compute`: what is computed together.
    cache, salt
        As for `cached`.

    Raises
    ------
    ConfigError
        There is no Dask collection among them.
    """
    found = [
        part for one in unpack_collections(*collections)[0] for part in _parts(one)
    ]
    if not found:
        message = "plan() is given Dask collections, as dask.compute() is"
        raise ConfigError(message)
    from dask._expr import FinalizeCompute  # noqa: PLC0415 - Dask does so, too

    expr = FinalizeCompute(collections_to_expr(found, optimize_graph=True)).optimize()
    return _looked_at(survey(expr, expr.__dask_keys__(), salt), handle_of(cache))


def _parts(collection: Any) -> list[Any]:
    """What a collection's own `compute` computes: of xarray's its arrays."""
    if not type(collection).__module__.startswith("xarray."):
        return [collection]
    if hasattr(collection, "variables"):
        variables = list(collection.variables.values())
    else:
        coords = collection.coords.values()
        variables = [collection.variable, *(coord.variable for coord in coords)]
    return [one.data for one in variables if one.chunks is not None]


def _looked_at(surveyed: Survey, handle: Handle) -> Outlook:
    ids, hits = surveyed.ids, surveyed.hits(handle)
    left = needed(surveyed, hits)
    names: defaultdict[str, list[Key]] = defaultdict(list)
    for key in ids.digests:
        if isinstance(surveyed.graph.get(key), Task):
            names[key_split(key)].append(key)
    layers = [
        _layer(name, keys, [key for key in keys if key in left], surveyed, hits, handle)
        for name, keys in names.items()
    ]
    layers.sort(key=lambda one: (-one.computed, -one.hits, one.name))
    barred = Counter(
        (key_split(key), ids.reason(key))
        for key in sorted(ids.impure | ids.effects, key=str)
    )
    return Outlook(
        layers=tuple(layers),
        unsafe=ids.unsafe,
        barred=tuple((name, why, count) for (name, why), count in barred.items()),
    )


def _layer(
    name: str,
    keys: list[Key],
    left: list[Key],
    surveyed: Survey,
    hits: set[Key],
    handle: Handle,
) -> LayerOutlook:
    read = [key for key in left if key in hits]
    infos = [handle.cache.info(surveyed.text(key)) for key in read]
    return LayerOutlook(
        name=name,
        tasks=len(keys),
        hits=len(read),
        computed=len(left) - len(read),
        nbytes=sum(nbytes_of(info) for info in infos),
        saved_s=sum(info.cost_s for info in infos if info is not None),
    )
