"""The order of one namespace, computed in bulk and used entry by entry.

A scan of all access records is costly, so it makes a queue of the coldest few
per cent. An entry touched since the scan is no longer what the scan saw and is
skipped. For stable policies this is the exact order: whatever was not among the
coldest then, or came later, scores above what is left in the queue.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridcache.store.access import HELD, USED, AccessTable
from gridcache.store.eviction import Policy

__all__ = ["Candidate", "VictimQueue"]

_STABLE_SHARE = 16
_OTHER_SHARE = 256
_SMALL = 64
_SAMPLE = 4096
_STALE_SHARE = 16
"""Uses since the sample, as a share of the entries, that make it stale."""
_AGE_AFTER = 10
"""Uses per entry, on average, between two halvings of the frequencies."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One entry that may go."""

    slot: int
    generation: int
    """32 bits."""
    tick: int


class VictimQueue:
    """Candidates of one namespace, coldest first.

    Parameters
    ----------
    require, refuse
        Flags that a candidate's record must and must not have.
    """

    def __init__(
        self,
        access: AccessTable,
        policy: Policy,
        namespace_id: int,
        *,
        require: int = USED,
        refuse: int = HELD,
    ) -> None:
        self._access = access
        self._policy = policy
        self._namespace = namespace_id
        self._mask = require | refuse
        self._require = require
        self._queue: deque[tuple[int, int, int]] = deque()
        self._sorted: NDArray[np.uint64] = np.empty(0, np.uint64)
        self._size = 0
        self._sampled_at = -(1 << 62)

    def pop(self, *, rescan: bool = True) -> Candidate | None:
        """The coldest entry not used since the scan; None if there is none."""
        while True:
            while self._queue:
                slot, generation, tick = self._queue.popleft()
                if self._access.unchanged(slot, generation, tick):
                    return Candidate(slot, generation, tick)
            if not rescan or not self._scan():
                return None
            rescan = False

    def put_back(self, candidate: Candidate) -> None:
        """A popped candidate that stayed keeps its turn."""
        entry = (candidate.slot, candidate.generation, candidate.tick)
        self._queue.appendleft(entry)

    def heat(self, slots: NDArray[np.int64]) -> NDArray[np.float64]:
        """Share of the namespace's entries colder than each slot's, 0 to 1.

        Infinite for slots that are no candidates: of another namespace or held.
        """
        if self._is_stale():
            self._sample(self._access.records())
        records = self._access.records()[slots]
        ranks = np.searchsorted(self._sorted, self._policy.scores(records))
        heat = ranks / max(self._sorted.size, 1)
        heat[~self._mine(records)] = np.inf
        return heat

    def _is_stale(self) -> bool:
        """True if so much was used since that ranks have shifted."""
        passed = self._access.words[0] - self._sampled_at
        return passed > max(self._size // _STALE_SHARE, 1)

    def _sample(self, records: NDArray[np.void]) -> None:
        """Note how scores are distributed."""
        scores = self._policy.scores(records[np.flatnonzero(self._mine(records))])
        self._note_sample(scores)

    def _note_sample(self, scores: NDArray[np.uint64]) -> None:
        step = max(scores.size // _SAMPLE, 1)
        self._sorted = np.sort(scores[::step])
        self._size = scores.size
        self._sampled_at = self._access.words[0]

    def _mine(self, records: NDArray[np.void]) -> NDArray[np.bool_]:
        mine: NDArray[np.bool_] = (records["namespace"] == self._namespace) & (
            (records["flags"] & self._mask) == self._require
        )
        return mine

    def _scan(self) -> bool:
        records = self._access.records()
        if self._policy.ages:
            self._age(records)
        slots = np.flatnonzero(self._mine(records))
        chosen = records[slots]
        scores = self._policy.scores(chosen)
        share = _STABLE_SHARE if self._policy.stable else _OTHER_SHARE
        count = max(slots.size // share, min(slots.size, _SMALL), 1)
        if not self._policy.stable and slots.size <= _OTHER_SHARE:
            count = 1  # small enough to look anew each time, and exact
        order = _smallest(scores, count)
        self._queue.extend(
            zip(
                slots[order].tolist(),
                chosen["generation"][order].tolist(),
                chosen["tick"][order].tolist(),
                strict=True,
            )
        )
        self._note_sample(scores)
        return bool(self._queue)

    def _age(self, records: NDArray[np.void]) -> None:
        words = self._access.words
        used = int(np.count_nonzero(records["flags"] & USED))
        if words[0] - words[2] > _AGE_AFTER * max(used, 1):
            words[2] = words[0]
            records["frequency"] >>= 1


def _smallest(scores: NDArray[np.uint64], count: int) -> NDArray[np.intp]:
    if count < scores.size:
        part = np.argpartition(scores, count)[:count]
        return part[np.argsort(scores[part], kind="stable")]
    return np.argsort(scores, kind="stable")
