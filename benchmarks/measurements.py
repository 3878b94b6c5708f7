"""Tables of measurements as CSV, floating-point numbers to four digits."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

Row = dict[str, object]


def write(path: Path, columns: Sequence[str], rows: Iterable[dict[str, object]]) -> None:
    """One line a row."""
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            {k: f"{v:.4g}" if isinstance(v, float) else v for k, v in row.items()} for row in rows
        )


def replaced(
    known: Iterable[Row], rows: Sequence[dict[str, Any]], keys: Sequence[str]
) -> list[Row]:
    """Rows behind those known before, less those whose keys some of them have."""
    new = {tuple(str(row[k]) for k in keys) for row in rows}
    return [*(r for r in known if tuple(str(r[k]) for k in keys) not in new), *rows]


def read(path: Path) -> list[dict[str, object]]:
    """Its rows, everything as text; none where there is no file."""
    if not path.exists():
        return []
    with path.open(newline="") as stream:
        return [{**row} for row in csv.DictReader(stream)]
