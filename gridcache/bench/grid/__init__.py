"""`grid bench grid`: the figures of the grid, side by side with Ray's in one run.

=============  =============================================================
`run`          the figures, and what they measure with
`figures`      one module each, as in `gridcache.bench.figures`
`site`         the nodes that are measured
`ray_site`     those of a real Ray cluster of two nodes, which is the rule
`bare_site`    nodes as processes of their own, where there is no Ray
`node_process`  one of those
`reader_process`  what reads on a node
`actors`       what Ray is measured with
=============  =============================================================
"""
