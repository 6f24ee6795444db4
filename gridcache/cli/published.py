"""What the commands of the adapters have in common: they look after published names.

`dask gridcache` and `grid ray-data` differ in the namespace that is meant unless one is
named, in what they say, and in what stands under a name.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from gridcache.cli.failures import ExitCode, Failure
from gridcache.cli.people import printable
from gridcache.cli.report import Column, Kind, Report, Section
from gridcache.cli.session import open_cache
from gridcache.errors import GridCacheError, NameNotFoundError

if TYPE_CHECKING:
    from gridcache.cache import GridCache
    from gridcache.cli.options import Options

__all__ = ["Published", "released", "told"]

T = TypeVar("T")

RELEASED = (
    Column("name"),
    Column("released", Kind.FLAG),
    Column("nbytes", Kind.BYTES, "freed"),
)


@dataclass(frozen=True, slots=True)
class Published:
    """Names that one adapter publishes."""

    namespace: str
    """Where they lie unless the options name another."""
    hint: str
    """How the first is published."""
    listing: str
    """The command that lists them."""

    @contextmanager
    def opened(self, options: "Options") -> "Iterator[GridCache]":
        """The cache that the options mean; makes none.

        Raises
        ------
        Failure
            There is none (exit 3).
        """
        options.namespace = options.namespace or self.namespace
        try:
            cache = open_cache(options)
        except Failure as failure:
            if getattr(failure, "exit_code", None) != ExitCode.NO_STORE:
                raise
            message = f"{failure.message}; {self.hint}"
            raise Failure(message, ExitCode.NO_STORE) from failure
        with cache:
            yield cache

    @contextmanager
    def names_as_exit_codes(self) -> Iterator[None]:
        """Turn a name that is not published into exit 4."""
        try:
            yield
        except NameNotFoundError as error:
            message = f"{error}; see `{self.listing}`"
            raise Failure(message, ExitCode.NO_KEY) from error

    def refuse_missing(self, names: Iterable[str]) -> None:
        """Exit 4 if there is one."""
        missing = [printable(name) for name in names]
        if missing:
            message = f"not published: {', '.join(missing)}; see `{self.listing}`"
            raise Failure(message, ExitCode.NO_KEY)


def released(
    names: Iterable[str], release: Callable[[str], int]
) -> tuple[Report, list[str]]:
    """Release names, each once; what that freed, and those that were missing."""
    rows: list[tuple[object, ...]] = []
    missing = []
    for name in dict.fromkeys(names):
        try:
            rows.append((name, True, release(name)))
        except NameNotFoundError:
            rows.append((name, False, 0))
            missing.append(name)
    return Report((Section("release", RELEASED, rows),)), missing


def told(names: Iterable[str], info: Callable[[str], T]) -> Iterator[T]:
    """Give what is known of each name; not of those that cannot be read.

    They were released since, or are of another version.
    """
    for name in names:
        try:
            found = info(name)
        except GridCacheError:
            continue
        yield found
