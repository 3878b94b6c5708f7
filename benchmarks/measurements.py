"""Tables of measurements as CSV, floating-point numbers to four digits."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path


def write(path: Path, columns: Sequence[str], rows: Iterable[dict[str, object]]) -> None:
    """One line a row."""
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            {k: f"{v:.4g}" if isinstance(v, float) else v for k, v in row.items()} for row in rows
        )


def read(path: Path) -> list[dict[str, object]]:
    """Its rows, everything as text; none where there is no file."""
    if not path.exists():
        return []
    with path.open(newline="") as stream:
        return [{**row} for row in csv.DictReader(stream)]
