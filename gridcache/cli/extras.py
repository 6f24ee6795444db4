"""Optional libraries: which extra brings which, and the command that installs it.

The names are those of `[project.optional-dependencies]`; a test compares them.
"""

from importlib.util import find_spec

__all__ = ["EXTRAS", "install_command", "install_hint", "missing_modules"]

EXTRAS: dict[str, tuple[str, ...]] = {
    "arrow": ("pandas", "polars", "pyarrow"),
    "dask": ("dask", "distributed"),
    "jupyter": ("ipykernel", "IPython", "nbclient", "nbformat"),
    "ray": ("ray",),
    "ray-data": ("fsspec", "pandas", "pyarrow", "ray"),
}
"""Extra to the modules it brings, as they are imported."""


def missing_modules(extra: str) -> tuple[str, ...]:
    """Modules of an extra that cannot be imported here; imports none of them."""
    return tuple(name for name in EXTRAS[extra] if find_spec(name) is None)


def install_command(extra: str) -> str:
    """Return the command that installs an extra."""
    return f'pip install "gridcache[{extra}]"'


def install_hint(module: str) -> str:
    """Say how to get a module, through its extra where one brings it."""
    top = module.partition(".")[0]
    for extra, modules in EXTRAS.items():
        if top in modules:
            return f"install it with: {install_command(extra)}"
    return f"install it with: pip install {top}"
