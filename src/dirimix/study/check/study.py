"""A study looked over from its file: what is understood, and what would be refused."""

# pyright: strict

from dataclasses import dataclass
from pathlib import Path

from dirimix.study.check.setup import look_over
from dirimix.study.check.target import check_target
from dirimix.study.jobs import ResolvedStudy, make_jobs
from dirimix.study.load import load_split_table
from dirimix.study.parse import read_study
from dirimix.study.spec import Study


@dataclass(frozen=True)
class Checked:
    """A study as it is understood.

    Attributes:
        setup: The study with its tables.
        fits: How many fits a run makes, beside those of a preselection.
        refused: What a run would refuse, a sentence each.
        warned: What it would warn of.
    """

    setup: ResolvedStudy
    fits: int
    refused: tuple[str, ...]
    warned: tuple[str, ...]


def check_study(path: Path, out: Path, data_dir: str | None = None) -> Checked:
    """Read a study file and its tables and look them over; nothing is run or written.

    Args:
        path: The study file.
        out: The folder that it is to be run to.
        data_dir: Folder of downloaded data sets.

    Raises:
        InputError: If the study, or a table of it, cannot be read at all.
    """
    return look_at(read_study(path), out, data_dir)


def look_at(study: Study, out: Path, data_dir: str | None = None) -> Checked:
    """Look over a study that is read, as `check_study` does.

    Raises:
        InputError: If a table of it cannot be read.
    """
    setup = resolve(study, data_dir)
    found = look_over(setup)
    with found.of(""):
        check_target(out, "run")
    fits = 0
    if not found.refused:
        fits = len(make_jobs(setup, out))
    return Checked(setup, fits, tuple(found.refused), tuple(found.warned))


def resolve(study: Study, data_dir: str | None = None) -> ResolvedStudy:
    """A study with its tables.

    Raises:
        InputError: If one cannot be used.
    """
    data = load_split_table(study.data, study.seed, data_dir)
    others = {
        name: load_split_table(choice, study.seed, data_dir)
        for name, choice in study.other_data().items()
    }
    return ResolvedStudy(study, data, others)
