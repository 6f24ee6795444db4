"""Epochs: a dataset streams to whoever reads it, and fills the cache on its way.

=============  ==========================================================
`opening`      `tee`: the dataset that streams, or reads what stands
`looping`      `iter_epochs`: one dataset for each epoch
`fill`         what is filled, under which name; goes to tasks
`passing`      in tasks: Ray blocks are stored and handed on, or found
`notes`        what a task leaves when it has ended, for driver and later epochs
`whole`        on the driver: all tasks have ended well, so it is published
=============  ==========================================================

How Ray Data is made to call this is `gridcache.ray_data.internals`'s. An **epoch** is
one execution of a dataset that streams.
"""

from gridcache.ray_data.epochs.looping import iter_epochs
from gridcache.ray_data.epochs.opening import tee

__all__ = ["iter_epochs", "tee"]
