"""`grid ray-data`: datasets that Ray Data published.

Covers the group alone. A command lives in a module of its own and is imported when it
is called. None of them needs a Ray that runs, and none loads Ray.
"""

import click

from gridcache.cli.lazy import LazyCommand, LazyGroup

__all__ = ["command"]


def _at(module: str, text: str) -> LazyCommand:
    return LazyCommand(f"{__name__}.{module}", text)


COMMANDS = {
    "names": _at("names", "Datasets that are published, one a line."),
    "info": _at("info", "What is published under a name, and where it lies."),
    "release": _at("release", "Drop published datasets; frees their memory."),
}


@click.group("ray-data", cls=LazyGroup, lazy=COMMANDS)
def command() -> None:
    """List and release datasets that Ray Data published.

    `gridcache.ray_data.persist(dataset, "NAME")` publishes one, and
    `gridcache.ray_data.load("NAME")` reads it in any other job. Here they are listed
    and released, whether or not a Ray runs: they lie in this machine's store, or in
    its grid.

    They stay until they are released, or until the `ttl` that they were given is over.
    What `spill` keeps has no name and is not listed: it goes with its job.
    """
