"""The report of an output folder: one HTML page that needs nothing but itself.

Every number of its tables stands in the folder's `scores.json`; the pictures read the CSV files.
Tables and figures that the study asks for are also written as files of their own (`exhibits`).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from dirimix.errors import InputError
from dirimix.report import checks, figures
from dirimix.report.exhibit_section import exhibits
from dirimix.report.exhibits.registry import Output, read_choices, write_exhibits
from dirimix.report.html import bullets, folded, number, section, table, text, with_band
from dirimix.report.plots import row_name
from dirimix.report.style import STYLE
from dirimix.study.folder import kind_of, read_json

Numbers = Mapping[str, Any]
_LEVELS = (50, 68, 80, 90, 95)
_SECTIONS = {
    "scores": "Scores",
    "comparisons": "Comparisons",
    "exhibits": "Tables and figures",
    "validation": "Rows left out",
    "leave-one-out": "Leave-one-out",
    "calibration": "Calibration",
    "weights": "Weights",
    "far-field": "Far field",
    "redundancy": "Redundancy",
    "above": "Above the threshold",
    "residuals": "Residuals",
    "evidence": "Evidence",
    "sampling": "Sampling",
    "sensitivity": "Sensitivity to priors",
    "priors": "Priors and options",
    "data": "Data",
    "manifest": "Provenance",
}
# of these, less is better
_ERRORS = ("rms", "crps")


def write_report(folder: Path) -> Path:
    """Write `report.html`, and the files of the study's exhibits, into an output folder.

    Raises:
        InputError: If the folder is no finished output of `run` or `fit`.
    """
    if kind_of(folder) is None:
        raise InputError(f"{str(folder)!r} is no output folder of run or fit; make one with run")
    if not (folder / "manifest.json").is_file():
        raise InputError(f"the run in {str(folder)!r} is not finished; finish it with run --resume")
    numbers = read_json(folder / "scores.json")
    manifest = read_json(folder / "manifest.json")
    page = _page(numbers, manifest, folder)
    path = folder / "report.html"
    part = path.with_name(f".{path.name}.part")
    part.write_text(page, encoding="utf-8")
    part.replace(path)
    return path


def _page(numbers: Numbers, manifest: Numbers, folder: Path) -> str:
    weights, predictions = (
        pd.read_csv(folder / f"{name}.csv", dtype={"model": str})
        for name in ("weights", "predictions")
    )
    content = {
        "scores": _scores(numbers),
        "comparisons": _comparisons(numbers),
        "exhibits": exhibits(write_exhibits(Output(folder, numbers), read_choices(manifest))),
        "validation": checks.validation(numbers),
        "leave-one-out": checks.leave_one_out(numbers),
        "calibration": figures.calibration(numbers),
        "weights": _weights(numbers) + figures.weights(numbers, weights),
        "far-field": checks.far_field(numbers),
        "redundancy": checks.redundancy(numbers),
        "above": checks.above(numbers),
        "residuals": figures.residuals(numbers, predictions),
        "evidence": _evidence(numbers),
        "sampling": _sampling(numbers) + figures.chains(folder),
        "sensitivity": checks.sensitivity(numbers),
        "priors": _priors(numbers),
        "data": _data(numbers),
        "manifest": _provenance(manifest),
    }
    shown = {name: part for name, part in content.items() if part}
    links = "".join(f'<li><a href="#{name}">{_SECTIONS[name]}</a></li>' for name in shown)
    body = "\n".join(section(name, _SECTIONS[name], part) for name, part in shown.items())
    title = text(numbers["title"])
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<header>\n"
        f"<h1>{title}</h1>\n{_facts(numbers, manifest)}</header>\n{_banners(numbers)}\n"
        f'<nav aria-label="Sections"><ul>{links}</ul></nav>\n<main>\n{body}\n</main>\n'
        f"<footer>Written by dirimix {text(manifest['versions']['dirimix'])}.</footer>\n"
        "</body>\n</html>\n"
    )


def _facts(numbers: Numbers, manifest: Numbers) -> str:
    data = numbers["data"]
    rows = ", ".join(f"{n} {split}" for split, n in data["rows"].items())
    unit = f" ({data['unit']})" if data["unit"] else ""
    facts = {
        "Observable": f"{data['label']}{unit}",
        "Table": data["source"],
        "Rows": rows,
        "Models": len(data["models"]),
        "Methods": len(numbers["methods"]),
        "Seed": manifest["seed"],
    }
    items = "".join(f"<div><dt>{k}</dt><dd>{text(v)}</dd></div>" for k, v in facts.items())
    return f'<dl class="facts">{items}</dl>'


def _banners(numbers: Numbers) -> str:
    bad = [
        f"{m['method']}: {'; '.join(m['reasons'])}"
        for m in numbers["methods"]
        if not m["converged"]
    ]
    bad += [f"{title}: {'; '.join(why)}" for title, why in numbers["unconverged"].items()]
    warned = [f"{m['method']}: {line}" for m in numbers["methods"] for line in m["warnings"]]
    warned += numbers["data"]["notes"]
    parts = ""
    if bad:
        parts += (
            '<div class="banner bad" role="alert"><strong>Not converged.</strong> These results '
            f"must not be read as answers; sample longer.{bullets(bad)}</div>"
        )
    if warned:
        parts += f'<div class="banner warn"><strong>To know.</strong>{bullets(warned)}</div>'
    return parts


def _scores(numbers: Numbers) -> str:
    parts = [
        '<p class="hint">Below each number stands its 90 % band: bootstrap over the rows for '
        "averages, binomial for shares. Scores are of field weights, which have not seen the "
        "row's own observation, unless the name says otherwise; <em>site</em> weights have. "
        "Intervals include the noise.</p>"
    ]
    tables = {
        split: _score_table([row for row in numbers["scores"] if row["split"] == split], numbers)
        for split in ("test", "train")
        if any(row["split"] == split for row in numbers["scores"])
    }
    # the first split stands open with its picture, the other folds
    first, *others = tables
    parts += [figures.score_dots(numbers, first), tables[first]]
    parts += [folded(f"Scores on the {split} rows", tables[split]) for split in others]
    return "\n".join(parts)


def _score_table(rows: list[Numbers], numbers: Numbers) -> str:
    unit = f"<small>{text(numbers['data']['unit'])}</small>" if numbers["data"]["unit"] else ""
    heads = ["method", "n", f"rms{unit}", f"CRPS{unit}", "log score"]
    heads += [f"{level} %<small>inside</small>" for level in _LEVELS]
    heads.append("below<small>median</small>")
    unconverged = {m["method"] for m in numbers["methods"] if not m["converged"]}
    cells = []
    for row in rows:
        mark = ' <span class="bad-text">not converged</span>'
        name = text(_shown_name(row, numbers)) + (mark if row["method"] in unconverged else "")
        line = [name, number(row["n"])]
        line += [with_band(row, score) for score in ("rms", "crps", "log_score")]
        shares = [f"coverage_{level}" for level in _LEVELS] + ["below_median"]
        cells.append(line + [with_band(row, share, 2) for share in shares])
    return table(f"Scores on the {rows[0]['split']} rows", heads, cells)


def _shown_name(row: Numbers, numbers: Numbers) -> str:
    """The row's name, its model by the name to print."""
    labels = numbers["data"]["labels"]
    return row_name({**row, "model": labels.get(row["model"], row["model"])})


