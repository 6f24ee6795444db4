"""Single flight for asyncio: waiters are tasks and hold no thread."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.flight.conftest import Calls, Hire

GATED: list[list[Any]] = [["say", "computing"], ["wait"]]


class Gated:
    """A coroutine that says it has begun and waits to be let go."""

    def __init__(self, value: Any = "v") -> None:
        self.begun, self.go = asyncio.Event(), asyncio.Event()
        self.runs = 0
        self._value = value

    async def __call__(self) -> Any:
        self.runs += 1
        self.begun.set()
        await self.go.wait()
        return self._value


async def unused() -> Any:
    pytest.fail("computed again")


async def waits(task: asyncio.Task[Any]) -> None:
    """Until the task has come as far as it comes by itself."""
    for _ in range(3):
        await asyncio.sleep(0)
    assert not task.done()


def test_a_hundred_tasks_compute_once_though_the_executor_is_blocked(
    calls: Calls,
) -> None:
    async def main() -> None:
        blocked = threading.Event()
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))
        blocker = loop.run_in_executor(None, blocked.wait)
        gated = Gated()
        tasks = [asyncio.create_task(calls.aget("k", gated)) for _ in range(100)]
        await waits(tasks[-1])
        gated.go.set()
        assert await asyncio.gather(*tasks) == ["v"] * 100
        assert gated.runs == 1
        blocked.set()
        await blocker

    asyncio.run(main())


def test_a_leader_in_another_process_is_awaited(calls: Calls, hire: Hire) -> None:
    async def main() -> None:
        leader = hire()
        steps = [*GATED, ["return", "v"]]
        leader.order({"key": "k", "steps": steps}).hear("computing")
        tasks = [asyncio.create_task(calls.aget("k", unused)) for _ in range(10)]
        await waits(tasks[-1])
        leader.go()
        assert await asyncio.gather(*tasks) == ["v"] * 10
        leader.hear("got k=v")

    asyncio.run(main())


def test_a_cancelled_leader_is_replaced_by_a_waiter(calls: Calls) -> None:
    async def main() -> None:
        first, second = Gated(), Gated("second")
        leader = asyncio.create_task(calls.aget("k", first))
        waiter = asyncio.create_task(calls.aget("k", second))
        await first.begun.wait()
        await waits(waiter)
        leader.cancel()
        await second.begun.wait()
        second.go.set()
        assert await waiter == "second"
        with pytest.raises(asyncio.CancelledError):
            await leader

    asyncio.run(main())


def test_a_cancelled_waiter_hinders_nobody(calls: Calls) -> None:
    async def main() -> None:
        gated = Gated()
        leader = asyncio.create_task(calls.aget("k", gated))
        waiter = asyncio.create_task(calls.aget("k", unused))
        await gated.begun.wait()
        await waits(waiter)
        waiter.cancel()
        gated.go.set()
        assert await leader == "v"
        with pytest.raises(asyncio.CancelledError):
            await waiter

    asyncio.run(main())


def test_siblings_inside_a_computation_share_a_flight(calls: Calls) -> None:
    async def main() -> None:
        gated = Gated(1)

        async def outer() -> int:
            parts = [asyncio.create_task(calls.aget("part", gated)) for _ in range(5)]
            await waits(parts[-1])
            gated.go.set()
            return sum(await asyncio.gather(*parts))

        assert await calls.aget("whole", outer) == 5
        assert gated.runs == 1

    asyncio.run(main())


def test_tasks_that_wait_for_each_other_compute(calls: Calls) -> None:
    async def main() -> None:
        gates = {"a": Gated(), "b": Gated()}

        async def compute(key: str, other: str) -> str:
            await gates[key]()
            return str(await calls.aget(other, inner)) + other

        async def inner() -> str:
            return "inner"

        first = asyncio.create_task(calls.aget("a", lambda: compute("a", "b")))
        second = asyncio.create_task(calls.aget("b", lambda: compute("b", "a")))
        await gates["a"].begun.wait()
        await gates["b"].begun.wait()
        gates["a"].go.set()
        await waits(first)
        gates["b"].go.set()
        assert (await first, await second) == ("innerab", "innera")

    asyncio.run(main())


def test_recursion_computes_without_waiting(calls: Calls) -> None:
    async def inner() -> int:
        return 1

    async def outer() -> int:
        return int(await calls.aget("k", inner)) + 1

    assert asyncio.run(calls.aget("k", outer)) == 2
    assert calls.find("k") == 2


def test_an_exception_reaches_its_task_and_the_next_tries(calls: Calls) -> None:
    async def main() -> None:
        gate = asyncio.Event()

        async def fail() -> str:
            await gate.wait()
            message = "as planned"
            raise ValueError(message)

        async def succeed() -> str:
            return "v"

        leader = asyncio.create_task(calls.aget("k", fail))
        waiter = asyncio.create_task(calls.aget("k", succeed))
        await waits(waiter)
        gate.set()
        assert await waiter == "v"
        with pytest.raises(ValueError, match="as planned"):
            await leader

    asyncio.run(main())


def test_a_thread_leads_and_a_task_of_a_loop_waits(calls: Calls) -> None:
    begun, go = threading.Event(), threading.Event()

    def compute() -> str:
        begun.set()
        go.wait(30.0)
        return "v"

    async def main() -> None:
        waiter = asyncio.create_task(calls.aget("k", unused))
        await waits(waiter)
        go.set()
        assert await waiter == "v"

    with ThreadPoolExecutor(1) as pool:
        leader = pool.submit(calls.get, "k", compute)
        assert begun.wait(30.0)
        asyncio.run(main())
        assert leader.result(30.0) == "v"


def test_a_waiter_whose_loop_is_closed_does_not_disturb_the_leader(
    calls: Calls,
) -> None:
    begun, go = threading.Event(), threading.Event()

    def compute() -> str:
        begun.set()
        go.wait(30.0)
        return "v"

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await calls.aget("k", unused)

    with ThreadPoolExecutor(1) as pool:
        leader = pool.submit(calls.get, "k", compute)
        assert begun.wait(30.0)
        asyncio.run(give_up())
        go.set()
        assert leader.result(30.0) == "v"


def test_a_leader_in_a_closed_coroutine_ends_its_flight(calls: Calls) -> None:
    async def forever() -> str:
        await asyncio.Event().wait()
        return "never"

    coroutine = calls.aget("k", forever)
    loop = asyncio.new_event_loop()
    task = loop.create_task(coroutine)
    loop.run_until_complete(asyncio.sleep(0))
    assert calls.records() == 1
    task.cancel()
    loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
    loop.close()
    assert calls.records() == 0
