"""Opens damaged stores, each in a process forked for it, and says what happened.

For every directory it is told: a line of JSON with the exit status of the child
(negative for a signal), what it read, and what `check` said. Imports once, forks
per trial, so that many trials are cheap; the index is walked in a fork, too,
which a damaged page may crash just as well.
"""

import json
import os
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gridcache.store import recovery, walk
from gridcache.store.namespaces import Namespace
from gridcache.store.opening import close_store, open_store
from gridcache.store.outcome import Hit
from tests.store.kit.child import listen, say
from tests.store.kit.shop import Shop
from tests.store.kit.values import read_number


def in_fork(work: Callable[[], int]) -> int:
    """Exit status of a forked child that runs `work`."""
    pid = os.fork()
    if not pid:
        status = 1
        try:
            status = work()
        except BaseException:  # noqa: BLE001 - told here, must not leave the fork
            traceback.print_exc()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _walk_quietly(directory: Path) -> bool:
    return in_fork(lambda: len(walk.walk(directory))) == 0


def _look(directory: Path, keys: list[str]) -> dict[str, Any]:
    store = open_store(directory)
    shop = Shop(store, store.namespace(Namespace("default")))
    found: dict[str, int | str] = {}
    for turn in ("hit", "again"):
        for key in keys:
            outcome = shop.look_up(key, view=turn == "hit")
            if isinstance(outcome, Hit):
                found[key] = read_number(outcome)
            elif turn == "hit":
                found[key] = str(outcome.reason)
    for number in range(6):  # the store goes on
        shop.put(f"new-{number}", number, number * 3000)
        assert shop.number(f"new-{number}") == number
    report = store.check()
    close_store(store)
    return {"found": found, "problems": report.problems}


def trial(directory: Path, keys: list[str]) -> None:
    """One damaged store."""
    report = directory.with_suffix(".json")

    def work() -> int:
        report.write_text(json.dumps(_look(directory, keys)))
        return 0

    status = in_fork(work)
    content = json.loads(report.read_text()) if report.exists() else {}
    say(json.dumps({"status": status, **content}))


def main() -> None:
    recovery._walk = _walk_quietly
    recovery._logger.disabled = True
    keys = json.loads(listen())
    while line := listen():
        trial(Path(line), keys)


if __name__ == "__main__":
    main()
