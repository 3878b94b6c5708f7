"""Draws of a fit that is under way, as files from which the next process goes on.

Every call of the sampler has a folder, every block of draws in it a file, NumPy's own, which says
which one it comes after and whose name holds its sha256. Files are taken in order up to the first
that is missing or is not what was written; those after it are removed and their draws made again.
They are there until the fit is finished.
"""

# pyright: strict

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from dirimix.errors import InputError, NotConverged, WorkerLost, first_line
from dirimix.sampling.blocks import Block, keep_blocks
from dirimix.sampling.target import Chain, Chunk, Search
from dirimix.study.disk.parts import DRAWS
from dirimix.study.folder import remove
from dirimix.table.files import whole_file

_ABOUT, _SUFFIX = "about", ".npz"
_NAME = re.compile(r"(\d{6})-([0-9a-f]{64})")
_OTHERWISE = (LookupError, TypeError, ValueError, OSError, zipfile.BadZipFile)

Say = Callable[[str], None]


def folder_of_draws(home: Path) -> Path:
    """Where the draws of a fit lie while it is under way, beside what will be its folder."""
    return home.with_name(f".{home.name}{DRAWS}")


def is_of_draws(path: Path) -> bool:
    """Whether a file is one of these, by its name and those of the folders that it lies in."""
    named = path.suffix == _SUFFIX and _NAME.fullmatch(path.stem)
    return bool(named) and path.parent.parent.name.endswith(DRAWS)


@contextmanager
def draws_kept(folder: Path, key: str, say: Say) -> Generator[None]:
    """What is sampled in the block is kept in a folder, and taken from there by the next process.

    The folder is removed if the block fails as any other try would.

    Args:
        folder: Made when there is something to keep.
        key: What tells the fit from others.
        say: Told of draws that are taken over, or are not.
    """
    calls = count()
    try:
        with keep_blocks(lambda call: DrawFiles(folder / str(next(calls)), f"{key} {call}", say)):
            yield
    except (InputError, NotConverged) as error:
        if not isinstance(error, WorkerLost):
            remove(folder)
        raise


class DrawFiles:
    """The draws of one call of the sampler."""

    def __init__(self, folder: Path, key: str, say: Say) -> None:
        """Draws of the call with this key; those of another are not taken."""
        self._folder, self._say, self._works = folder, say, True
        self._last, self._number = hashlib.sha256(key.encode()).hexdigest(), 0
        self.seconds = 0.0

    def read(self) -> list[Block]:
        """All that is whole."""
        found: list[Block] = []
        files = sorted(self._folder.glob("[!.]*"))  # without what was cut short
        while self._number < len(files) and self._take(files[self._number], found):
            pass
        for left in files[self._number :]:
            remove(left)
        if found:
            self._say(f"goes on from draws that were kept ({self.seconds:.0f} s of sampling)")
        if len(files) > self._number:
            self._say("draws that are damaged, or of another fit, are made again")
        return found

    def write(self, blocks: Sequence[Block], seconds: float) -> None:
        """Add a file; where the system refuses, say so and keep no more."""
        if not self._works:
            return
        about, arrays = _apart(blocks)
        about = {"after": self._last, "seconds": seconds, "blocks": about}
        buffer = io.BytesIO()
        np.savez(buffer, **{_ABOUT: np.array(json.dumps(about))}, **arrays)  # pyright: ignore[reportArgumentType]
        content = buffer.getvalue()
        digest = hashlib.sha256(content).hexdigest()
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with whole_file(self._folder / f"{self._number:06d}-{digest}{_SUFFIX}") as part:
                part.write_bytes(content)
        except OSError as error:
            self._works = False
            why = error.strerror or first_line(error)
            self._say(f"no more draws are kept before the fit is finished: {why}")
            return
        self._last, self._number = digest, self._number + 1

    def _take(self, path: Path, found: list[Block]) -> bool:
        """Add the blocks of the next file; whether it is the one that was written."""
        named = _NAME.fullmatch(path.stem)
        if named is None or int(named[1]) != self._number:
            return False
        if path.is_symlink() or not path.is_file():  # to read a pipe would be to wait for ever
            return False
        try:
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest() != named[2]:
                return False
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                about = json.loads(str(arrays[_ABOUT]))
                if about["after"] != self._last:
                    return False
                found += [_together(each, i, arrays) for i, each in enumerate(about["blocks"])]
        except _OTHERWISE:
            return False
        self._last, self.seconds, self._number = named[2], about["seconds"], self._number + 1
        return True


def _apart(blocks: Sequence[Block]) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    """Blocks as plain values and arrays."""
    about: list[dict[str, Any]] = []
    arrays: dict[str, np.ndarray] = {}
    for i, block in enumerate(blocks):
        about.append({n: getattr(block, n) for n in ("stage", "begin", "chain", "first")})
        end, chunk = block.end, block.chunk
        parts = {"position": end.position, "key": end.key, **end.search._asdict()}
        for part, own in (("end", parts), ("draws", chunk.draws), ("stats", chunk.stats)):
            about[i][part] = list(own)
            arrays |= {f"{i}.{part}.{name}": np.asarray(value) for name, value in own.items()}
    return about, arrays


def _together(about: dict[str, Any], i: int, arrays: Any) -> Block:
    draws, stats, end = (
        {name: arrays[f"{i}.{part}.{name}"] for name in about[part]}
        for part in ("draws", "stats", "end")
    )
    chain = Chain(end.pop("position"), end.pop("key"), Search(**end))
    place = about["stage"], about["begin"], about["chain"], about["first"]
    return Block(*place, chain, Chunk(draws, stats))
