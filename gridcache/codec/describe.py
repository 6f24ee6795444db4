"""What a header says its value is, in a word, without decoding."""

from gridcache.codec.wire import Tag

__all__ = ["describe"]

_TAG_AT = 1
_TAGS = {int(tag): tag.name.lower() for tag in Tag}


def describe(header: bytes) -> str:
    """Name of the encoding: `array`, `pickle`, ...; `unknown` if there is none.

    Examples
    --------
    >>> from gridcache.codec import encode
    >>> describe(encode(b"data").header)
    'bytes'
    >>> describe(encode(["a", 1, None] * 1000).header)
    'list'
    """
    if len(header) <= _TAG_AT:
        return "unknown"
    tag = header[_TAG_AT]
    return _TAGS.get(header[-1] if tag == Tag.SPILLED else tag, "unknown")
