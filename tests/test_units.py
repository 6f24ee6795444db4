"""Sizes and durations: what is read, what is refused, and that text returns."""

import contextlib
import math
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridcache.errors import ConfigError
from gridcache.units import format_bytes, format_duration, parse_bytes, parse_duration

SIZES = [
    ("4GiB", 4 * 2**30),
    ("4gib", 4 * 2**30),
    ("1Gi", 2**30),
    ("1GB", 10**9),
    ("1G", 10**9),
    ("10 GB", 10**10),
    ("1.5GiB", 3 * 2**29),
    ("1.5 GB", 1_500_000_000),
    (" 1e9 ", 10**9),
    ("1E3kB", 10**6),
    ("0", 0),
    ("512", 512),
    ("512B", 512),
    ("1 byte", 1),
    (".5KiB", 512),
    ("2kb", 2000),
    ("1EiB", 2**60),
    (7, 7),
    (1e9, 10**9),
    (np.int64(5), 5),
]


@pytest.mark.parametrize(("text", "nbytes"), SIZES)
def test_a_size_is_read_as_people_mean_it(text: Any, nbytes: int) -> None:
    assert parse_bytes(text) == nbytes
    assert type(parse_bytes(text)) is int


@pytest.mark.parametrize(
    "value",
    [
        *("", "GiB", "-1", "-1GiB", "1,5GB", "1_000", "1.2.3", "4Gb", "4 Kb", "3E"),
        *("nan", "inf", "1 ZB", "1 GiBs", "1e999", "0x10", "٤GB", "9EiB", "1 2"),
        *(-1, -0.5, math.nan, math.inf, 2**63, True, None, [1], b"1"),
    ],
    ids=repr,
)
def test_no_size_is_refused_with_its_value_and_examples(value: Any) -> None:
    with pytest.raises(ConfigError, match=r"4GiB, 1.5 GB, 1e9") as caught:
        parse_bytes(value)
    assert repr(value) in str(caught.value)
    assert caught.value.kind == "config"


@given(st.integers(min_value=0, max_value=2**63 - 1))
def test_every_size_comes_back_from_its_own_digits(nbytes: int) -> None:
    assert parse_bytes(nbytes) == parse_bytes(str(nbytes)) == nbytes


@given(st.integers(min_value=0, max_value=2**62))
def test_a_formatted_size_reads_back_to_half_a_percent(nbytes: int) -> None:
    again = parse_bytes(format_bytes(nbytes))
    assert again == nbytes or abs(again - nbytes) <= 0.005 * nbytes


@given(st.text(max_size=12))
def test_any_text_is_a_size_or_a_config_error(text: str) -> None:
    with contextlib.suppress(ConfigError):
        assert 0 <= parse_bytes(text) < 2**63


@pytest.mark.parametrize(
    ("nbytes", "text"),
    [
        (0, "0 B"),
        (1, "1 B"),
        (1023, "1023 B"),
        (1024, "1.00 KiB"),
        (2**20 - 1, "1.00 MiB"),
        (3 * 2**29, "1.50 GiB"),
        (2**63 - 1, "8.00 EiB"),
        (2**80, "1048576.00 EiB"),
        (-2048, "-2.00 KiB"),
    ],
)
def test_sizes_are_written_in_binary_units(nbytes: int, text: str) -> None:
    assert format_bytes(nbytes) == text


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("1h", 3600.0),
        ("30m", 1800.0),
        ("90s", 90.0),
        ("250ms", 0.25),
        ("3 us", 3e-6),
        ("3 µs", 3e-6),
        ("1.5 days", 129600.0),
        ("2 weeks", 1209600.0),
        ("1h30m", 5400.0),
        ("1 h 30 min 5 s", 5405.0),
        ("12", 12.0),
        ("1e-3", 0.001),
        (0, 0.0),
        (2.5, 2.5),
        (timedelta(minutes=2), 120.0),
        (np.float32(0.5), 0.5),
    ],
)
def test_a_duration_is_read_as_people_mean_it(value: Any, seconds: float) -> None:
    assert parse_duration(value) == seconds
    assert type(parse_duration(value)) is float


@pytest.mark.parametrize(
    "value",
    [
        *("", "h", "-1s", "1 fortnight", "1m1h", "1h1h", "1 2", "1h 5", "1h x", "nan"),
        *(-1, math.nan, math.inf, False, None, timedelta(seconds=-1)),
    ],
    ids=repr,
)
def test_no_duration_is_refused_with_its_value_and_examples(value: Any) -> None:
    with pytest.raises(ConfigError, match="1h, 30m, 90s") as caught:
        parse_duration(value)
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (1e-12, "0 s"),
        (4.2e-8, "42 ns"),
        (1.26e-6, "1.3 us"),
        (0.0031, "3.1 ms"),
        (1, "1 s"),
        (9.99, "10 s"),
        (42, "42 s"),
        (59.6, "1 min"),
        (61, "1 min 1 s"),
        (3599.7, "1 h"),
        (5400, "1 h 30 min"),
        (86399, "1 d"),
        (90000, "1 d 1 h"),
        (-0.0031, "-3.1 ms"),
    ],
)
def test_durations_are_written_in_the_unit_that_reads_best(
    seconds: float, text: str
) -> None:
    assert format_duration(seconds) == text


@given(st.floats(min_value=1e-8, max_value=1e8))
def test_a_formatted_duration_reads_back_to_six_percent(seconds: float) -> None:
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, rel=0.06)
