"""Internals: Ray Data's private names, for what its public face cannot do.

A dataset that streams through and is stored on its way needs an operator of its own in
Ray Data's plans, which only private names give. They are touched here and nowhere else
(`gridcache.ray_data.plan_walk` looks at plans, and changes none):

=============  ==========================================================
`gate`         may they be used? If not, why
`contract`     what whoever streams gives: no private name
`logical`      the operator in a dataset's plan, and how it is planned
`stream`       what runs in tasks: Ray blocks pass through
`operator`     what runs on the driver: sees that all tasks have ended well
=============  ==========================================================
"""

from gridcache.ray_data.internals.gate import available, reason, streamed

__all__ = ["available", "reason", "streamed"]
