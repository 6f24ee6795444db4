"""Workload: random operations of one client, the same for the same seed.

Which operation on which key with which size comes next depends on the seed alone;
what it meets, on everything else. Values say who wrote them and are filled up to
their size, so that one that was torn or mixed up is noticed.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from gridcache import GridCache
from gridcache.errors import GridCacheError, KeyNotFoundError
from tests.cluster.history.recorder import Recorder

__all__ = [
    "GROUPS",
    "KEYS",
    "Step",
    "Worker",
    "fixed_value",
    "is_fixed",
    "steps",
]

GROUPS = {"single": 8, "double": 8, "mixed": 6, "fixed": 4}
"""Keys by how they are written: to one place, to two, now so and now so, immutable."""
KEYS = [
    f"{group}/{number}" for group, count in GROUPS.items() for number in range(count)
]
_UNHEARD_S = 3.9
"""After so long a miss may only say that the home did not answer."""
_OF_MANY = ("get_many", "put_many", "delete_many")
_SIZES = [20, 20, 20, 3_000, 3_000, 100_000, 1_500_000]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do."""

    name: str
    keys: tuple[str, ...]
    nbytes: int
    replicas: int
    pause_s: float


def steps(seed: int) -> Iterator[Step]:
    """Return what a client of this seed does, for ever."""
    random = Random(seed)
    while True:
        key = random.choice(KEYS)
        group = key.split("/", 1)[0]
        replicas = {"single": 1, "double": 2}.get(group) or random.choice((1, 2))
        names = ["put"] * 4 + ["get"] * 6 + ["delete", *_OF_MANY]
        if group == "fixed":
            names.remove("put_many")
        if group != "double":  # what is computed is kept at one place
            names += ["compute"] * 3
        name = random.choice(names)
        keys: tuple[str, ...] = (key,)
        if name.endswith("_many"):
            among = [key for key in KEYS if key.startswith(group)]
            keys = tuple(random.sample(among, random.randrange(2, 5)))
        size = random.choices(_SIZES, [9, 9, 9, 9, 9, 9, 1])[0]
        yield Step(name, keys, size, replicas, random.expovariate(250))


class Worker:
    """One client at work."""

    def __init__(self, cache: GridCache, recorder: Recorder, who: str) -> None:
        self._cache = cache
        self._recorder = recorder
        self._who = who
        self._count = 0

    def work(self, step: Step) -> None:
        """Do one step and note what came of it."""
        do: Callable[[Step], None] = getattr(self, f"_{step.name}")
        try:
            do(step)
        except Exception as error:  # noqa: BLE001 - whatever it is: it is noted
            self._recorder.wrong(f"{step}: {type(error).__name__}: {error}")

    def _made(self, key: str, nbytes: int) -> str:
        if is_fixed(key):
            return fixed_value(key)
        self._count += 1
        return f"{self._who}-{self._count}:{nbytes}"

    def _put(self, step: Step) -> None:
        name = self._made(step.keys[0], step.nbytes)
        number = self._recorder.begin("put", step.keys[0], name)
        outcome = "done"
        try:
            where: dict[str, Any] = {"replicas": step.replicas}
            where["immutable"] = is_fixed(step.keys[0])
            self._cache.put(step.keys[0], _filled(name), **where)
        except GridCacheError:
            outcome = "unknown"
        self._recorder.end(number, outcome)

    def _put_many(self, step: Step) -> None:
        nbytes = min(step.nbytes, 100_000)
        names = {key: self._made(key, nbytes) for key in step.keys}
        numbers = [self._recorder.begin("put", key, names[key]) for key in step.keys]
        outcome = "done"
        try:
            values = {key: _filled(name) for key, name in names.items()}
            self._cache.put_many(values, replicas=step.replicas)
        except GridCacheError:
            outcome = "unknown"
        for number in numbers:
            self._recorder.end(number, outcome)

    def _delete(self, step: Step) -> None:
        self._delete_many(step)

    def _delete_many(self, step: Step) -> None:
        numbers = [self._recorder.begin("delete", key) for key in step.keys]
        outcome = "done"
        try:
            self._cache.delete_many(step.keys)
        except GridCacheError:
            outcome = "unknown"
        for number in numbers:
            self._recorder.end(number, outcome)

    def _get(self, step: Step) -> None:
        number, started = self._recorder.begin("get", step.keys[0]), time.monotonic()
        try:
            found = self._cache[step.keys[0]]
        except KeyNotFoundError as error:
            unheard = error.reason == "node_lost" and _is_late(started)
            self._recorder.end(number, "nothing" if unheard else "miss", error.reason)
        except GridCacheError:
            self._recorder.end(number, "nothing")
        else:
            self._recorder.end(number, "found", _name_of(found))

    def _get_many(self, step: Step) -> None:
        numbers = {key: self._recorder.begin("get", key) for key in step.keys}
        started = time.monotonic()
        try:
            found = self._cache.get_many(step.keys)
        except GridCacheError:
            for number in numbers.values():
                self._recorder.end(number, "nothing")
            return
        missed = "nothing" if _is_late(started) else "miss"
        for key, number in numbers.items():
            if key in found:
                self._recorder.end(number, "found", _name_of(found[key]))
            else:
                self._recorder.end(number, missed)

    def _compute(self, step: Step) -> None:
        key, failed = step.keys[0], list[Exception]()
        name = self._made(key, step.nbytes)
        number = self._recorder.begin("compute", key, name)
        how: dict[str, Any] = {"on_error": failed.append}
        how["immutable"] = is_fixed(key)
        try:
            found = self._cache.get_or_compute(key, lambda: _filled(name), **how)
        except GridCacheError:
            self._recorder.end(number, "unknown")
        else:
            outcome = "unsaved" if failed else "found"
            self._recorder.end(number, outcome, _name_of(found))


def is_fixed(key: str) -> bool:
    """True for a key that only ever has one value."""
    return key.startswith("fixed")


def fixed_value(key: str) -> str:
    """The value of such a key."""
    return f"{key}:{_SIZES[int(key[-1]) * 2]}"


def _is_late(started: float) -> bool:
    return time.monotonic() - started > _UNHEARD_S


def _filled(name: str) -> bytes:
    nbytes = int(name.rsplit(":", 1)[1])
    return name.encode().ljust(nbytes, b".")


def _name_of(value: Any) -> str:
    text, _, rest = bytes(value).partition(b".")
    name = text.decode(errors="replace")
    if not rest.strip(b".") and _filled(name) == bytes(value):
        return name
    return f"torn: {bytes(value[:60])!r}"
