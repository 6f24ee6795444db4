"""Which family encodes a type and which decodes a tag.

Families enter themselves here when their module is imported. Those of other
libraries (pandas, pyarrow, polars) are imported at the first value of such a
type, or the first frames with such a tag, never before.
"""

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias

from gridcache.codec.wire import Tag
from gridcache.errors import CorruptFramesError

if TYPE_CHECKING:
    from gridcache.codec.reader import Reader
    from gridcache.codec.writer import Writer

__all__ = ["DECODERS", "ENCODERS", "decoder_of", "encoder_of"]

Encoder: TypeAlias = Callable[["Writer", Any], None]
"""Appends tag and metadata to the writer's stream, and buffers to its list."""
Decoder: TypeAlias = Callable[["Reader"], Any]
"""Called behind the tag; leaves the reader behind the metadata."""

ENCODERS: dict[type, Encoder] = {}
"""By exact type: a subclass may mean more than its base, so it is pickled."""
DECODERS: dict[int, Decoder] = {}

_MODULES = {
    "pandas": "gridcache.codec.pandas_objects",
    "polars": "gridcache.codec.polars_objects",
    "pyarrow": "gridcache.codec.arrow",
}
_LIBRARIES = {Tag.PANDAS: "pandas", Tag.POLARS: "polars", Tag.ARROW: "pyarrow"}


def encoder_of(kind: type) -> Encoder | None:
    """Return the encoder of this exact type; None if only pickle can."""
    encoder = ENCODERS.get(kind)
    if encoder is None:
        library = str(kind.__module__).partition(".")[0]
        if library in _MODULES:
            import_module(_MODULES[library])
            encoder = ENCODERS.get(kind)
    return encoder


def decoder_of(tag: int) -> Decoder:
    """Return the decoder of `tag`.

    Raises
    ------
    CorruptFramesError
        If no family has this tag.
    ImportError
        If the family's library is not installed; names it.
    """
    decoder = DECODERS.get(tag)
    if decoder is not None:
        return decoder
    library = _LIBRARIES.get(Tag(tag)) if tag in _TAGS else None
    if library is None:
        msg = f"unknown tag {tag}: written by another version, or damaged"
        raise CorruptFramesError(msg, tag=tag)
    try:
        import_module(_MODULES[library])
    except ImportError as exc:
        msg = f"this value needs {library}: pip install 'gridcache[arrow]' ({exc})"
        raise ImportError(msg, name=library) from exc
    return DECODERS[tag]


_TAGS = frozenset(int(tag) for tag in Tag)
