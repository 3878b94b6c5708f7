"""Fits of a table on the command line, and their pages."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from dirimix.cli.main import main


def fit_table(
    folder: Path,
    table: pd.DataFrame,
    models: Iterable[str],
    coords: Iterable[str],
    *more: str,
    method: str = "equal",
) -> Path:
    """The output folder of a fit to a table whose observations are y.

    Args:
        folder: Where table and output are written.
        table: The table.
        models: Its models.
        coords: Its coordinates.
        more: Further options of the command.
        method: The method.
    """
    table.to_csv(folder / "table.csv", index=False)
    argv = ["fit", str(folder / "table.csv"), "--target", "y", "--models", ",".join(models)]
    argv += ["--coords", joined] if (joined := ",".join(coords)) else []
    argv += ["--method", method, "--out", str(folder / "out"), "--quiet", *more]
    assert main(argv) == 0
    return folder / "out"


def fit_report(folder: Path, *given, **options) -> Path:
    """The page of a fit, in the output folder; arguments as those of `fit_table`."""
    out = fit_table(folder, *given, **options)
    assert main(["report", str(out), "--quiet"]) == 0
    return out / "report.html"
