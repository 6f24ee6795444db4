"""Opportunistic: hits are cut out of a graph, and what is worth it is kept.

No collection is named and no partition published: a computation runs as always, on the
scheduler it always had, and what a task took long for is found by the next one that
needs it, in any process.

==============  ================================================================
`context`       `cached()`: the block in which it happens
`scheduler`     what Dask calls in place of its scheduler
`run`           one computation
`grid`          `GridScheduler`: a plain persist() goes to the grid
`inner`         the scheduler that Dask would have called
`survey`        a graph, what its tasks compute, and which of them are there
`rewrite`       hits become fetches; the others are timed
`pause`         no look for garbage meanwhile
`clone`         a task with another function
`timed`         what runs inside tasks
`spent`         seconds that results took, as far as this process knows
`admission`     which results are worth their bytes
`lost`          hits that were evicted before they were read
`annotated`     annotations of layers stay with their tasks
`figures`       what `cached()` did
`outlook`       `plan()`: what it would do
==============  ================================================================
"""
