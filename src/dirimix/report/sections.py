"""The report's sections in order, each with the rows and figures that its template shows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dirimix.assess.headline import judged_split
from dirimix.assess.schema import MATTERS, SCORE_WORDS, row_label
from dirimix.methods import parse_method
from dirimix.report import figures
from dirimix.report.compact.columns import coded
from dirimix.report.exhibits.parts import part_rows
from dirimix.report.exhibits.registry import Exhibit
from dirimix.report.explore import as_text, explorer
from dirimix.report.look import GROUP_COLOURS
from dirimix.report.opening.choice import opening
from dirimix.report.opening.pictures import predictions
from dirimix.report.output import Output
from dirimix.report.ranked import reference, score_lines, splits_of
from dirimix.report.scorecard import matrices, scorecards

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Section:
    """A section of the page.

    Attributes:
        name: Its id, and with `_` for `-` the macro of `sections.html.jinja` that writes it.
        title: Its heading.
        content: What the macro takes; nothing where there is nothing to show.
    """

    name: str
    title: str
    content: Any


def sections(output: Output, exhibits: Iterable[Exhibit]) -> list[Section]:
    """The sections that have something to show."""
    numbers = output.numbers
    found = [
        Section("explore", "Explore", explore(output)),
        Section("scores", "Scores", scores(output)),
        Section("calibration", "Calibration", calibration(output)),
        Section("weights", "Weights", weights(output)),
        Section("parts", "Discrepancy and noise", parts(output)),
        Section("above", "Above the threshold", numbers["above"]),
        Section("exhibits", "Tables and figures", list(exhibits)),
        Section("checks", "Checks", checks(output)),
        Section("data", "Data and provenance", {"data": numbers["data"], "made": output.manifest}),
    ]
    return [section for section in found if section.content]


def explore(output: Output) -> dict[str, Any] | None:
    """What the explorer shows, and the figures that stand in its place without scripts."""
    if output.main is None:
        return None
    first = opening(output)
    return {
        "data": as_text(coded(explorer(output, first))),
        "pictures": predictions(output, first),
        "coords": len(output.coords),
    }


def scores(output: Output) -> dict[str, Any]:
    """The lines of the score table by split, the comparisons, and the ranking of each scheme."""
    numbers = output.numbers
    other = reference(numbers)
    return {
        "tables": {split: score_lines(output, split, other) for split in splits_of(numbers)},
        "weights": {row["weights"] for row in numbers["scores"]},
        "groups": groups(output.methods),
        "judged": judged_split(numbers["ranking"]),
        "reference": row_label(other, output.names.labels),
        "comparisons": comparisons(numbers["pairs"]),
        "matrices": matrices(output),
        "scorecards": scorecards(output),
        "rankings": rankings(numbers["ranking"]),
    }


def groups(methods: Iterable[str]) -> dict[str, str]:
    """The colours of the groups that have methods here."""
    there = {parse_method(name).method.group for name in methods}
    return {group: colour for group, colour in GROUP_COLOURS.items() if group in there}


def calibration(output: Output) -> dict[str, Any] | None:
    """Coverage, by method and by size of the prediction, and residuals."""
    found = {
        "picture": figures.calibration(output),
        "sizes": by_size(output.numbers["coverage_by_size"]),
        "residuals": figures.residuals(output),
    }
    return found if any(found.values()) else None


def checks(output: Output) -> dict[str, Any]:
    """How far the results can be relied on: sampling, leave-one-out, priors, evidence."""
    numbers = output.numbers
    return {
        "sampling": sampling(output),
        "loo": numbers["loo"],
        "sensitivity": sensitivity(output),
        "evidence": numbers["evidence"],
        "methods": numbers["methods"],
    }


def comparisons(pairs: Iterable[Row]) -> list[Row]:
    """Paired differences on the test rows, then on the others, with the method that is better."""
    ordered = sorted(pairs, key=lambda row: row["split"] != "test")
    return [{**row, "result": compared(row)} for row in ordered]


def compared(row: Row) -> str:
    """Which of the two is better, if the band does not hold 0."""
    if row["lo"] is None or row["lo"] <= 0 <= row["hi"]:
        return "not told apart"
    a_is_better = (row["lo"] > 0) == SCORE_WORDS[row["score"]].gain
    return f"{row['a'] if a_is_better else row['b']} better"


def rankings(ranking: Iterable[Row]) -> dict[str, list[dict[str, Row]]]:
    """By split, a line a method in order of the log score: the row of each score by its name."""
    lines: dict[str, dict[tuple[str, str], dict[str, Row]]] = {}
    for row in sorted(ranking, key=lambda row: row["score"] != "log_score"):
        found = lines.setdefault(row["split"], {})
        found.setdefault((row["method"], row["model"]), {})[row["score"]] = row
    return {
        split: [line for line in found.values() if "log_score" in line]
        for split, found in lines.items()
    }


def by_size(rows: Iterable[Row]) -> dict[str, list[list[Row]]]:
    """By split, test first, a line a method and model: its quarters in order of their size."""
    lines: dict[str, dict[tuple[str, str], list[Row]]] = {}
    for row in sorted(rows, key=lambda row: (row["split"] != "test", row["split"] == "train")):
        found = lines.setdefault(row["split"], {})
        found.setdefault((row["method"], row["model"]), []).append(row)
    return {split: list(found.values()) for split, found in lines.items()}


def weights(output: Output) -> dict[str, Any] | None:
    """Mean weights of each model by split and method, and what becomes of them far from data."""
    numbers = output.numbers
    tables: dict[str, dict[str, dict[str, Row]]] = {}
    for split in numbers["data"]["rows"]:
        for row in numbers["weights"]:
            if row["split"] == split:
                found = tables.setdefault(split, {}).setdefault(row["method"], {})
                found[row["model"]] = row
    if not tables:
        return None
    return {
        "tables": tables,
        "pictures": figures.weights(output),
        "far_field": numbers["reversion"],
        "correlations": figures.correlations(output),
        "redundancy": redundancy(numbers),
    }


def parts(output: Output) -> dict[str, Any] | None:
    """How large discrepancy and noise are where they follow the map, and where."""
    rows, numbers = part_rows(output), output.numbers
    if not rows:
        return None
    there = {line["method"] for lines in rows.values() for line in lines}
    priors = [m["priors"] for m in numbers["methods"] if m["method"] in there]
    turned = any("transform" in own for own in priors)
    unit = numbers["data"]["unit"]
    scale = "the scale of the fit" if turned else unit or "the unit of the target"
    return {"rows": rows, "scale": scale, "maps": figures.part_maps(output)}


def redundancy(numbers: Row) -> dict[str, list[Row]] | None:
    """How many models the weights amount to, and what it costs to leave some out."""
    found = {
        "effective": [r for r in numbers["effective"] if r["split"] == "train"],
        "path": numbers["preselection"],
        "confirmed": numbers["preselection_confirmed"],
    }
    return found if any(found.values()) else None


def sampling(output: Output) -> dict[str, Any] | None:
    """How each posterior was sampled, with its worst convergence checks, and rank plots."""
    worst = {row["method"]: row for row in output.numbers["convergence"]}
    seconds = output.table("sampling")["seconds"]
    rows = [
        {**row, "worst": worst.get(row["method"], {}), "seconds": spent}
        for row, spent in zip(output.numbers["sampling"], seconds, strict=True)
    ]
    return {"rows": rows, "ranks": figures.ranks(output)} if rows else None


def sensitivity(output: Output) -> dict[str, Any] | None:
    """Which marginal posteriors each prior decides, and what other options change."""
    numbers = output.numbers
    pairs = numbers["sensitivity"]
    found = {
        "pairs": len(pairs),
        "picture": figures.sensitivity(output),
        "moved": [r for r in pairs if (r["prior_sensitivity"] or 0) > MATTERS],
        "variants": [r for r in numbers["variants"] if r["split"] in ("train", "landscape")],
    }
    return found if any(found.values()) else None
