"""The report of an output folder: one HTML page that needs nothing but itself.

Every number of its tables stands in the folder's `scores.json`; the figures show the CSV files.
Tables and figures that the study asks for are also written as files of their own (`exhibits`).
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from dirimix.assess.schema import SCORE_WORDS, in_words, parameter_label, row_label
from dirimix.report.exhibits.registry import Exhibit, read_choices, write_exhibits
from dirimix.report.figures import MAIN_SCORES
from dirimix.report.headline import again, joined, sentence, signed, state_mark, tiles
from dirimix.report.look import with_unit
from dirimix.report.numbers import number, quantity
from dirimix.report.output import Output, read_output
from dirimix.report.ranked import DRAWN
from dirimix.report.scorecard import FEW, MARKS
from dirimix.report.scripts import explorer_script, libraries
from dirimix.report.sections import sections
from dirimix.study.folder import REPORT_FILE
from dirimix.table.files import whole_file


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
        part.write_text(page.render(**_content(output, exhibits)), encoding="utf-8")
    return path


def _content(output: Output, exhibits: Iterable[Exhibit]) -> dict[str, Any]:
    """What the template of the page takes."""
    found = sections(output, exhibits)
    return {
        "sections": found,
        "sentence": sentence(output),
        "tiles": tiles(output),
        "again": again(output),
        "not_converged": causes(output),
        "explored": any(section.name == "explore" for section in found),
        "libraries": libraries(),
        "script": explorer_script(),
    }


def causes(output: Output) -> list[tuple[str, tuple[str, ...]]]:
    """Fits that have not converged and why, those of the same reasons together."""
    methods = (m for m in output.numbers["methods"] if not m["converged"])
    causes = {m["method"]: m["reasons"] for m in methods} | output.numbers["unconverged"]
    together = dict[tuple[str, ...], list[str]]()
    for title, reasons in causes.items():
        words = tuple(in_words(reason, output.names.labels) for reason in reasons)
        together.setdefault(words, []).append(title)
    return [(joined(titles), words) for words, titles in together.items()]


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
        "signed": signed,
        "short": lambda value: f"{value:.6g}",
        "label": output.names.short,
        "row_label": lambda row: row_label(row, output.names.labels),
        "parameter": lambda name: parameter_label(name, output.names.labels),
        "in_words": lambda reason: in_words(reason, output.names.labels),
        "score": lambda name: SCORE_WORDS[name].label,
        "with_unit": with_unit,
        "state_mark": state_mark,
    }
    environment.globals |= {
        "numbers": output.numbers,
        "manifest": output.manifest,
        "main_scores": MAIN_SCORES,
        "in_unit": [score for score, has_unit in MAIN_SCORES.items() if has_unit],
        "drawn_scores": DRAWN,
        "gains": [score for score, words in SCORE_WORDS.items() if words.gain],
        "marks": MARKS,
        "few": FEW,
        "drawn_laws": [law.key for law in output.laws],
    }
    return environment
