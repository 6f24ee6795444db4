"""numpy dtypes as plain values: text, or dicts and tuples of it.

Covers every dtype whose bytes are the value. Objects, StringDType, dtypes with
metadata and those with a Python class of their own (records) are not covered.
"""

import re
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np

from gridcache.errors import CorruptFramesError

__all__ = ["dtype_of", "form_of"]

Form: TypeAlias = str | tuple[Any, ...] | dict[str, Any]
"""`"<f8"`, `(base, shape)` of a subarray, or the fields of a structure."""

_TEXT = re.compile(r"[<>|](?:[biufcSUV]\d{1,9}|[mM]8(?:\[\d{0,9}[A-Za-z]{1,2}\])?)")


def form_of(dtype: np.dtype[Any]) -> Form | None:
    """Return the plain form of `dtype`, or None if it has none."""
    if dtype.hasobject or dtype.metadata is not None:
        return None
    if dtype.subdtype is not None:
        base = form_of(dtype.subdtype[0])
        return None if base is None else (base, dtype.subdtype[1])
    if dtype.names is not None:
        return _form_of_fields(dtype)
    same = _TEXT.fullmatch(dtype.str) and np.dtype(dtype.str) == dtype
    return dtype.str if same else None


def _form_of_fields(dtype: np.dtype[Any]) -> Form | None:
    if dtype.type is not np.void or dtype.names is None or dtype.fields is None:
        return None
    fields = [dtype.fields[name] for name in dtype.names]
    forms = [form_of(field[0]) for field in fields]
    titles = [field[2] if len(field) > 2 else None for field in fields]  # noqa: PLR2004
    if None in forms or not all(t is None or type(t) is str for t in titles):
        return None
    return {
        "names": list(dtype.names),
        "formats": forms,
        "offsets": [field[1] for field in fields],
        "titles": titles,
        "itemsize": dtype.itemsize,
        "aligned": dtype.isalignedstruct,
    }


def dtype_of(form: Form) -> np.dtype[Any]:
    """Undo `form_of`.

    Raises
    ------
    CorruptFramesError
        If the form is none, or names objects.
    """
    if isinstance(form, str):
        return _dtype_of_text(form)
    if isinstance(form, tuple):
        base, shape = form
        return np.dtype((dtype_of(base), tuple(shape)))
    spec = dict(form)
    spec["formats"] = [dtype_of(each) for each in spec["formats"]]
    aligned = spec.pop("aligned") is True
    return np.dtype(spec, align=aligned)  # type: ignore[call-overload, no-any-return]


@lru_cache(maxsize=256)
def _dtype_of_text(text: str) -> np.dtype[Any]:
    if not _TEXT.fullmatch(text):
        msg = f"{text!r} is no dtype of plain bytes"
        raise CorruptFramesError(msg, dtype=text)
    return np.dtype(text)