def _comparisons(numbers: Numbers) -> str:
    if not numbers["pairs"]:
        return ""
    rows = [
        [
            f"{text(row['a'])} − {text(row['b'])}",
            text(row["split"]),
            text(row["score"].replace("_", " ")),
            number(row["n"]),
            number(row["difference"]),
            f"{number(row['lo'])} … {number(row['hi'])}",
            text(_reading(row)),
        ]
        for row in sorted(numbers["pairs"], key=lambda row: row["split"] != "test")
    ]
    heads = ["difference", "rows", "score", "n", "mean", "90 % band", "reading"]
    hint = (
        '<p class="hint">Both methods are resampled on the same rows, so these bands are narrower '
        "than those of the scores. Rms and CRPS: less is better; log score: more is.</p>"
    )
    return hint + table("Paired differences", heads, rows)


def _reading(row: Numbers) -> str:
    """Which of the two is better, if the band does not hold 0."""
    if row["lo"] is None or row["lo"] <= 0 <= row["hi"]:
        return "no clear difference"
    return f"{row['a'] if (row['lo'] < 0) == (row['score'] in _ERRORS) else row['b']} better"


def _weights(numbers: Numbers) -> str:
    data, parts = numbers["data"], []
    for split in data["rows"]:
        rows = [row for row in numbers["weights"] if row["split"] == split]
        found = {(row["method"], row["model"]): row["mean"] for row in rows}
        heads = ["method", *(text(data["labels"].get(m, m)) for m in data["models"])]
        cells = [
            [text(method), *(number(found.get((method, m))) for m in data["models"])]
            for method in dict.fromkeys(row["method"] for row in rows)
        ]
        if cells:
            parts.append(table(f"Mean field weight over the {split} rows", heads, cells))
    # the table of one split stands open, the others fold
    return "".join(parts[:1]) + folded("The same over the other rows", "".join(parts[1:]))


