"""Data sets by name: observations, models, and which rows train and which test.

A data set is one file that makes a `Source` and one line in `DATASETS`; the command line, the
tests and the documentation read that dict.
"""

from pathlib import Path

from dirimix.datasets import files, liquid_drop, nuclear
from dirimix.datasets.record import Dataset, File, Source
from dirimix.errors import InputError

__all__ = ["DATASETS", "Dataset", "File", "Source", "fetch", "load", "names"]

DATASETS: dict[str, Source] = {
    "liquid-drop": liquid_drop.SOURCE,
    "nuclear-s2n": nuclear.S2N,
    "nuclear-s2p": nuclear.S2P,
}


def names() -> list[str]:
    """Names of the data sets.

    >>> names()
    ['liquid-drop', 'nuclear-s2n', 'nuclear-s2p']
    """
    return list(DATASETS)


def load(name: str, data_dir: str | Path | None = None) -> Dataset:
    """Read a data set, with the sha256 of every downloaded file verified.

    Args:
        name: One of `names()`.
        data_dir: Folder with the published files in their published layout. Without it, the
            folder named by the environment variable DIRIMIX_DATA_DIR, else the user's cache,
            into which missing files are downloaded.

    Raises:
        InputError: If the name is unknown, or a file is missing, altered or not to be downloaded.

    >>> data = load("liquid-drop")
    >>> data.coords, data.target, len(data.models)
    (('Z', 'N'), 'S2n', 7)
    """
    source = _source(name)
    return source.build(files.read(name, source.files, data_dir))


def fetch(name: str, data_dir: str | Path | None = None) -> Path:
    """Download what is missing of a data set and return the folder that holds it.

    Args:
        name: One of `names()`.
        data_dir: Folder to fill; by default DIRIMIX_DATA_DIR, else the user's cache. Files with
            a wrong sha256 are replaced. An embedded data set needs nothing, and its own folder
            is returned.

    Raises:
        InputError: If the name is unknown or a file cannot be downloaded.
    """
    source = _source(name)
    return files.fetch(name, source.files, data_dir) if source.files else Path(__file__).parent


def _source(name: str) -> Source:
    if name not in DATASETS:
        raise InputError(f"there is no data set {name!r}; choose one of {', '.join(DATASETS)}")
    return DATASETS[name]
