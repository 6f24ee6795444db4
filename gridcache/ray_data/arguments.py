"""Arguments: what users confuse is told before anything looks at it."""

from ray.data import Dataset

from gridcache.errors import ConfigError

__all__ = ["check_dataset"]


def check_dataset(value: object, caller: str) -> None:
    """Check that a value is a dataset.

    Parameters
    ----------
    caller
        The public function that was given it.

    Raises
    ------
    ConfigError
        It is something else.
    """
    if isinstance(value, Dataset):
        return
    message = (
        f"{caller}(dataset, name) takes a ray.data.Dataset first, not a "
        f"{type(value).__name__}"
    )
    raise ConfigError(message)
