"""The cache that the options mean: Dask's own namespace unless one is named."""

from collections.abc import Iterator
from contextlib import contextmanager

from gridcache.cache import GridCache
from gridcache.cli.failures import ExitCode, Failure
from gridcache.cli.options import Options
from gridcache.cli.session import open_cache
from gridcache.dask.address import DEFAULT
from gridcache.errors import NameNotFoundError

__all__ = ["names_as_exit_codes", "opened"]

_HINT = "gridcache.dask.persist(collection, NAME) publishes the first"


@contextmanager
def opened(options: Options) -> Iterator[GridCache]:
    """The cache; makes none.

    Raises
    ------
    Failure
        There is none (exit 3).
    """
    options.namespace = options.namespace or DEFAULT
    try:
        cache = open_cache(options)
    except Failure as failure:
        if getattr(failure, "exit_code", None) != ExitCode.NO_STORE:
            raise
        message = f"{failure.message}; {_HINT}"
        raise Failure(message, ExitCode.NO_STORE) from failure
    with cache:
        yield cache


@contextmanager
def names_as_exit_codes() -> Iterator[None]:
    """Turn a name that is not published into exit 4."""
    try:
        yield
    except NameNotFoundError as error:
        message = f"{error}; see `dask gridcache names`"
        raise Failure(message, ExitCode.NO_KEY) from error
