"""In asyncio: a hundred tasks ask, one fetches, nobody blocks the loop."""

import asyncio

from gridcache import GridCache

fetched = []


async def fetch(page: int) -> dict[str, int]:
    """Pretend to ask a server."""
    fetched.append(page)
    await asyncio.sleep(0.1)
    return {"page": page}


async def main() -> None:
    """Ask for three pages, a hundred times."""
    cache = GridCache("examples")
    cache.clear(tag="pages")

    async def page(number: int) -> dict[str, int]:
        return await cache.aget_or_compute(
            ("page", number), lambda: fetch(number), ttl="10m", tags=["pages"]
        )

    answers = await asyncio.gather(*(page(number % 3) for number in range(100)))
    print("answers", len(answers), "| fetched", sorted(fetched))

    await cache.aput("note", "stored in a thread", ttl="1m")
    print(await cache.aget("note"))


asyncio.run(main())
