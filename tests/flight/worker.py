"""A process that plays plans; see `play` for their steps.

Says on its standard output what happens, one event a line: `ready`, `waiting`,
`got KEY=VALUE`, `raised ERROR`, and what a plan tells it to say.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gridcache.flight import single
from gridcache.store.opening import open_store
from tests.flight.conftest import Calls, telling


def say(words: str) -> None:
    os.write(1, words.encode() + b"\n")


def play(calls: Calls, steps: list[list[Any]]) -> Any:
    """Compute a value.

    Steps: ["say", words], ["wait"], ["log", path], ["get", plan], ["raise"],
    ["hog", seconds], ["fork", plan], ["fork and return", value],
    ["return", value].
    """
    for step, *rest in steps:
        if step == "return":
            return rest[0]
        if step == "fork and return":
            if (child := os.fork()) == 0:
                return rest[0]
            os.waitpid(child, 0)
        else:
            _STEPS[step](calls, *rest)
    return None


def log(_: Calls, path: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(fd, b"computed\n")
    os.close(fd)


def fork(calls: Calls, plan: dict[str, Any]) -> None:
    if (child := os.fork()) == 0:
        obey(calls, plan)
        os._exit(0)
    os.waitpid(child, 0)


def _raise(_: Calls) -> None:
    message = "as planned"
    raise ValueError(message)


def hog(_: Calls, seconds: float) -> None:
    """Keep the interpreter's lock, so that no other thread of ours runs."""
    sys.setswitchinterval(1_000)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass
    sys.setswitchinterval(0.005)


def obey(calls: Calls, plan: dict[str, Any]) -> None:
    key = plan["key"]
    try:
        value = calls.get(key, lambda: play(calls, plan["steps"]))
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - told to the test
        say(f"raised {type(error).__name__}")
    else:
        say(f"got {key}={value}")


_STEPS: dict[str, Callable[..., object]] = {
    "say": lambda _, words: say(words),
    "wait": lambda _: sys.stdin.readline(),
    "log": log,
    "get": obey,
    "raise": _raise,
    "fork": fork,
    "hog": hog,
}


def main(directory: str, stale_s: str) -> None:
    vars(single)["ThreadPauser"] = telling(lambda: say("waiting"))
    calls = Calls(open_store(Path(directory)), float(stale_s))
    me = os.getpid()
    say("ready")
    while line := sys.stdin.readline():
        obey(calls, json.loads(line))
        if os.getpid() != me:
            os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
