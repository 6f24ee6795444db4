"""HTML of statistics: escaped, self-contained, complete."""

from dataclasses import dataclass
from html.parser import HTMLParser

from gridcache.notebook.html import cache_html, namespace_html, store_html
from gridcache.store.outcome import NamespaceStats, StoreStats

EVIL = "<script>alert('x')</script>"


@dataclass(frozen=True)
class Stats:
    namespace: NamespaceStats
    store: StoreStats


def make_stats(name: str = "default") -> Stats:
    space = NamespaceStats(
        name,
        "lru",
        2**30,
        entries=1234,
        raw_nbytes=2**20,
        stored_nbytes=2**19,
        hits=9,
        misses={"never_stored": 1},
        saved_s=42.0,
    )
    store = StoreStats(
        path=f"/tmp/{name}",
        capacity_nbytes=2**30,
        arena_nbytes=2**29,
        free_nbytes=2**28,
        largest_free_nbytes=2**27,
        retired_nbytes=0,
        index_nbytes=2**24,
        index_used_nbytes=2**20,
        directory_nbytes=2**29,
        clients=2,
        reused_nbytes=0,
        fresh_nbytes=0,
        on_disk=False,
        durable=False,
        namespaces=(space, NamespaceStats(f"{name}-other", "lfu", None)),
    )
    return Stats(space, store)


class Tags(HTMLParser):
    """Collects tags and checks that they are balanced."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_only_plain_tags_with_inline_styles() -> None:
    tags = Tags(cache_html(make_stats()))
    assert not tags.open
    plain = {"div", "b", "table", "tr", "td", "details", "summary"}
    assert set(tags.seen) <= plain
    assert tags.attributes <= {"style", "title"}


def test_names_and_paths_are_escaped() -> None:
    stats = make_stats(EVIL)
    for text in (
        cache_html(stats),
        store_html(stats.store),
        namespace_html(stats.namespace),
    ):
        assert "script" not in Tags(text).seen
        assert "&lt;script&gt;" in text


def test_figures_are_shown_as_people_read_them() -> None:
    text = cache_html(make_stats())
    for part in ("1,234", "90.0%", "never stored 1", "42 s", "512.00 KiB", "1.00 GiB"):
        assert part in text


def test_other_namespaces_are_folded_once_each() -> None:
    assert cache_html(make_stats()).count("default-other") == 1
