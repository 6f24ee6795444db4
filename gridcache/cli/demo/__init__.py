"""`grid demo`: five acts on a private store that is removed at the end.

`stage` has what acts share, `play` runs them, `acts` is their order. Each act is a
file: `analysis`, `sharing`, `eviction`, `crash`, `statistics`; a module whose name
ends in `_child` runs in a process of its own.
"""
