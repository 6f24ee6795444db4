"""numpy: arrays, scalars, dtypes.

The content of an array is its elements in C order, hashed where they lie if they lie
so, else copied a block at a time. Structured arrays with padding are hashed by field,
arrays of objects by element, long doubles without their padding.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from xxhash import xxh3_128

from gridcache.digest.engine import FAMILIES, HANDLERS, Digester, scalars
from gridcache.digest.errors import Unkeyable
from gridcache.digest.objects import attributes, by_pickling

__all__ = ["content", "dtype_token"]

Array = npt.NDArray[Any]

BLOCK_BYTES = 1 << 18
"""Copied at a time from strided arrays; source and copy fit in a core's cache."""

X87_BYTES = 10
"""Of a long double hold its value where the mantissa has 63 bits; the rest is junk."""


def _array(d: Digester, value: Array) -> bytes:
    return d.node("array", _parts(d, value))


def _parts(d: Digester, value: Array) -> list[bytes]:
    shape = scalars("shape", value.shape)
    return [dtype_token(d, value.dtype), shape, content(d, value)]


def _subclass(d: Digester, value: Array) -> bytes:
    base = d.node("array", _parts(d, value.view(np.ndarray)))
    # Pickling an array drops the attributes that its subclass added.
    state = attributes(d, getattr(value, "__dict__", {}), type(value))
    return d.node("array subclass", [d.token(type(value)), base, state])


def _memmap(d: Digester, value: Array) -> bytes:
    base = d.node("array", _parts(d, value.view(np.ndarray)))
    return d.node("memmap", [d.token(type(value)), base])


def _masked(d: Digester, value: np.ma.MaskedArray[Any, Any]) -> bytes:
    parts: list[Any] = [value.data, np.ma.getmaskarray(value), value.fill_value]
    tokens = [d.token(part) for part in (*parts, bool(value.hardmask))]
    return d.node("masked array", [d.token(type(value)), *tokens])


def _scalar(d: Digester, value: np.generic) -> bytes:
    base = d.node("array", _parts(d, np.asarray(value)))
    return d.node("numpy scalar", [d.token(type(value)), base])


def content(d: Digester, value: Array) -> bytes:
    """Token of the elements of a plain array; its dtype and shape are not in it."""
    dtype = value.dtype
    if dtype.names is not None and (dtype.hasobject or _is_padded(dtype)):
        return d.node("fields", [content(d, value[name]) for name in dtype.names])
    if dtype.hasobject or dtype.kind == "T":
        return d.part(value.ravel().tolist(), ".flat")
    if dtype.char in "gG":
        value = _without_padding(value)
    hasher = xxh3_128(b"elements\0")
    if value.nbytes:
        for block in _blocks(value):
            hasher.update(block.reshape(-1).view(np.uint8).data)
    return hasher.digest()


def _blocks(value: Array) -> Iterator[Array]:
    if value.flags.c_contiguous or value.nbytes <= BLOCK_BYTES:
        yield np.ascontiguousarray(value)
        return
    row_bytes = value.nbytes // len(value)
    if row_bytes > BLOCK_BYTES:
        for row in value:
            yield from _blocks(row)
        return
    step = BLOCK_BYTES // max(row_bytes, 1)
    for start in range(0, len(value), step):
        yield np.ascontiguousarray(value[start : start + step])


def _is_padded(dtype: np.dtype[Any]) -> bool:
    if dtype.subdtype is not None:
        return _is_padded(dtype.subdtype[0])
    if dtype.names is None:
        return dtype.char in "gG"
    parts = [dtype[name] for name in dtype.names]
    return sum(part.itemsize for part in parts) != dtype.itemsize or any(
        map(_is_padded, parts)
    )


def _without_padding(value: Array) -> Array:
    if np.finfo(value.dtype).nmant != 63:  # noqa: PLR2004 - see X87_BYTES
        return value
    width = np.dtype(np.longdouble).itemsize
    raw = np.ascontiguousarray(value).reshape(-1).view(np.uint8)
    return raw.reshape(-1, width)[:, :X87_BYTES]


def dtype_token(d: Digester, dtype: np.dtype[Any]) -> bytes:
    """Token of a dtype: kind, size, byte order, fields, metadata."""
    kind = type(dtype)
    if kind.__module__ != "numpy.dtypes" and dtype.isbuiltin != _USER_DEFINED:
        raise Unkeyable(dtype, "is a dtype of an unknown kind")
    scalar = dtype.type
    name = f"{scalar.__module__}.{scalar.__qualname__}"
    text = repr(dtype) if dtype.kind == "T" else dtype.str
    label = scalars("dtype", (name, text, dtype.itemsize, dtype.isalignedstruct))
    metadata = d.part(dict(dtype.metadata or {}), ".metadata")
    return d.node("dtype", [label, metadata, *_fields(d, dtype)])


_USER_DEFINED = 2


def _fields(d: Digester, dtype: np.dtype[Any]) -> Iterator[bytes]:
    if dtype.subdtype is not None:
        yield scalars("shape", dtype.shape)
        yield dtype_token(d, dtype.base)
    for name in dtype.names or ():
        field, offset, *title = (dtype.fields or {})[name]  # type: ignore[index]
        yield d.token([name, offset, *title])
        yield dtype_token(d, field)


def _ufunc(d: Digester, value: np.ufunc) -> bytes:
    # A ufunc of frompyfunc pickles as a name that nothing has: by_pickling refuses it.
    return by_pickling(d, value)


HANDLERS |= {np.ndarray: _array, np.memmap: _memmap}
FAMILIES |= {
    np.ndarray: _subclass,
    np.ma.MaskedArray: _masked,
    np.generic: _scalar,
    np.dtype: dtype_token,
    np.ufunc: _ufunc,
}
