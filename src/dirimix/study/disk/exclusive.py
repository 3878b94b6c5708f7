"""One process at a time writes to an output folder.

The lock is the operating system's, on the file that marks the folder as ours: it ends with the
process that holds it, however that ends. Where there are no such locks, as on Windows and some
network file systems, nobody is kept out.
"""

# pyright: strict

import os
from collections.abc import Generator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from dirimix.errors import InputError
from dirimix.study.folder import MARK, remove

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

_FRESH, _OLD, _DRAWS = "new", "old", "draws"


@contextmanager
def exclusive(folder: Path, name: Path | None = None) -> Generator[None]:
    """Keep other processes from writing to a folder, which is made if need be.

    Args:
        folder: The folder.
        name: What the user calls it.

    Raises:
        InputError: If another process writes there now.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        # the file stays the same one: to write it anew would be to write another
        held = (folder / MARK).open("a")
    except OSError:
        with suppress(OSError):
            folder.rmdir()  # if it is empty
        raise
    with held:
        _lock(held.fileno(), name or folder)
        yield


@contextmanager
def whole_folder(target: Path, *, resume: bool = False) -> Generator[tuple[Path, Path]]:
    """A new folder that takes the place of the target when the block ends well.

    It is made beside the target, and nothing is left there but what the block keeps for one that
    goes on from it. What the end of a process leaves is cleared away, or put back, by the next.

    Args:
        target: The folder to write.
        resume: Whether what an earlier block kept is still there in this one.

    Yields:
        The new folder, and one to make for what is kept if the block does not end well.

    Raises:
        InputError: If another process is about to write the target.
    """
    place = target.resolve()
    scratch = place.with_name(f".{place.name}.part")
    fresh, old, kept = scratch / _FRESH, scratch / _OLD, scratch / _DRAWS
    with exclusive(scratch, target):
        try:
            _put_back(old, place)
            for left in (fresh,) if resume else (fresh, kept):
                remove(left)
            fresh.mkdir()
            yield fresh, kept
            # a command that writes there now is refused, as it would have been before
            with exclusive(place, target) if (place / MARK).exists() else nullcontext():
                if place.exists():
                    place.replace(old)
                fresh.replace(place)
            remove(kept)
        finally:
            _put_back(old, place)
            remove(fresh)
            if not kept.exists():
                remove(scratch)


def _put_back(old: Path, place: Path) -> None:
    """Put the old folder back if nothing has taken its place."""
    if old.exists() and not place.exists():
        old.replace(place)
    remove(old)


def _lock(descriptor: int, folder: Path) -> None:
    if fcntl is None:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise InputError(
            f"another process is writing to the output folder {str(folder)!r}; wait for its end, "
            "or name another folder"
        ) from error
    except OSError:  # no locks on this file system
        return
    if not os.fstat(descriptor).st_nlink:
        raise InputError(
            f"another process has just written the output folder {str(folder)!r}; run again"
        )
