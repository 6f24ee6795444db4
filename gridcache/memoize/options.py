"""Settings of one decorated function."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from gridcache.errors import ConfigError
from gridcache.units import parse_duration

if TYPE_CHECKING:
    from gridcache.cache import GridCache

__all__ = ["Options"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """See `gridcache.memoize.decorator.grid_cache`."""

    namespace: str | None = None
    cache: "GridCache | None" = None
    ttl: float | str | timedelta | None = None
    ignore: tuple[str, ...] = ()
    key: Callable[..., Any] | None = None
    version: str | int | None = None
    cost: str | float | None = "measure"
    condition: Callable[[Any], bool] | None = None
    tags: Iterable[str] | Callable[..., Iterable[str]] = ()
    copy: bool = False
    cache_exceptions: tuple[type[Exception], ...] = ()

    def __post_init__(self) -> None:
        if self.cache is not None and self.namespace is not None:
            msg = "give namespace= or cache=, not both: a cache has its namespace"
            raise ConfigError(msg)
        if isinstance(self.cost, str) and self.cost != "measure":
            msg = f'cost={self.cost!r} must be "measure" or seconds'
            raise ConfigError(msg)
        if self.ttl is not None:
            parse_duration(self.ttl)

    def cost_s(self) -> float | None:
        """Seconds to recompute; None if they are to be measured."""
        return None if isinstance(self.cost, str) else float(self.cost or 0)

    def tags_of(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[str, ...]:
        """Give the tags of one call."""
        tags = self.tags(*args, **kwargs) if callable(self.tags) else self.tags
        return (tags,) if isinstance(tags, str) else tuple(tags)
