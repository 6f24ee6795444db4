"""Tokens of arguments: 16 bytes that say the type and the value.

Most arguments of tasks are scalars, short tuples and slices; those are done here in
under a microsecond. All others are digested by `gridcache.digest`, once per object: a
graph repeats its functions, dtypes and options thousands of times.

Not covered: references to other tasks (`gridcache.dask.identity.tasks`).
"""

import marshal
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from xxhash import xxh3_128_digest

from gridcache.dask.identity.frames import Frames, is_frame
from gridcache.dask.identity.outside import Reader
from gridcache.digest.arrays import content
from gridcache.digest.engine import MARSHAL, SCALARS, scalars
from gridcache.digest.errors import Unkeyable

__all__ = ["Arguments", "scalar"]

FEW = 32
"""Scalars in a container that are hashed again sooner than it is looked up."""

_SCALAR_TYPES: Any = SCALARS
_dumps = marshal.dumps


class Arguments:
    """Tokens of values, remembered as long as this lives.

    The caller guarantees that no value changes meanwhile.
    """

    __slots__ = ("_frames", "_kinds", "_known", "_looked", "_refused")

    def __init__(self) -> None:
        # The values stay referenced, or their ids could come back for others.
        self._known: dict[int, tuple[bytes, object]] = {}
        self._refused: dict[int, tuple[Unkeyable, object]] = {}
        self._looked: set[int] = set()
        self._frames = Frames(self.token)
        self._kinds: dict[type, Callable[[Any], bytes]] = {
            **dict.fromkeys(_SCALAR_TYPES, scalar),
            tuple: self._tuple,
            list: self._list,
            dict: self._dict,
            set: self._set,
            frozenset: self._frozenset,
            slice: self._slice,
            partial: self._partial,
            bytes: _bytes,
            np.ndarray: self._array,
        }

    def of(self, value: Any) -> bytes:
        """The token of a value.

        Raises
        ------
        Unkeyable
            The value or a part of it has no lasting identity, or cannot be looked at.
        """
        try:
            return self.token(value)
        except Unkeyable:
            raise
        except RecursionError:
            raise Unkeyable(value, "is nested too deeply") from None
        except Exception as error:  # noqa: BLE001 - of user's objects; told as a doubt
            raise Unkeyable(value, f"cannot be looked at ({error!r:.80})") from None

    def token(self, value: Any) -> bytes:
        """The token of a part of a value; raises whatever its objects raise."""
        make = self._kinds.get(type(value))
        return self._once(value, self._read) if make is None else make(value)

    def _once(self, value: Any, make: Callable[[Any], bytes]) -> bytes:
        me = id(value)
        known = self._known.get(me)
        if known is not None:
            return known[0]
        if me in self._refused:
            raise self._refused[me][0]
        try:
            token = make(value)
        except Unkeyable as refusal:
            self._refused[me] = (refusal, value)
            raise
        self._known[me] = (token, value)
        return token

    def _read(self, value: Any) -> bytes:
        if is_frame(value):
            return self._frames.of(value)
        # A reader for each: it keeps all that it met in a value alive.
        reader = Reader()
        token = reader.token(value)
        if reader.looked:
            self._looked.add(id(value))
        return token

    def looked(self, values: Iterable[Any]) -> bool:
        """Tell whether the version of data elsewhere is in the tokens of some values.

        All of them have tokens.
        """
        return bool(self._looked) and any(id(one) in self._looked for one in values)

    def _tuple(self, value: tuple[Any, ...]) -> bytes:
        if SCALARS.issuperset(map(type, value)):
            return _few(b"tuple of scalars\0", value)
        return self._once(value, self._parts_of_tuple)

    def _list(self, value: list[Any]) -> bytes:
        if len(value) <= FEW and SCALARS.issuperset(map(type, value)):
            return _few(b"list of scalars\0", value)
        return self._once(value, self._parts_of_list)

    def _parts_of_tuple(self, value: tuple[Any, ...]) -> bytes:
        return self._node(b"tuple\0", value, value)

    def _parts_of_list(self, value: list[Any]) -> bytes:
        if SCALARS.issuperset(map(type, value)):
            return scalars("list of scalars", value)
        return self._node(b"list\0", value, value)

    def _dict(self, value: dict[Any, Any]) -> bytes:
        return self._once(value, self._items)

    def _items(self, value: dict[Any, Any]) -> bytes:
        parts = [part for item in value.items() for part in item]
        return self._node(b"dict\0", value, parts)

    def _set(self, value: set[Any]) -> bytes:
        return _node(b"set\0", sorted(map(self.token, value)))

    def _frozenset(self, value: frozenset[Any]) -> bytes:
        return _node(b"frozenset\0", sorted(map(self.token, value)))

    def _slice(self, value: slice) -> bytes:
        parts = (value.start, value.stop, value.step)
        if SCALARS.issuperset(map(type, parts)):
            return _few(b"slice of scalars\0", parts)
        return self._node(b"slice\0", value, parts)

    def _partial(self, value: partial[Any]) -> bytes:
        return self._once(value, self._bound)

    def _bound(self, value: partial[Any]) -> bytes:
        parts = (value.func, value.args, value.keywords, vars(value))
        return self._node(b"partial\0", value, parts)

    def _array(self, value: Any) -> bytes:
        return self._once(value, _array if value.dtype.isbuiltin == 1 else self._read)

    def _node(self, tag: bytes, whole: object, parts: Any) -> bytes:
        token = self.token
        tokens = [token(part) for part in parts]
        if self.looked(parts):
            self._looked.add(id(whole))
        return xxh3_128_digest(tag + b"".join(tokens))


def _node(tag: bytes, tokens: list[bytes]) -> bytes:
    return xxh3_128_digest(tag + b"".join(tokens))


def _array(value: npt.NDArray[Any]) -> bytes:
    """The token of an array with a dtype that its name says."""
    dtype = value.dtype
    if dtype.metadata is not None:
        return Reader().token(value)
    what = _dumps((dtype.type.__name__, dtype.str, value.shape), MARSHAL)
    return xxh3_128_digest(b"plain array\0" + content(Reader(), value) + what)


def scalar(value: Any) -> bytes:
    """The token of one of `SCALARS`."""
    return xxh3_128_digest(b"scalar\0" + _dumps(value, MARSHAL))


def _few(tag: bytes, value: Any) -> bytes:
    return xxh3_128_digest(tag + _dumps(value, MARSHAL))


def _bytes(value: bytes) -> bytes:
    return xxh3_128_digest(b"bytes\0" + value)
