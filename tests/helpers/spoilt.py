"""Commands on spoilt input: each `Make` fills a folder and gives the arguments."""

import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import xarray as xr

from dirimix.cli.main import main
from dirimix.datasets import DATASETS
from dirimix.table.files import write_frame
from stand_ins import COLUMNS, STUDY, frame, train_frame

Make = Callable[[Path], list[str]]
CSV = train_frame().to_csv(index=False)
STUDY_OF_EQUAL = re.sub(r"run = .*", 'run = ["equal"]', STUDY).partition("[compare]")[0]


def fit(table: pd.DataFrame, *more: str, method: str = "equal", ending: str = "csv") -> Make:
    """`fit` of a table, written as it is; later options take the place of earlier ones."""

    def make(folder: Path) -> list[str]:
        write_frame(table, folder / f"t.{ending}")
        return ["fit", str(folder / f"t.{ending}"), *COLUMNS, "--method", method, *more]

    return make


def fit_file(name: str, write: Callable[[Path], object]) -> Make:
    """`fit` of a file that anything may have written."""

    def make(folder: Path) -> list[str]:
        write(folder / name)
        return ["fit", str(folder / name), *COLUMNS, "--method", "equal"]

    return make


def run(study: str, *more: str, table: pd.DataFrame | None = None) -> Make:
    """`run` of a study on the stand-in table, or another."""

    def make(folder: Path) -> list[str]:
        (frame() if table is None else table).to_csv(folder / "table.csv", index=False)
        (folder / "study.toml").write_text(study)
        return ["run", "--no-report", str(folder / "study.toml"), *more]

    return make


def predict(table: pd.DataFrame, spoil: str = "") -> Make:
    """`predict` of a table with a fit of equal weights, one of whose files is cut short."""

    def make(folder: Path) -> list[str]:
        fitted = folder / "fitted"
        argv = [*fit(train_frame())(folder), "--quiet", "--out", str(fitted)]
        assert main(argv) == 0
        if spoil:
            cut(fitted / spoil)
        table.to_csv(folder / "new.csv", index=False)
        return ["predict", str(fitted), str(folder / "new.csv")]

    return make


def dataset(fill: Callable[[Path], object]) -> Make:
    """`fit` of the published data from a folder."""

    def make(folder: Path) -> list[str]:
        fill(folder)
        return ["fit", "data:nuclear-s2n", "--method", "equal", "--data-dir", str(folder)]

    return make


def altered(column: str, row: int, value: object) -> pd.DataFrame:
    table = train_frame().astype({column: object})
    table.loc[row, column] = value
    return table


def cut(path: Path, part: float = 0.5) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])


def cut_table(path: Path) -> None:
    write_frame(train_frame(), path)
    cut(path)


def cut_csv(path: Path) -> None:
    """Within the last row: a cut within its last value only gives another number."""
    text(CSV[: len(CSV) // 2].rpartition(",")[0], path)


def classic_netcdf(path: Path) -> None:
    columns = {name: ("row", column) for name, column in train_frame().items()}
    xr.Dataset(columns).to_netcdf(path, engine="scipy")
    cut(path, 0.9)


def text(content: str, path: Path) -> None:
    path.write_text(content)


def twin_columns(path: Path) -> None:
    table = train_frame()
    names = [*table.columns, "a"]
    columns = [pa.array(table[name]) for name in names]
    pq.write_table(pa.Table.from_arrays(columns, names=names), path)


def published(content: bytes, folder: Path) -> None:
    """The files of the published data, each with this content."""
    for file in DATASETS["nuclear-s2n"].files:
        (folder / file.path).parent.mkdir(exist_ok=True)
        (folder / file.path).write_bytes(content)


def held(folder: Path) -> dict[Path, bytes]:
    """Every file in a folder."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
