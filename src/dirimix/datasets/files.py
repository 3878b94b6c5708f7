"""The data folder: where it is, what is downloaded into it, and that nothing in it is altered."""

import os
import re
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pooch

from dirimix.datasets.record import File
from dirimix.errors import InputError

VARIABLE = "DIRIMIX_DATA_DIR"
_TIMEOUT = 20  # seconds without an answer


def read(name: str, files: Sequence[File], data_dir: str | Path | None) -> dict[str, bytes]:
    """Contents of the files, path -> bytes, each verified.

    Only the user's cache is filled by download; a folder that the user names is left as it is.

    Raises:
        InputError: If a file is missing, altered, unreadable or not to be downloaded.
    """
    root = _named_folder(data_dir)
    if root is None:
        root = _cache()
        for file in files:
            if not (root / file.path).exists():
                _download(file, root)
    return {file.path: _verified(file, root, name) for file in files}


def fetch(name: str, files: Sequence[File], data_dir: str | Path | None) -> Path:
    """Download the files that are missing or altered, and return their folder.

    Raises:
        InputError: If one cannot be downloaded.
    """
    root = _named_folder(data_dir) or _cache()
    for file in files:
        path = root / file.path
        if not path.exists() or _digest(_bytes(path)) != file.sha256:
            _download(file, root)
        _verified(file, root, name)
    return root


def _named_folder(data_dir: str | Path | None) -> Path | None:
    named = data_dir or os.environ.get(VARIABLE)
    return Path(named).expanduser() if named else None


def _cache() -> Path:
    return Path(pooch.os_cache("dirimix"))


def _download(file: File, root: Path) -> None:
    path = root / file.path
    # pooch's protocol of a downloader does not describe its own downloaders
    downloader: Any = pooch.HTTPDownloader(timeout=_TIMEOUT)
    try:
        pooch.retrieve(
            file.url,
            known_hash=f"sha256:{file.sha256}",
            fname=path.name,
            path=path.parent,
            downloader=downloader,
        )
    except (OSError, ValueError) as error:  # requests' errors are OSErrors; a bad sum ValueError
        raise InputError(
            f"cannot download {file.url} ({_short(error)}); name a folder that holds {file.path} "
            f"with {VARIABLE} or --data-dir"
        ) from error


def _short(error: Exception) -> str:
    """The first line of an error, without the address, which the sentence has already."""
    text = re.split(r" (?:for|with) url|\n", str(error).strip())[0]
    return f"{type(error).__name__}: {text}"


def _verified(file: File, root: Path, name: str) -> bytes:
    path = root / file.path
    remedy = f"run `dirimix data fetch {name} --dir {root}`"
    if not path.exists():
        raise InputError(
            f"file {file.path} of data set {name!r} is not in the folder {root}; {remedy}, or "
            f"name another folder with {VARIABLE} or --data-dir"
        )
    content = _bytes(path)
    found = _digest(content)
    if found != file.sha256:
        raise InputError(
            f"file {path} ({len(content)} bytes) is not the published one: expected sha256 "
            f"{file.sha256}, found {found}; delete it and {remedy}"
        )
    return content


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            f"cannot read {path} ({error.strerror}); make it a readable file"
        ) from error


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()
