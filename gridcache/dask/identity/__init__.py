"""Identities: what a task of a graph computes, as 32 hex digits that last.

Dask's own tokens are no keys of a cache that outlives the process. They are equal for
some inputs that differ (a matrix and its transpose, two slices of one Arrow array), they
do not see that the body of an imported function was edited, and they change with the
folder of a script. An identity is instead a digest of the function's code, of the
arguments by value and of the inputs by *their* identities (a Merkle tree):

- Keys do not count. Two tasks that do the same to the same are one, in whatever graph,
  process or folder; two blocks of `dask.array.ones` are one.
- Fusion does not count: a fused task has the identity of the tasks it was made of.
- In-memory inputs count by content (`gridcache.digest`), code by `gridcache.fingerprint`.
- Files count by their versions where it can be seen that they are read. Else a task
  without inputs that calls installed code also counts by its name in the graph: there
  Dask's readers put the size and the time of the file.
- What was cached, or published, is known by what it is kept under.

Not covered: files that a user's own function opens by a path in its arguments; a user's
own function that gives another result each time, unless Dask was told so.

============  ==============================================================
`outcome`     what is given back
`walk`        the whole graph
`order`       inputs before what uses them
`tasks`       one task: function, arguments, inputs
`fused`       tasks that hold a graph of tasks
`kept`        tasks that read what was kept
`common`      what the tasks of one graph share
`arguments`   values: fast for plain ones, by digest for all others
`frames`      frames of pandas
`outside`     objects that stand for data elsewhere: open files, zarr arrays
`roots`       tasks without inputs: whose code they call, what their name says
`effects`     tasks that act instead of compute
`doubts`      what cannot be promised, in sentences
`nodes`       Dask's names for the parts of a graph
============  ==============================================================
"""

from gridcache.dask.identity.outcome import Identities
from gridcache.dask.identity.walk import identities

__all__ = ["Identities", "identities"]