def _evidence(numbers: Numbers) -> str:
    labels = numbers["data"]["labels"]
    rows = [
        [
            text(row["method"]),
            text(labels.get(row["model"], row["model"])),
            number(row["log_evidence"]),
            number(row["std_error"], 4),
            number(row["probability"], 4),
            text(row.get("route")),
        ]
        for row in numbers["evidence"]
    ]
    heads = ["method", "model", "log evidence", "standard error", "probability", "route"]
    return table("Evidence and posterior probability of each model", heads, rows) if rows else ""


def _sampling(numbers: Numbers) -> str:
    worst = {row["method"]: row for row in numbers["convergence"]}
    rows = []
    for row in numbers["sampling"]:
        checks = worst.get(row["method"], {})
        state = "yes" if row["converged"] else '<span class="bad-text">no</span>'
        cells = [number(row.get(k)) for k in ("chains", "draws", "warmup", "divergences")]
        rows.append(
            [
                text(row["method"]),
                *cells,
                number(checks.get("quantities")),
                number(checks.get("rhat")),
                number(checks.get("ess_bulk"), 0),
                number(checks.get("ess_tail"), 0),
                state,
            ]
        )
    heads = ["method", "chains", "draws", "warm-up", "divergences", "quantities checked"]
    heads += ["largest R-hat", "least bulk ESS", "least tail ESS", "converged"]
    return table("How the posteriors were sampled", heads, rows) if rows else ""


def _priors(numbers: Numbers) -> str:
    rows = [
        [
            f"{text(m['method'])}<small>{text(m['words'])}</small>",
            "<br>".join(f"<code>{text(k)}</code> {text(v)}" for k, v in m["priors"].items()),
            "<br>".join(f"<code>{text(k)}</code> {text(v)}" for k, v in m["options"].items()),
        ]
        for m in numbers["methods"]
    ]
    return table("What each method assumes", ["method", "priors", "options"], rows)


def _data(numbers: Numbers) -> str:
    data = numbers["data"]
    errors = data["error"] or "not given; the noise stands for them"
    columns = (
        f"Target <code>{text(data['target'])}</code>; coordinates "
        f"{', '.join(f'<code>{text(c)}</code>' for c in data['coords'])}; measurement errors: "
        f"{text(errors)}."
    )
    remarks = folded(f"{len(data['remarks'])} remarks on the data", bullets(data["remarks"]))
    return f"<p>{text(data['citation'])}</p><p>{columns}</p>{remarks}"


def _provenance(manifest: Numbers) -> str:
    versions = [f"{name} {version}" for name, version in manifest["versions"].items()]
    sums = [f"{name}: {checksum}" for name, checksum in manifest["sha256"].items()]
    return (
        f"<p>Seed {text(manifest['seed'])}, {number(manifest['seconds'], 0)} s, "
        f"{text(manifest['platform'])}. {text(', '.join(versions))}.</p>"
        + folded("sha256 of every input", bullets(sums))
    )
