"""Simulated: what a Ray cluster of several nodes on one machine needs to be set to.

For whoever shows, measures or tests a grid without machines to spare. How it is
started and what it is for is theirs.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["HEALTH_CHECKS", "LEAST_OBJECT_STORE_NBYTES", "SETTINGS", "no_warnings"]

SETTINGS = {
    "RAY_AUTH_MODE": "disabled",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_enable_metrics_collection": "0",
}
"""Environment: no token of the user's is asked for or written, nothing is reported."""
HEALTH_CHECKS = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 300,
    "health_check_failure_threshold": 3,
    "health_check_timeout_ms": 500,
}
"""A node that is killed is missed within a second."""
LEAST_OBJECT_STORE_NBYTES = 80 << 20
"""Less Ray does not take."""


@contextmanager
def no_warnings() -> Iterator[None]:
    """Ray's own are not ours to mend."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
