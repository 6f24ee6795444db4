"""The reference of the commands is what they say of themselves."""

from gridcache.cli.failures import ExitCode
from tests.docs.cli_reference import MEANINGS, PAGE, reference


def test_the_page_is_up_to_date() -> None:
    """Else: `python -m tests.docs.cli_reference`."""
    assert PAGE.read_text() == reference()


def test_every_exit_code_is_told() -> None:
    assert set(MEANINGS) == set(ExitCode)
