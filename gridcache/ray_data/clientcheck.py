"""Ray Client: Ray Data does not run on it, and says so in no way that helps."""

from typing import Any

import ray.util.client

from gridcache.errors import ConfigError

__all__ = ["check_not_client"]


def check_not_client() -> None:
    """Check that this process is part of the cluster.

    Raises
    ------
    ConfigError
        It is connected by Ray Client.
    """
    client: Any = ray.util.client.ray
    if client.is_connected():
        message = (
            "Ray Data does not run over Ray Client (ray://...): submit the script as a "
            "Ray Job (ray job submit -- python script.py), or start it on a node of "
            "the cluster"
        )
        raise ConfigError(message)
