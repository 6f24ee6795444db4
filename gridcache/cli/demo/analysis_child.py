"""The third run of act one: the same function in a process that computed nothing."""

import json
import sys

from gridcache.cache import GridCache
from gridcache.cli.demo.analysis import describe, timed
from gridcache.cli.demo.source_facts import cached_analyser, standard_library

__all__ = ["main"]


def main(path: str) -> None:
    """Analyse through the cache at a path; print seconds and findings as JSON."""
    files = standard_library()
    with GridCache("demo", path=path) as cache:
        seconds, facts = timed(cached_analyser(cache), files)
    found = {"seconds": seconds, "files": len(files), "found": describe(facts)}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
