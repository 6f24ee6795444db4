"""Object spilling: what Ray's object store has no room for goes to a node's store.

Experimental. Glossary: the *raylet* is Ray's process of a node, its parent of the
*IO workers* that carry objects out and back. A *spilled object* lies in one *block*
of the store of its node, which nothing evicts. Ray knows it by a *link*: a symbolic
link to the store's file, in Ray's own directory of spilled files.

`settings`    what `ray.init` and `ray start` are given
`hook`        what makes IO workers use the store
`storage`     Ray's interface; files of Ray take what the store does not
`memory`      the blocks of spilled objects in one store
`labels`      what a block says of itself, and whose it is
`leftovers`   blocks of raylets that are no more
`internals`   the names of Ray that this leans on and that are not public

Not covered: `gridcache.ray_data.spill`, which needs nothing of a cluster's settings.
"""

from gridcache.lazy import lazy_names

__all__ = ["ObjectSpilling", "object_spilling"]

_HOMES = {
    "ObjectSpilling": "gridcache.ray_data.objectspill.settings",
    "object_spilling": "gridcache.ray_data.objectspill.settings",
}

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
