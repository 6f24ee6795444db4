"""Ray as programs of its own: what `grid up` starts and `grid down` ends.

===========  =================================================================
`head`       a Ray head on this machine, as a process that can be found again
`running`    whether one runs that somebody else has started
`token`      who may use it
`launch`     other machines, by Ray's cluster launcher
===========  =================================================================

Without importing Ray. Joining one that runs is `gridcache.cluster.actors.connect`.
"""
