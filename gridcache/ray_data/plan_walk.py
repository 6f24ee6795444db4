"""The walk over a dataset's plan: its operators as tuples of plain values.

With `gridcache.ray_data.plan_sources` the one place that knows Ray Data's private names
for a plan; where they are others, or an operator is unknown, the plan is
`Undigestible`. All attributes of an
operator count but those that are known not to change its rows: an attribute that a
later Ray adds counts by itself.

Not covered: how values become a digest (`gridcache.ray_data.plans`), and what versions
files have (`gridcache.ray_data.plan_files`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from gridcache.ray_data.plan_sources import Files, Undigestible, published_by

__all__ = ["Blocks", "walked"]

_KINDS = frozenset(
    {
        *("Aggregate", "Download", "Filter", "FlatMap", "Join", "Limit", "ListFiles"),
        *("MapBatches", "MapRows", "Mix", "Project", "RandomizeBlocks"),
        *("RandomShuffle", "Read", "ReadFiles", "Repartition", "Sort"),
        *("StreamingRepartition", "Union", "Zip"),
    }
)
"""Operators whose rows follow from their attributes and their inputs."""

_ROWS = frozenset({"FromArrow", "FromBlocks", "FromItems", "FromNumpy", "FromPandas"})
"""Operators that give what the driver had; the number of blocks may be Ray's choice."""

_NOT_ROWS = frozenset(
    {
        *("name", "input_dependencies", "output_dependencies", "num_outputs"),
        *("compute", "ray_remote_args", "sub_progress_bar_names"),
    }
)
"""Attributes of all operators, without leading underscores, that change no row."""

_NOT_ROWS_OF = {
    "ListFiles": {"source_paths", "file_partitioner", "shuffle_config_factory"},
    # What the optimizer found for this cluster, and the source once more.
    "Read": {"detected_parallelism", "datasource_or_legacy_reader"},
}

_MATERIALIZED = (
    "the dataset was materialized: which of its rows come first is up to how fast they "
    "were made"
)


@dataclass(frozen=True, slots=True)
class Blocks:
    """Ray blocks in Ray's object store."""

    refs: tuple[Any, ...]
    joined: bool
    """Where one ends and the next begins does not count."""


def walked(dataset: Any) -> tuple[Any, ...]:
    """The operators of a dataset: kind, attributes and inputs, from the last one on.

    Raises
    ------
    Undigestible
        This Ray is not known, or an operator or a source is not.
    """
    try:
        root = dataset._logical_plan.dag
    except AttributeError:
        raise Undigestible(_unknown("Dataset")) from None
    if getattr(dataset.context, "checkpoint_config", None) is not None:
        # Rows that an earlier run has written are left out.
        message = "the rows of a dataset with a checkpoint depend on earlier runs"
        raise Undigestible(message)
    return _Walk(dataset.context).of(root)


class _Walk:
    """One walk; what several operators have as their input is one tuple."""

    def __init__(self, context: Any) -> None:
        self._context = context
        self._known: dict[int, tuple[Any, ...]] = {}

    def of(self, operator: Any) -> tuple[Any, ...]:
        me = id(operator)
        if me not in self._known:
            self._known[me] = self._made(operator)
        return self._known[me]

    def _made(self, operator: Any) -> tuple[Any, ...]:
        kind = type(operator).__name__
        published = published_by(operator, kind)
        if published is not None:
            return published
        if not type(operator).__module__.startswith("ray.data."):
            raise Undigestible(_unknown(f"{type(operator).__module__}.{kind}"))
        if kind in _ROWS:
            return "rows", Blocks(_refs_of(operator), joined=kind == "FromItems")
        if kind == "InputData":
            return self._finished(operator)
        if kind not in _KINDS:
            raise Undigestible(_unknown(kind))
        inputs = tuple(map(self.of, operator.input_dependencies))
        return kind, dict(_attributes(operator, kind)), inputs

    def _finished(self, operator: Any) -> tuple[Any, ...]:
        """What an earlier run of this job has left."""
        refs = _refs_of(operator)
        if len(refs) > 1 and not self._context.execution_options.preserve_order:
            raise Undigestible(_MATERIALIZED)
        return "rows", Blocks(refs, joined=False)


def _unknown(what: str) -> str:
    import ray  # noqa: PLC0415 - for the error alone

    return f"{what} of Ray {ray.__version__} is not known to gridcache"


def _attributes(operator: Any, kind: str) -> Iterator[tuple[str, Any]]:
    left_out = _NOT_ROWS | _NOT_ROWS_OF.get(kind, set())
    for name, value in sorted(vars(operator).items()):
        plain = name.lstrip("_")
        if plain not in left_out and not _is_derived(operator, name):
            yield plain, value
    yield from _more_of(operator, kind)


def _more_of(operator: Any, kind: str) -> Iterator[tuple[str, Any]]:
    """What is left out above and counts in another form."""
    environment = (getattr(operator, "ray_remote_args", None) or {}).get("runtime_env")
    if environment:
        yield "runtime_env", environment
    if kind == "Repartition":
        yield "num_outputs", operator.num_outputs
    if kind == "ListFiles":
        # Called when it runs; without a seed of the user's a seed that it makes up.
        yield "shuffle", operator.shuffle_config_factory()
        yield "files", Files(operator.filesystem, tuple(operator.paths))


def _is_derived(operator: Any, name: str) -> bool:
    return isinstance(getattr(type(operator), name, None), cached_property)


def _refs_of(operator: Any) -> tuple[Any, ...]:
    return tuple(ref for bundle in operator.input_data for ref in bundle.block_refs)
