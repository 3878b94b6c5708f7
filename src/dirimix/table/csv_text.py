"""CSV files: their encoding, separator and decimal sign found or refused, no digit lost."""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false

import csv
import io
import re
import warnings
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd

from dirimix._arrays import Floats
from dirimix.errors import DroppedRowsWarning, InputError, TableWarning, counted

_UNNAMED = "column "  # with its number the name of a column that has none
_INDEX = (_UNNAMED, "Unnamed:", "__index_level_", "rownames")  # what libraries call an index
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_LOOKED_AT = 200  # rows that tell the separator
# what stands in a column of numbers where there is none
_EMPTY = frozenset(
    ("", "NA", "N/A", "n/a", "NaN", "nan", "-NaN", "-nan", "null", "NULL", "None", "<NA>")
    + ("#N/A", "#NA", "#DIV/0!", "#VALUE!", "1.#QNAN", "1.#IND", "-1.#IND", "-1.#QNAN")
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what formulas of spreadsheets begin with
_MARKS = {*_FORMULA, "'"}  # what words begin with that need a look
_WHOLE = re.compile(r"[+-]?\d+")
CODE = re.compile(r"0\d+")  # digits that are a name: a number would lose the zero
_POINT = re.compile(r"[+-]?(\d+\.\d*|\.\d+)([eE][+-]?\d+)?")
_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
_POINTED = re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+(,\d+)?")  # thousands, as in 1.234 and 1.234,5
_BELOW_1000 = re.compile(r"[+-]?\d{1,3}(,\d+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")


def read_csv(path: Path, labels: Collection[str] = ()) -> pd.DataFrame:
    """The columns of a CSV file: numbers where every value is one or missing, else text.

    Args:
        path: The file.
        labels: Columns that stay text though every value is a number.

    Raises:
        InputError: If the separator or the decimal sign cannot be told, a row is too short or too
            long, or a column is named twice.
    """
    text = _text(path)
    marked = re.match(r"sep=(.)\r?\n", text)  # what spreadsheets write in front
    text = text[marked.end() :] if marked else text
    separator = marked[1] if marked else _separator(path, text)
    rows = [row for row in _rows(text, separator) if row]
    if not rows:
        raise ValueError("No columns to parse from file")
    rows = _less_empty_end(path, rows)
    names = [name.strip() or f"{_UNNAMED}{k}" for k, name in enumerate(rows[0], start=1)]
    check_names(path, names)
    for number, row in enumerate(rows[1:], start=1):
        if len(row) != len(names):
            raise _uneven(path, rows, number)
    columns = {
        name: [value.strip() for value in column]
        for name, column in zip(names, zip(*rows[1:], strict=True), strict=False)
    }
    if separator != ",":
        _refuse_pointed_thousands(path, columns, separator)
    if separator != "," and _has_decimal_commas(path, columns, separator):
        columns = {
            name: [v.replace(",", ".") if _COMMA.fullmatch(v) else v for v in column]
            for name, column in columns.items()
        }
    read = {name: _labels if name in labels else _column for name in names}
    return pd.DataFrame({name: read[name](columns.get(name, [])) for name in names})


def counts_rows(values: Floats | None, name: str) -> bool:
    """Whether a column, (n,), is the index that a table was written with: 0, 1, 2, ..."""
    if values is None or not name.startswith(_INDEX):
        return False
    return bool(np.array_equal(values - values[:1], np.arange(len(values))))


def _less_empty_end(path: Path, rows: list[list[str]]) -> list[list[str]]:
    """The rows without those at the end in which every value is empty, as spreadsheets leave."""
    end = len(rows)
    while end > 1 and not any(value.strip() for value in rows[end - 1]):
        end -= 1
    if end < len(rows):
        few = counted(len(rows) - end, "row")
        warnings.warn(
            f"{few} at the end of {str(path)!r} {'is' if len(rows) - end == 1 else 'are'} left "
            "out: every value is empty there",
            DroppedRowsWarning,
            stacklevel=4,
        )
    return rows[:end]


def _uneven(path: Path, rows: list[list[str]], number: int) -> InputError:
    """What to say of a data row that is shorter or longer than the head."""
    head, row = rows[0], rows[number]
    if len(row) < len(head) > 1 and row[0].lstrip().startswith("#"):
        return InputError(
            f"the file {str(path)!r} has {row[0]!r} in place of data row {number}, and comments "
            "are not read; take it away"
        )
    if len(head) == 1 and (head[0].lstrip().startswith("#") or len(row) > 1):
        return InputError(
            f"the file {str(path)!r} begins with {head[0]!r} where the names of the columns are "
            "expected; take away what stands above them"
        )
    return InputError(
        f"the file {str(path)!r} has {len(head)} columns but {len(row)} values in data "
        f"row {number}; it may be cut short: write it again"
    )


def check_names(path: Path, names: list[str]) -> None:
    """Refuse a file that names a column twice.

    Raises:
        InputError: If it does.
    """
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise InputError(
            f"the file {str(path)!r} names the column {twice[0]!r} {names.count(twice[0])} times; "
            "give every column a name of its own"
        )


def _text(path: Path) -> str:
    raw = path.read_bytes()
    utf_32 = raw.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff"))
    if not utf_32 and raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16")
    if b"\0" in raw:
        raise InputError(
            f"the file {str(path)!r} holds bytes that no text has, and may be UTF-16 or UTF-32 "
            "without its mark or damaged; save it as UTF-8"
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("cp1252")
        warnings.warn(
            f"the file {str(path)!r} is not UTF-8 and is read as Windows-1252 (Latin-1); save it "
            "as UTF-8 if letters look wrong",
            TableWarning,
            stacklevel=4,
        )
        return text


def _rows(text: str, separator: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))


def _separator(path: Path, text: str) -> str:
    """The separator that the head and the first rows agree on."""
    start = "".join(text.splitlines(keepends=True)[:_LOOKED_AT])
    widths: dict[str, list[int]] = {}
    for mark in _SEPARATORS:
        try:
            widths[mark] = [len(row) for row in _rows(start, mark) if row]
        except csv.Error:
            continue  # a quotation goes on, or is none with this separator
    split = [mark for mark, counts in widths.items() if counts and counts[0] > 1]
    even = [mark for mark in split if len(set(widths[mark])) == 1]
    found = even or split
    if len(found) == 1:
        return found[0]
    if found:
        guess = max(found, key=lambda mark: widths[mark][0])
        could = " or ".join(_SEPARATORS[mark] for mark in found)
        raise InputError(
            f"the values of {str(path)!r} could be separated by {could}, probably by "
            f"{_SEPARATORS[guess]}; write it with one separator, and quote the names that hold "
            "another"
        )
    lines = [line.split() for line in start.splitlines() if line.strip()]
    if len(lines) > 1 and len(lines[0]) > 1 and len({len(line) for line in lines}) == 1:
        raise InputError(
            f"the values of {str(path)!r} are separated by neither commas, semicolons nor tabs, "
            "and probably by spaces; write it with commas"
        )
    return ","


def _refuse_pointed_thousands(path: Path, columns: dict[str, list[str]], separator: str) -> None:
    """Refuse numbers in which the point stands for thousands, as others beside them say."""
    commas = [v for column in columns.values() for v in column if _COMMA.fullmatch(v)]
    for name, column in columns.items():
        given = [v for v in column if v not in _EMPTY]
        pointed = [v for v in given if _POINTED.fullmatch(v)]
        small = [v for v in given if _BELOW_1000.fullmatch(v)]
        sure = [v for v in pointed if "," in v] + small
        if not pointed or not (sure or commas) or len(pointed) + len(small) != len(given):
            continue
        # beside commas elsewhere a point may also be that of a column in another form
        reading = (
            f"in which the point stands for thousands, as {sure[0]!r} says; write numbers without "
            "it"
            if sure
            else f"and others such as {commas[0]!r}: the point stands for decimals or for "
            "thousands; write all numbers with decimal points and nothing for thousands"
        )
        raise InputError(
            f"the file {str(path)!r}, with {_SEPARATORS[separator]} between values, has "
            f"numbers such as {pointed[0]!r} in column {name!r}, {reading}"
        )


def _has_decimal_commas(path: Path, columns: dict[str, list[str]], separator: str) -> bool:
    values = [v for column in columns.values() for v in column if _COMMA.fullmatch(v)]
    if not values or any(_POINT.fullmatch(v) for column in columns.values() for v in column):
        return False  # beside decimal points a comma is text, which is named where it is used
    if all(_THOUSANDS.fullmatch(v) for v in values):
        raise InputError(
            f"the file {str(path)!r}, with {_SEPARATORS[separator]} between values, has numbers "
            f"such as {values[0]!r}, in which the comma may be a decimal sign, and probably is, "
            "or stand for thousands; write numbers with decimal points"
        )
    return True


def _column(values: list[str]) -> pd.Series:
    """The values as numbers if all of them are, else as text; missing ones are missing."""
    given = [v for v in values if v not in _EMPTY]
    if any(CODE.fullmatch(v) for v in given) or not all(map(_reads_as_number, given)):
        # in a column of numbers the word for a missing one is no text
        text = sum(map(_reads_as_number, given)) * 2 <= len(given)
        missing = {""} if text else _EMPTY
        texts = [None if v in missing else v for v in values]
        return pd.Series(texts, dtype=None if given else object)
    if len(given) == len(values) and all(map(_WHOLE.fullmatch, given)):
        whole = [int(v) for v in given]
        if all(-(2**63) <= v < 2**63 for v in whole):
            return pd.Series(whole, dtype="int64")
    return pd.Series([np.nan if v in _EMPTY else float(v) for v in values], dtype=float)


def _labels(values: list[str]) -> pd.Series:
    return pd.Series([v or None for v in values], dtype=object)


def _reads_as_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def write_csv_text(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame as CSV, names and words as `guarded` gives them."""
    columns = {c: _guarded_words(cast(pd.Series, frame[c])) for c in frame.columns}
    text = pd.DataFrame(columns, columns=frame.columns).rename(columns=lambda c: guarded(str(c)))
    text.to_csv(path, index=False, lineterminator="\n")


def guarded(text: str) -> str:
    """Text with an apostrophe before it if a spreadsheet might take it for a formula.

    >>> guarded("=1+1"), guarded("-12.5"), guarded("a=b"), guarded("'@x")
    ("'=1+1", '-12.5', 'a=b', "''@x")
    """
    return "'" + text if _like_a_formula(text.lstrip("'")) else text


def unguarded(text: str) -> str:
    """The text that `guarded` was given.

    >>> unguarded("'=1+1"), unguarded("''@x"), unguarded("'tis")
    ('=1+1', "'@x", "'tis")
    """
    return text[1:] if text.startswith("'") and _like_a_formula(text.lstrip("'")) else text


def _like_a_formula(text: str) -> bool:
    if not text.startswith(_FORMULA) or len(text) == 1:
        return False
    try:
        float(text)
    except ValueError:
        return True
    return False


def _guarded_words(column: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column
    words = [guarded(v) if isinstance(v, str) and v[:1] in _MARKS else v for v in column.tolist()]
    return pd.Series(words, column.index, dtype=object)
