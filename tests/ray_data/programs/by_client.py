"""Connected by Ray Client; says what a sink, `persist` and `load` say to that.

Arguments: the cluster's address.
"""

import os
import socket
import sys
from typing import Any

from gridcache.cluster.actors.simulated import no_warnings
from gridcache.errors import GridCacheError
from tests.ray_data.kit.joining import say


def main(address: str) -> None:
    with no_warnings():
        import ray  # noqa: PLC0415 - warns
        import ray.util.client.server.server as client_server  # noqa: PLC0415

        def join(job_config: Any = None, **_: Any) -> Any:
            return ray.init(address, job_config=job_config, log_to_driver=False)

        place = f"127.0.0.1:{_free_port()}"
        host, port = place.split(":")
        server = client_server.serve(host, int(port), ray_connect_handler=join)
        client: Any = ray.util.client.ray
        client.connect(place)
    _try()
    server.stop(0)
    # What is left of the cluster is the test's.
    os._exit(0)


def _try() -> None:
    from gridcache.ray_data.datasink import GridDatasink  # noqa: PLC0415 - after Ray
    from gridcache.ray_data.persisting import persist  # noqa: PLC0415 - after Ray
    from gridcache.ray_data.reading import load  # noqa: PLC0415 - after Ray

    nothing: Any = None
    calls = (
        lambda: GridDatasink("it"),
        lambda: persist(nothing, "it"),
        lambda: load("it"),
    )
    for call in calls:
        try:
            call()
        except GridCacheError as error:
            say(f"{type(error).__name__} {error}")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


if __name__ == "__main__":
    main(sys.argv[1])
