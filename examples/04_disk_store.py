"""A store of its own, on a disk: it outlives reboots.

The directory decides: below /dev/shm a store is in memory, elsewhere on the disk.
"""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np

from gridcache import GridCache

PATH = Path("example-store").absolute()

WRITER = f"""
import os, signal
import numpy as np
from gridcache import GridCache
cache = GridCache("results", path={str(PATH)!r})
for step in range(1000):
    cache[f"step {{step}}"] = np.full(1000, step)
    if step == 20:
        os.kill(os.getpid(), signal.SIGKILL)  # no goodbye
"""

with GridCache("results", path=PATH, capacity="64MiB") as cache:
    print("kept from earlier runs:", len(cache), "results")
    cache.clear()

died = subprocess.run([sys.executable, "-c", WRITER], check=False)
assert died.returncode == -signal.SIGKILL

# Every put that had returned is there, whole, after the kill.
with GridCache("results", path=PATH) as cache:
    print("after the kill:", len(cache), "results")
    assert np.array_equal(cache["step 20"], np.full(1000, 20))
    report = cache.check()
    print("store is sound:", report.ok)
    print(cache)

# With durable=True a put returns when it would survive a power loss, too.
