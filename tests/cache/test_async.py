"""The cache in asyncio."""

import asyncio
import threading
from typing import Any

import numpy as np
import pytest

from gridcache import CacheWarning, GridCache, NotEncodableError


def test_get_and_put(cache: GridCache) -> None:
    async def use() -> None:
        assert await cache.aget("a") is None
        assert await cache.aget("a", 1) == 1
        await cache.aput("a", np.arange(100_000), ttl=60, tags="t", pin=True)
        got = await cache.aget("a")
        assert not got.flags.writeable
        mine = await cache.aget("a", copy=True)
        mine += 1
        with pytest.raises(NotEncodableError):
            await cache.aput("a", threading.Lock())

    asyncio.run(use())
    info = cache.info("a")
    assert info is not None
    assert (info.tags, info.pinned) == (("t",), True)


def test_tasks_compute_once_while_the_loop_goes_on(cache: GridCache) -> None:
    calls: list[int] = []

    async def use() -> list[Any]:
        go, others = asyncio.Event(), []

        async def compute() -> dict[str, int]:
            calls.append(1)
            await go.wait()
            return {"n": 1}

        tasks = [
            asyncio.create_task(cache.aget_or_compute("a", compute)) for _ in range(50)
        ]
        for _ in range(10):
            await asyncio.sleep(0)
            others.append(1)
        assert len(others) == 10
        go.set()
        return await asyncio.gather(*tasks)

    values = asyncio.run(use())
    assert calls == [1]
    assert values == [{"n": 1}] * 50
    assert len({id(value) for value in values}) == 50


def test_a_plain_function_and_a_lambda_of_a_coroutine(memory: GridCache) -> None:
    async def fetch(number: int) -> int:
        await asyncio.sleep(0)
        return number

    async def use() -> None:
        assert await memory.aget_or_compute("a", lambda: 1) == 1
        assert await memory.aget_or_compute("b", lambda: fetch(2), ttl=60) == 2
        assert await memory.aget_or_compute("b", lambda: fetch(3)) == 2

    asyncio.run(use())


def test_threads_and_tasks_share_one_computation(memory: GridCache) -> None:
    started, go = threading.Event(), threading.Event()

    def compute() -> str:
        started.set()
        assert go.wait(60)
        return "by the thread"

    async def use() -> str:
        task = asyncio.create_task(memory.aget_or_compute("a", lambda: "by the task"))
        await asyncio.sleep(0)
        go.set()
        return str(await task)

    thread = threading.Thread(target=memory.get_or_compute, args=("a", compute))
    thread.start()
    assert started.wait(60)
    assert asyncio.run(use()) == "by the thread"
    thread.join()


def test_an_exception_and_a_cancelled_leader_make_room(memory: GridCache) -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    async def use() -> None:
        with pytest.raises(ZeroDivisionError):
            await memory.aget_or_compute("a", fail)
        never = asyncio.Event()
        leader = asyncio.create_task(memory.aget_or_compute("a", never.wait))
        await asyncio.sleep(0)
        waiter = asyncio.create_task(memory.aget_or_compute("a", lambda: 1))
        await asyncio.sleep(0)
        leader.cancel()
        assert await waiter == 1
        with pytest.raises(asyncio.CancelledError):
            await leader

    asyncio.run(use())


def test_storing_may_fail(memory: GridCache) -> None:
    async def use() -> None:
        with pytest.warns(CacheWarning, match="not stored"):
            await memory.aget_or_compute("a", threading.Lock)

    asyncio.run(use())
