"""Finished fits of a run as they lie on the disk, and whether they are what was written.

The folder of a fit holds its tables and `facts.json`, which names every file with its sha256 and
ends in a checksum of its own; the key in it is that of data, options, seed and version. A part that
was cut short, changed, exchanged, linked or added to is not taken for a finished one.
"""

# pyright: strict

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from dirimix.errors import InputError
from dirimix.study.folder import (
    FACTS_FILE,
    FIT_FOLDERS,
    POSTERIOR_FILE,
    json_text,
    read_json,
    write_json,
)
from dirimix.study.load import file_sha256

DRAWS = ".draws"  # ending of the folder with the draws of a fit that is under way
_FILES, _SEAL = "files", "seal"


def write_facts(facts: Mapping[str, Any], folder: Path) -> None:
    """Write what a fit says of itself, with checksums of all that is in its folder."""
    sums = {path.name: file_sha256(path) for path in sorted(folder.iterdir())}
    content = json.loads(json_text({**facts, _FILES: sums}))
    write_json({**content, _SEAL: _sum(content)}, folder / FACTS_FILE)


def is_whole(home: Path, posterior: Path, key: str) -> bool:
    """Whether a folder holds the finished fit of a key, every byte as it was written.

    Args:
        home: The folder.
        posterior: Where the draws lie, if the fit keeps any.
        key: What tells the fit from others.
    """
    if home.is_symlink() or not home.is_dir():
        return False
    try:
        facts = read_json(home / FACTS_FILE)
        seal, sums = facts.pop(_SEAL, None), facts.get(_FILES)
        if facts.get("key") != key or not isinstance(sums, dict) or seal != _sum(facts):
            return False
        there = {path.name: path for path in home.iterdir() if path.name != FACTS_FILE}
        if facts.get("posterior"):
            there[POSTERIOR_FILE] = posterior
        return {n: _sum_of_file(p) for n, p in there.items()} == sums and not any(
            path.is_symlink() for path in (home / FACTS_FILE, *there.values())
        )
    except (InputError, OSError):
        return False


def links_within(folder: Path) -> Iterator[Path]:
    """Links where the fits of a run lie: whatever they point to is no part of the folder."""
    for top in (folder / name for name in FIT_FOLDERS):
        if top.is_symlink():
            yield top
            continue
        for at, folders, files in os.walk(top):
            yield from _links(Path(at, name) for name in (*folders, *files))


def leftovers_within(folder: Path) -> Iterator[Path]:
    """What an interrupted run left of fits that it was writing, or sampling."""
    for name in FIT_FOLDERS:
        for at, folders, _ in os.walk(folder / name):
            parts = [f for f in folders if f.startswith(".") and f.endswith((".part", DRAWS))]
            yield from (Path(at, part) for part in parts)


def _links(paths: Iterable[Path]) -> Iterator[Path]:
    return (path for path in paths if path.is_symlink())


def _sum(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _sum_of_file(path: Path) -> str | None:
    return file_sha256(path) if path.is_file() else None
