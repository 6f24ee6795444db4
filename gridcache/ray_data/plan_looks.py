"""Looks: what of Ray's stands for something else in the digest of a plan.

A reference stands for its value, a datasource for what it reads, a seed for the rows
that it gives; what has no lasting identity is `Undigestible`.
"""

from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any, TypeAlias

from gridcache.ray_data.plan_files import unwrapped, versions
from gridcache.ray_data.plan_sources import Files, Undigestible, source_of
from gridcache.ray_data.plan_walk import Blocks, walked

__all__ = ["Look", "looks"]

Look: TypeAlias = Callable[[Any], Any]
"""Gives what is digested instead of a value."""

Alone: TypeAlias = Callable[[Any], bytes]
"""Gives the token of a value that is let go of at once."""

PATIENCE_S = 10.0
"""For Ray blocks and values that are still being made."""


@cache
def looks(alone: Alone) -> dict[type, Look]:
    """All looks by type; loads Ray Data."""
    import ray  # noqa: PLC0415 - takes long
    from ray.actor import ActorHandle  # noqa: PLC0415
    from ray.data import (  # noqa: PLC0415
        DataContext,
        Dataset,
        Datasource,
        FileShuffleConfig,
        expressions,
    )
    from ray.remote_function import RemoteFunction  # noqa: PLC0415

    found: dict[Any, Look] = {
        Blocks: partial(_blocks, alone),
        Files: versions,
        ray.ObjectRef: partial(_value, alone),
        ActorHandle: _state_elsewhere,
        RemoteFunction: lambda value: ("remote", value._function),
        DataContext: lambda _: ("context",),
        Dataset: walked,
        Datasource: source_of,
        FileShuffleConfig: _seed,
    }
    return found | dict(_private_looks(expressions))


def _private_looks(expressions: Any) -> Iterator[tuple[type, Look]]:
    """Looks at types that another Ray may not have."""
    for name in ("RandomExpr", "UUIDExpr", "MonotonicallyIncreasingIdExpr"):
        if hasattr(expressions, name):
            yield getattr(expressions, name), _seed
    if hasattr(expressions, "_CallableClassSpec"):
        # Its key is the `repr` of what it is made with.
        yield expressions._CallableClassSpec, _spec
    try:
        from ray.data._internal.random_config import RandomSeedConfig  # noqa: PLC0415
        from ray.data._internal.util import RetryingPyFileSystem  # noqa: PLC0415
    except ImportError:
        return
    yield RandomSeedConfig, _seed
    yield RetryingPyFileSystem, unwrapped


def _seed(value: Any) -> Any:
    if getattr(value, "seed", None) is None:
        message = f"{type(value).__name__} without a seed gives other rows each time"
        raise Undigestible(message)
    if value.reseed_after_execution:
        message = f"{type(value).__name__} takes another seed each time it runs"
        raise Undigestible(message)
    return type(value), value.seed


def _spec(value: Any) -> Any:
    return value.cls, value.args, value.kwargs


def _state_elsewhere(value: Any) -> Any:
    message = f"the state of an actor cannot be looked at from here ({value!r})"
    raise Undigestible(message)


def _value(alone: Alone, ref: Any) -> Any:
    return "value", alone(_fetched([ref])[0])


def _fetched(refs: list[Any]) -> list[Any]:
    import ray  # noqa: PLC0415 - takes long

    ready, pending = ray.wait(refs, num_returns=len(refs), timeout=PATIENCE_S)
    if pending:
        message = f"{len(pending)} of its values are still being made"
        raise Undigestible(message)
    return list(ray.get(ready))


def _blocks(alone: Alone, value: Blocks) -> Any:
    """Tokens of Ray blocks, one after another; or of what they are together."""
    if not value.joined:
        return [_value(alone, ref) for ref in value.refs]
    import pyarrow as pa  # noqa: PLC0415 - takes long

    found = _fetched(list(value.refs))
    if not all(isinstance(block, pa.Table) for block in found):
        return [alone(block) for block in found]
    whole = pa.concat_tables(found, promote_options="permissive")
    return "joined", alone(whole)
