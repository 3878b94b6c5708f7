"""Clusters of Dask workers, the user's own."""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false

import importlib
from typing import Any

from dirimix.errors import InputError


def dask_client(address: str) -> Any:
    """A client of the Dask scheduler at an address.

    Raises:
        InputError: If dask.distributed is not installed or no scheduler answers.
    """
    try:
        distributed = importlib.import_module("distributed")
    except ImportError as error:
        raise InputError(
            "--dask needs the package 'distributed', which is not installed; "
            "pip install 'dirimix[dask]'"
        ) from error
    try:
        return distributed.Client(address, timeout="10s")
    except (OSError, ValueError) as error:
        raise InputError(
            f"no Dask scheduler answers at {address!r} ({error}); start one, or use --jobs"
        ) from error
