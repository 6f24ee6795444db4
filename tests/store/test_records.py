"""Records survive packing; keys of any length are told apart."""

from hypothesis import given
from hypothesis import strategies as st

from gridcache.store.disk import seal, unseal
from gridcache.store.records import (
    Entry,
    entry_key,
    entry_text,
    extent_nbytes,
    pack_entry,
    unpack_entry,
)

words = st.integers(0, 2**63)
texts = st.text(max_size=20)
any_text = st.text(st.characters(), max_size=700)


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    header = draw(st.binary(max_size=300))
    in_lead = draw(st.booleans())
    inline = not in_lead and draw(st.booleans())
    body = draw(st.binary(max_size=256)) if inline else b""
    body_nbytes = len(body) if inline else draw(words)
    lead_nbytes = 0 if inline else draw(st.integers(0, 1000)) * 64
    return Entry(
        generation=draw(words),
        slot=draw(st.integers(0, 2**32 - 1)),
        header=b"" if in_lead else header,
        header_nbytes=1000 if in_lead else len(header),
        created=draw(st.integers(0, 2**32 - 1)),
        cost_s=draw(st.floats(0, 1e6, width=32)),
        viewable=draw(st.booleans()),
        pinned=draw(st.booleans()),
        offset=-1 if inline else draw(words),
        body_nbytes=body_nbytes,
        lead_nbytes=lead_nbytes,
        raw_nbytes=draw(st.just(body_nbytes) | words),
        expires=draw(st.just(0.0) | st.floats(1, 1e12)),
        long_key=draw(st.just(b"") | st.binary(min_size=401, max_size=70_000)),
        tags=tuple(draw(st.lists(texts, max_size=3))),
        body=body,
        extent_nbytes=0 if inline else extent_nbytes(lead_nbytes, body_nbytes),
    )


@given(entries())
def test_what_is_unpacked_is_what_was_packed(entry: Entry) -> None:
    assert unpack_entry(pack_entry(entry)) == entry


@given(entries(), st.binary(min_size=2, max_size=40))
def test_a_sealed_record_is_itself_again(entry: Entry, key: bytes) -> None:
    assert unpack_entry(unseal(key, seal(key, pack_entry(entry)))) == entry


@given(any_text)
def test_a_key_is_found_again_in_its_record(text: str) -> None:
    key, long_key = entry_key(7, text)
    assert len(key) <= 511
    assert entry_text(key, Entry(1, 1, long_key=long_key)) == text


@given(any_text, any_text)
def test_different_texts_have_different_keys(one: str, other: str) -> None:
    assert (entry_key(1, one) == entry_key(1, other)) == (one == other)


def test_long_keys_of_one_head_differ() -> None:
    keys = {entry_key(1, "k" * 400 + tail)[0] for tail in ("", "a", "b", "ab")}
    assert len(keys) == 4


def test_namespaces_do_not_share_keys() -> None:
    assert entry_key(1, "k")[0] != entry_key(2, "k")[0]
