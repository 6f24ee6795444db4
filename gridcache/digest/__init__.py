"""Digests of values: 32 hex digits that are the same wherever the value is the same.

A digest does not depend on the process, the kernel, the machine or the hash seed,
and two values that a function could tell apart never share one: ``1``, ``1.0`` and
``True`` differ, so do a list and a tuple, a matrix and its transpose, two slices of
one Arrow array. What decides, where it is not obvious:

- Floats count by their bits: ``0.0`` and ``-0.0`` differ, a NaN equals itself.
- The order of a dict counts, because a function can see it; that of a set does not.
- Arrays count by dtype, shape and elements. Strides and memory order (C or Fortran)
  do not count, a subclass does. Bytes that hold no element (padding) do not.
- Arrow data count by type, metadata and elements, however they are chunked or sliced.
- pandas objects count by axes, names, dtypes, elements and ``attrs``.
- Two names for one object and two equal objects are the same, except inside a cycle.
- Functions and classes count by their code (`gridcache.fingerprint`), those of
  installed packages by name and version.
- Other objects say what they are: ``__gridcache_key__()`` if they have it, else what
  they would pickle, part by part.

What has no lasting identity (open files, locks, generators, ``object()``) is refused
with the path to it. The digest is xxh3 with 128 bits: safe against chance, not against
someone who constructs collisions; whoever can do that can already run code here.

=================  =====================================================
`engine`           what a digest is made of, cycles, the choice of a handler
`plain`            the builtin containers
`objects`          everything else that can be pickled
`arrays`           numpy
`pandas_tables`    pandas
`polars_tables`    polars
`arrow`            pyarrow
`errors`           how a refusal finds its path
=================  =====================================================
"""

from gridcache.digest.engine import digest
from gridcache.digest.errors import Unkeyable

__all__ = ["Unkeyable", "digest"]
