"""Asking: functions that a scheduler has its workers run, with an end to the waiting.

For what lives in the scheduler (its page, the placement of reads). Clients have
`Client.run`.
"""

import asyncio
import pickle
from collections.abc import Callable, Collection
from typing import Any

from distributed.protocol.pickle import dumps
from distributed.protocol.serialize import Serialize, Serialized, deserialize

__all__ = ["ask_workers"]


async def ask_workers(
    scheduler: Any,
    function: Callable[..., Any],
    *args: Any,
    workers: Collection[str] | None = None,
    timeout_s: float,
) -> dict[str, Any]:
    """Run a function on workers, all at once.

    Parameters
    ----------
    function
        A function of a module, or a coroutine function: called in the worker's event
        loop.
    workers
        Their addresses; None for all.

    Returns
    -------
    What each returned, by address. Who raised, is gone or does not answer in time is
    missing.
    """
    addresses = list(scheduler.workers if workers is None else workers)
    message = {
        "op": "run",
        "function": dumps(function),
        "args": dumps(args),
        "kwargs": dumps({}),
        "wait": True,
    }

    async def ask(address: str) -> Any:
        asked = scheduler.broadcast(msg=message, workers=[address], on_error="return")
        try:
            async with asyncio.timeout(timeout_s):
                return _result((await asked)[address])
        except (OSError, TimeoutError, KeyError, pickle.PickleError):
            return _NOTHING

    answers = await asyncio.gather(*map(ask, addresses))
    pairs = zip(addresses, answers, strict=True)
    return {address: answer for address, answer in pairs if answer is not _NOTHING}


_NOTHING = object()


def _result(reply: Any) -> Any:
    if not isinstance(reply, dict) or reply.get("status") != "OK":
        return _NOTHING
    result = reply.get("result")
    if isinstance(result, Serialize):
        return result.data
    if isinstance(result, Serialized):
        # A scheduler leaves what it only passes on as it came.
        return deserialize(result.header, result.frames)
    return result
