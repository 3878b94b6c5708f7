"""The report of an output folder: one HTML page that needs nothing but itself.

Every number of its tables stands in the folder's `scores.json`; the figures show the CSV files.
Tables and figures that the study asks for are also written as files of their own (`exhibits`).
"""

from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from dirimix.assess.schema import LEVELS, SCORE_WORDS, row_label
from dirimix.report.exhibits.registry import read_choices, write_exhibits
from dirimix.report.figures import MAIN_SCORES
from dirimix.report.look import with_unit
from dirimix.report.output import Output, read_output
from dirimix.report.sections import sections
from dirimix.study.folder import REPORT_FILE
from dirimix.table.files import whole_file
from dirimix.table.values import quantity_text


def write_report(folder: Path) -> Path:
    """Write `report.html`, and the files of the study's exhibits, into an output folder.

    Raises:
        InputError: If the folder is no finished output of `run` or `fit`.
    """
    output = read_output(folder)
    exhibits = write_exhibits(output, read_choices(output.manifest))
    page = _environment(output).get_template("page.html.jinja")
    path = folder / REPORT_FILE
    with whole_file(path) as part:
        part.write_text(page.render(sections=sections(output, exhibits)), encoding="utf-8")
    return path


def _environment(output: Output) -> Environment:
    """The templates, in which every value is escaped and nothing may be missing."""
    environment = Environment(
        loader=PackageLoader("dirimix.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: "" if value is None else value,
    )
    environment.filters |= {
        "number": number,
        "quantity": quantity,
        "label": output.names.short,
        "row_label": lambda row: row_label(row, output.names.labels),
        "score": lambda name: SCORE_WORDS[name].label,
        "with_unit": with_unit,
    }
    environment.globals |= {
        "numbers": output.numbers,
        "manifest": output.manifest,
        "main_scores": MAIN_SCORES,
        "levels": [round(100 * level) for level in LEVELS],
    }
    return environment


def number(value: float | None, digits: int = 3) -> str:
    """A number for a table cell, a dash where it is not known.

    >>> number(-0.12345), number(7), number(None)
    ('−0.123', '7', '–')
    """
    if value is None:
        return "–"
    return f"{value:d}" if isinstance(value, int) else f"{value:.{digits}f}".replace("-", "−")


def quantity(value: float | None) -> str:
    """The same for a number in the unit of the target, which may be small or large.

    >>> quantity(-0.12345), quantity(9.381e-29), quantity(None)
    ('−0.123', '9.38e−29', '–')
    """
    if value is None or isinstance(value, int):
        return number(value)
    return quantity_text(value).replace("-", "−")
