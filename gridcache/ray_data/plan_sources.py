"""Sources of a plan: what its rows come from, by what can be known of it.

Published datasets count by what they stand for, files by what is there; a source of
the user's by its own word. What only the source knows is `Undigestible`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

__all__ = ["Files", "Undigestible", "published_by", "source_of"]

_NOT_ROWS = frozenset(
    {
        *("data_context", "supports_distributed_reads", "local_scheduling"),
        # Where the files are, which count by what is there.
        *("source_paths_ref", "paths_ref", "file_sizes_ref"),
        *("pq_fragments", "pq_paths", "file_metadata_shuffler", "encoding_ratio"),
    }
)


class Undigestible(Exception):  # noqa: N818 - control flow, as `Unkeyable`
    """A part of a plan has no lasting identity.

    Not an `Unkeyable`: code may reach such without identity, a plan may not.
    """


@dataclass(frozen=True, slots=True)
class Files:
    """Files, and all files in directories."""

    system: Any
    paths: tuple[str, ...]


def published_by(operator: Any, kind: str) -> tuple[Any, ...] | None:
    """What is published and read, however that is done; None if it is another kind.

    It is read by one operator, or by one for each node that has some of it; or it is
    on its way there, and passes.
    """
    if kind == "Stream" and hasattr(operator, "tap"):
        return _passing(operator.tap)
    parts = operator.input_dependencies if kind == "Union" else [operator]
    sources: list[Any] = [getattr(part, "datasource", None) for part in parts]
    shares = [_share_of(source) for source in sources]
    if shares != [(index, len(sources)) for index in range(len(sources))]:
        return None
    if any(getattr(part, "per_block_limit", None) is not None for part in parts):
        return None
    keys = [(type(source), source.__gridcache_key__()) for source in sources]
    return ("source", *keys[0]) if all(key == keys[0] for key in keys) else None


def _passing(tap: Any) -> tuple[Any, ...]:
    from gridcache.ray_data.datasource import GridDatasource  # noqa: PLC0415 - circle

    if tap.fill.plan is None:
        message = f"what streams to {tap.fill.name!r} has no lasting identity"
        raise Undigestible(message)
    return "source", GridDatasource, ("plan", tap.fill.plan, tap.fill.version, None)


def _share_of(source: Any) -> Any:
    return getattr(source, "grid_share", None)


def source_of(source: Any) -> tuple[Any, ...]:
    """What a datasource reads: its own word for it, or its attributes and its files.

    Raises
    ------
    Undigestible
        It reads what only itself knows, such as a database.
    """
    if _share_of(source) not in {None, (0, 1)}:
        message = "a share of what is published has no identity of its own"
        raise Undigestible(message)
    if hasattr(type(source), "__gridcache_key__"):
        return "source", type(source), source.__gridcache_key__()
    files = _files_of(source)
    if not files and type(source).__name__ != "RangeDatasource":
        message = (
            f"{type(source).__qualname__} reads what cannot be looked at from here; "
            "give it __gridcache_key__()"
        )
        raise Undigestible(message)
    return "source", type(source), dict(_settings(source)), files


def _settings(source: Any) -> Iterator[tuple[str, Any]]:
    for name, value in sorted(vars(source).items()):
        plain = name.lstrip("_")
        if plain not in _NOT_ROWS:
            yield plain, _shuffle(value) if plain == "shuffle" else value


def _shuffle(value: Any) -> Any:
    if value == "files":
        message = 'shuffle="files" gives another order each time'
        raise Undigestible(message)
    return value


def _files_of(source: Any) -> tuple[Files, ...]:
    from ray.data.datasource import FileBasedDatasource  # noqa: PLC0415 - takes long

    if isinstance(source, FileBasedDatasource):
        return (Files(source._filesystem, tuple(source._paths())),)
    if type(source).__name__ == "ParquetDatasource":
        return (Files(source._filesystem, tuple(source._pq_paths)),)
    return ()
