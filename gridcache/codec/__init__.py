"""Codec: values to frames and back, in the caller's process.

Glossary
--------
frames
    The encoded form of a value: a header and a list of buffers.
body
    The buffers laid end to end, as the store keeps them.
family
    The types that one module encodes; it owns a tag or a few.
stream
    Tags and metadata of a value, nested as the value is.
"""

from gridcache.codec.decode import decode
from gridcache.codec.describe import describe
from gridcache.codec.encode import encode
from gridcache.codec.frames import ALIGNMENT, Frames, align, body_slices
from gridcache.codec.immutable import is_immutable
from gridcache.codec.transcode import compress

__all__ = [
    "ALIGNMENT",
    "Frames",
    "align",
    "body_slices",
    "compress",
    "decode",
    "describe",
    "encode",
    "is_immutable",
]
