"""Sizes as arguments."""

import click
import pytest

from gridcache.cli.sizes import BINARY_SIZE

GIB = 2**30


@pytest.mark.parametrize(
    ("text", "nbytes"),
    [
        ("10.0", 10 * GIB),
        ("10", 10 * GIB),
        (".5", GIB // 2),
        ("512MiB", 512 * 2**20),
        ("1GB", 10**9),
        ("4096B", 4096),
        ("1e-3", round(GIB / 1000)),
    ],
)
def test_a_bare_number_counts_gib(text: str, nbytes: int) -> None:
    assert BINARY_SIZE.convert(text, None, None) == nbytes


@pytest.mark.parametrize("text", ["0", "0MiB", "-1", "nan", "inf", "much", "1 2", ""])
def test_what_is_no_size_is_a_usage_error(text: str) -> None:
    with pytest.raises(click.BadParameter):
        BINARY_SIZE.convert(text, None, None)
