"""Access traces: made here, or read from a file; and the exact LRU to judge by.

A file is NumPy's `.npz` with `keys` (integers in the order of the accesses) and,
if values differ in size, `sizes` (bytes, one per access).
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gridcache.bench.scale import Scale

__all__ = ["Trace", "exact_lru", "load_trace", "made_trace"]

SMALLEST = 512
"""Bytes of the least value: those that live in the index are another matter."""
_ALPHA = 0.8
_SIGMA = 1.5
_MEDIAN_NBYTES = 4096
_MOST_FOOTPRINT = 512 << 20


@dataclass(frozen=True, slots=True)
class Trace:
    """Accesses in their order."""

    name: str
    keys: NDArray[np.int64]
    sizes: NDArray[np.int64] | None
    """Bytes, one per access and the same for every access of a key."""

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def uniques(self) -> int:
        """How many keys there are."""
        return int(np.unique(self.keys).size)

    @property
    def footprint(self) -> int:
        """Bytes of all values together; 0 without sizes."""
        if self.sizes is None:
            return 0
        _, first = np.unique(self.keys, return_index=True)
        return int(self.sizes[first].sum())

    def accesses(self) -> Iterator[tuple[str, int]]:
        """Key and bytes of each access; 0 bytes without sizes."""
        sizes = np.zeros_like(self.keys) if self.sizes is None else self.sizes
        names = map("key:{:x}".format, self.keys.tolist())
        return zip(names, sizes.tolist(), strict=True)


def load_trace(path: Path, most: int) -> Trace:
    """Read the first `most` accesses; sizes are scaled down to fit this machine."""
    with np.load(path) as file:
        keys = np.asarray(file["keys"][:most], np.int64)
        sizes = np.asarray(file["sizes"][:most], np.int64) if "sizes" in file else None
    trace = Trace(path.stem, keys, sizes)
    if sizes is None:
        return trace
    scale = min(_MOST_FOOTPRINT / max(trace.footprint, 1), 1.0)
    scaled = np.clip(sizes * scale, SMALLEST, None).astype(np.int64)
    return Trace(path.stem, keys, scaled)


def made_trace(scale: Scale, seed: int) -> Trace:
    """Few keys are asked for often, most rarely; sizes are log-normal.

    No key's size depends on how often it is asked for.
    """
    rng, keys = np.random.default_rng(seed), scale.trace_keys
    weights = 1.0 / np.arange(1, keys + 1) ** _ALPHA
    chosen = rng.choice(keys, size=scale.trace_length, p=weights / weights.sum())
    sizes = rng.lognormal(np.log(_MEDIAN_NBYTES), _SIGMA, keys)
    clipped = np.clip(sizes, SMALLEST, scale.trace_largest).astype(np.int64)
    names = rng.permutation(keys)
    return Trace("made", names[chosen].astype(np.int64), clipped[names[chosen]])


def exact_lru(trace: Trace, capacity: int, unit: int) -> float:
    """Hit ratio of an LRU that evicts exactly, without any waste of space.

    Parameters
    ----------
    capacity
        Bytes; or entries where the trace has no sizes.
    unit
        Sizes are rounded up to it.
    """
    held: OrderedDict[str, int] = OrderedDict()
    used = hits = 0
    for key, nbytes in trace.accesses():
        if key in held:
            held.move_to_end(key)
            hits += 1
            continue
        size = -(-nbytes // unit) * unit if nbytes else 1
        if size > capacity:
            continue
        held[key] = size
        used += size
        while used > capacity:
            used -= held.popitem(last=False)[1]
    return hits / max(len(trace), 1)
