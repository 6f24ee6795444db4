"""Frames of pandas: what `gridcache.digest` sees in them, with less work for each.

The partitions of a table are many small frames with the same columns, whose names are
digested once here; plain columns are hashed where they lie, without a series for each.
"""

from collections.abc import Callable
from typing import Any

from xxhash import xxh3_128_digest

__all__ = ["Frames", "is_frame"]

Make = Callable[[Any], bytes]


def is_frame(value: object) -> bool:
    """Tell whether a value is a frame of pandas, and not of a subclass."""
    kind = type(value)
    # By name: who has a frame has imported pandas, others need not.
    package = kind.__module__.partition(".")[0]
    return kind.__name__ == "DataFrame" and package == "pandas"


class Frames:
    """Tokens of frames.

    Parameters
    ----------
    token
        Makes the tokens of parts.
    """

    __slots__ = ("_names", "_token")

    def __init__(self, token: Make) -> None:
        self._token = token
        self._names: dict[Any, bytes] = {}

    def of(self, frame: Any) -> bytes:
        """The token of a frame: axes, flags, attributes, and columns one by one."""
        token = self._token
        numbers = range(frame.shape[1])
        parts = [
            self._columns(frame.columns),
            token(frame.index),
            token(frame.flags.allows_duplicate_labels),
            token(frame.attrs),
            *[token(_column(frame, number)) for number in numbers],
        ]
        return xxh3_128_digest(b"pandas frame\0" + b"".join(parts))

    def _columns(self, names: Any) -> bytes:
        texts = names.tolist()
        if not _are_plain_texts(names, texts):
            return self._token(names)
        mark = (names.dtype, *texts)
        found = self._names.get(mark)
        if found is None:
            found = self._names[mark] = self._token(names)
        return found


def _are_plain_texts(names: Any, texts: list[Any]) -> bool:
    """Tell whether names are equal exactly if their texts and their dtype are."""
    return (
        type(names).__name__ == "Index"
        and type(names.dtype).__name__ == "StringDtype"
        and names.name is None
        and {str}.issuperset(map(type, texts))
    )


def _column(frame: Any, number: int) -> Any:
    """One column as the array that it is."""
    get = getattr(frame, "_get_column_array", None)
    # As pandas does it itself where it makes no series; not public.
    return frame.iloc[:, number].array if get is None else get(number)
