"""Everything else: cloudpickle, protocol 5, with out-of-band buffers.

Functions and classes of `__main__` travel by value. What other families cover
(arrays, Arrow, pandas) is encoded by them inside pickles too, and comes back as
it does outside: arrays read-only over the body, pandas writable.

The stream carries a checksum: unpickling damaged bytes can do anything, which
is worse than an error. It protects from accidents, not from an attacker.
"""

import io
import pickle
import sys
from contextlib import suppress
from typing import Any

import cloudpickle
import numpy as np
import xxhash

from gridcache.codec.families import DECODERS, encoder_of
from gridcache.codec.reader import Reader
from gridcache.codec.wire import Tag, put_uint
from gridcache.codec.writer import NeedsPickle, Writer
from gridcache.errors import CorruptFramesError, UnsafeCodecError

__all__ = ["UserCodeError", "write_pickle"]

CHECKSUM_NBYTES = 8
_CHANGED = frozenset({memoryview, io.TextIOWrapper})
"""Types that cloudpickle turns into others without a word (bytes, StringIO)."""
_WITH_STATE = 3
"""Length of a reduction that ends with the state."""


class UserCodeError(Exception):
    """Private to the codec: carries an exception of the user's own code."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(cause)
        self.cause = cause


def write_pickle(writer: Writer, value: Any) -> None:
    """Append `value` as a pickle; raises whatever pickling it raises."""
    writer.stream.append(Tag.PICKLE)
    _write_pickle(writer, value, private=False)


def _write_private_pickle(writer: Writer, value: Any) -> None:
    writer.stream.append(Tag.PRIVATE_PICKLE)
    with writer.private():
        _write_pickle(writer, value, private=True)


def _write_pickle(writer: Writer, value: Any, *, private: bool) -> None:
    file = io.BytesIO()
    pickler = _Pickler(file, writer, private=private)
    pickler.dump(value)
    stream = file.getbuffer()
    writer.stream += xxhash.xxh3_64_digest(stream)
    writer.buffer(stream, aliased=False)
    put_uint(writer.stream, len(pickler.buffers))
    for buffer in pickler.buffers:
        writer.buffer(buffer, aliased=True)


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Hands arrays, Arrow and pandas to their families."""

    def __init__(self, file: io.BytesIO, writer: Writer, *, private: bool) -> None:
        super().__init__(file, protocol=5, buffer_callback=self._out_of_band)
        self._writer = writer
        self._private = private
        self.buffers: list[memoryview] = []
        self._pandas = _pandas_kinds()
        self._ordinary: set[type] = set()

    def _out_of_band(self, buffer: pickle.PickleBuffer) -> bool:
        try:
            self.buffers.append(buffer.raw())
        except BufferError:
            return True
        return False

    def reducer_override(self, obj: Any) -> Any:
        kind = type(obj)
        if kind not in self._ordinary:
            reduced = self._reduce_by_family(obj, kind)
            if reduced is not None:
                return reduced
        return super().reducer_override(obj)

    def _reduce_by_family(self, obj: Any, kind: type) -> Any:
        """Return how another family reduces `obj`; None if it is ordinary."""
        if kind in _CHANGED:
            msg = f"a {kind.__name__} would not come back as one"
            raise TypeError(msg)
        if kind.__module__ != "builtins" and encoder_of(kind) is not None:
            with suppress(NeedsPickle):
                return _nested, (self._writer.nested(obj),)
        if issubclass(kind, self._pandas) and not self._private:
            # A pickle for itself, so that its arrays come back writable.
            return _nested, (self._writer.nested(obj, _write_private_pickle),)
        if issubclass(kind, np.ndarray) and not self._private:
            return _frozen_reduce(obj)
        if encoder_of(kind) is None:
            self._ordinary.add(kind)
        return None


def _pandas_kinds() -> tuple[type, ...]:
    pandas: Any = sys.modules.get("pandas")
    # pandas may be half imported, in another thread.
    api = getattr(getattr(pandas, "api", None), "extensions", None)
    array = getattr(api, "ExtensionArray", None)
    kinds = [getattr(pandas, name, None) for name in ("DataFrame", "Series", "Index")]
    return tuple(kind for kind in (*kinds, array) if kind is not None)


def _frozen_reduce(array: np.ndarray[Any, Any]) -> Any:
    reduced = array.__reduce_ex__(5)
    if not isinstance(reduced, tuple) or len(reduced) != _WITH_STATE:
        return reduced
    return (*reduced, None, None, _set_frozen_state)


def _nested(stream: bytes) -> Any:
    """Stand in a pickle for a part of another family; never called itself."""
    raise NotImplementedError


def _set_frozen_state(array: Any, state: Any) -> None:
    """Stand in a pickle for the state of an array that comes back read-only."""
    raise NotImplementedError


class _Unpickler(pickle.Unpickler):
    """Gives parts of other families back to them, and names what is missing."""

    def __init__(
        self, file: io.BytesIO, reader: Reader, buffers: list[memoryview]
    ) -> None:
        super().__init__(file, buffers=buffers)
        self._reader = reader

    def find_class(self, module: str, name: str) -> Any:
        if module == __name__:
            if name == _nested.__name__:
                return self._reader.nested
            if name == _set_frozen_state.__name__:
                return self._set_state
        try:
            return super().find_class(module, name)
        except (ImportError, AttributeError) as exc:
            msg = f"this value needs {module}.{name}, which cannot be imported: {exc}"
            raise ImportError(msg, name=module) from exc

    def _set_state(self, array: Any, state: Any) -> None:
        array.__setstate__(state)
        array.flags.writeable = self._reader.copy


def _read_pickle(reader: Reader) -> Any:
    if not reader.allow_pickle:
        msg = "the value is a pickle, and allow_pickle=False"
        raise UnsafeCodecError(msg)
    checksum = bytes(reader.raw(CHECKSUM_NBYTES))
    stream = reader.buffer()
    if xxhash.xxh3_64_digest(stream) != checksum:
        msg = "the bytes of a pickle are damaged"
        raise CorruptFramesError(msg)
    buffers = [_own(reader.buffer(), reader) for _ in range(reader.count())]
    try:
        return _Unpickler(io.BytesIO(stream), reader, buffers).load()
    except (CorruptFramesError, UnsafeCodecError, MemoryError):
        raise
    except (pickle.UnpicklingError, EOFError) as exc:
        msg = f"a pickle cannot be read: {exc}"
        raise CorruptFramesError(msg) from exc
    except Exception as exc:
        raise UserCodeError(exc) from exc


def _own(buffer: memoryview, reader: Reader) -> memoryview:
    return memoryview(bytearray(buffer)) if reader.copy else buffer


def _read_private_pickle(reader: Reader) -> Any:
    with reader.private():
        return _read_pickle(reader)


DECODERS[Tag.PICKLE] = _read_pickle
DECODERS[Tag.PRIVATE_PICKLE] = _read_private_pickle
