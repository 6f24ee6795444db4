"""Dask: whether it is here, whether its version will do, and what of it works."""

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from gridcache.cli.doctor.finding import Finding, fail, ok, warn
from gridcache.cli.extras import install_command
from gridcache.config import Config

__all__ = ["check_dask"]

FLOOR = (2026, 1, 1)
"""As in pyproject.toml; why is told in docs/explain/dependencies.md."""


def check_dask(_config: Config) -> Iterator[Finding]:
    """Installed, new enough, of one version, and fit for recovery."""
    try:
        dask, distributed = version("dask"), version("distributed")
    except PackageNotFoundError:
        text = "not installed, or not whole; only gridcache.dask needs it"
        yield ok("dask", text, install_command("dask"))
        return
    oldest = min(_numbers(dask), _numbers(distributed))
    if oldest < FLOOR:
        text = (
            f"{dask} (distributed {distributed}): gridcache.dask needs {_text(FLOOR)}"
        )
        yield fail("dask", text, f"pip install 'dask[distributed]>={_text(FLOOR)}'")
        return
    yield ok("dask", dask) if dask == distributed else _mixed(dask, distributed)
    yield _recovery()


def _recovery() -> Finding:
    # Distributed is loaded here, which no other check and no other command does.
    from gridcache.dask.recovery.hooks import missing_hook  # noqa: PLC0415

    fault = missing_hook()
    if fault is None:
        return ok("dask recovery", "RecoveryPlugin works with this distributed")
    text = f"stays off, a lost spilled block fails its tasks: {fault}"
    return warn("dask recovery", text, "a version of gridcache that knows this one")


def _mixed(dask: str, distributed: str) -> Finding:
    text = f"dask {dask}, but distributed {distributed}: they are released in step"
    return warn("dask", text, "pip install --upgrade dask distributed")


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:3] if part.isdecimal())


def _text(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))
