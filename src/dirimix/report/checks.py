"""The report's sections on what methods do with rows they have not seen, and on what they rest."""

from collections.abc import Mapping, Sequence
from typing import Any

from dirimix.report.html import folded, number, table, text

Numbers = Mapping[str, Any]
_WORDS = {"rms": "rms", "crps": "CRPS", "log_score": "log score"}


def validation(numbers: Numbers) -> str:
    """The order of the methods under every way of leaving rows out."""
    rows = numbers["ranking"]
    splits = list(dict.fromkeys(row["split"] for row in rows))
    parts = [_order_table([r for r in rows if r["split"] == s], s) for s in splits]
    if not parts:
        return ""
    hint = (
        '<p class="hint">Methods in order of the log score. Below each score stands its '
        "difference to the best with the 90 % band; rows are resampled in whole clusters, all "
        "methods together. <em>Ranks</em> hold 90 % of the resamples; <em>first</em> is how often "
        "a method comes first in them. With few clusters the bands are too narrow.</p>"
    )
    return (
        hint + parts[0] + "".join(folded(s, p) for s, p in zip(splits[1:], parts[1:], strict=True))
    )


def _order_table(rows: Sequence[Numbers], split: str) -> str:
    known = [s for s in _WORDS if any(r["score"] == s for r in rows)]
    found = {(r["score"], r["method"], r["model"]): r for r in rows}
    leading = [r for r in rows if r["score"] == "log_score"]
    cells = [
        [
            text(_name(row)),
            _spread(row),
            number(row["share_best"], 2),
            *(_against_best(found.get((s, row["method"], row["model"]))) for s in known),
        ]
        for row in leading
    ]
    heads = ["method", "ranks", "first", *(_WORDS[s] for s in known)]
    first = rows[0]
    caption = f"{split}: {first['n']} rows in {first['clusters']} clusters"
    return table(caption, heads, cells)


def _name(row: Numbers) -> str:
    return f"{row['method']} {row['model'] or ''}".strip()


def _spread(row: Numbers) -> str:
    if row["rank_lo"] is None:
        return number(row["rank"])
    return f"{row['rank_lo']:.0f} to {row['rank_hi']:.0f}"


def _against_best(row: Numbers | None) -> str:
    if row is None:
        return number(None)
    if row["difference"] == 0 or row["difference_lo"] is None:
        return number(row["value"])
    band = f"{number(row['difference_lo'])} … {number(row['difference_hi'])}"
    return f"{number(row['value'])}<small>{number(row['difference'])} ({band})</small>"


def leave_one_out(numbers: Numbers) -> str:
    """PSIS-LOO of every method that has a posterior."""
    rows = [
        [
            text(row["method"]),
            number(row["n"]),
            f"{number(row['elpd'], 1)}<small>± {number(row['se'], 1)}</small>",
            number(row["elpd_mean"]),
            number(row["p_loo"], 1),
            number(row["high_k"]),
            number(row["max_k"], 2),
            text(row["note"]),
        ]
        for row in numbers["loo"]
    ]
    hint = (
        '<p class="hint">Smoothed importance sampling, the weights integrated out. Where Pareto k '
        "exceeds 0.7 the estimate of that row is not to be trusted.</p>"
    )
    heads = ["method", "n", "elpd<small>± standard error</small>", "a row", "effective parameters"]
    heads += ["rows with k &gt; 0.7", "largest k", "note"]
    return hint + table("Leave-one-out log predictive density", heads, rows) if rows else ""


def redundancy(numbers: Numbers) -> str:
    """How many models the weights amount to, and what leaving some out costs."""
    parts = [_effective(numbers), _path(numbers), _confirmed(numbers)]
    return "".join(parts)


def _effective(numbers: Numbers) -> str:
    rows = [
        [
            text(r["method"]),
            number(r["effective"], 2),
            f"{number(r['q05'], 2)} … {number(r['q95'], 2)}",
        ]
        for r in numbers["effective"]
        if r["split"] == "train"
    ]
    heads = ["method", "of the mean weights", "of single draws, 90 %"]
    return table("Effective number of models over the training rows", heads, rows) if rows else ""


def _path(numbers: Numbers) -> str:
    labels = numbers["data"]["labels"]
    rows = [
        [
            number(r["models"]),
            text(labels.get(r["removed"], r["removed"]) or "none"),
            number(r["log_score"]),
            f"{number(r['cost'])}<small>{number(r['cost_lo'])} … {number(r['cost_hi'])}</small>",
            "kept" if r["chosen"] else "",
        ]
        for r in numbers["preselection"]
    ]
    if not rows:
        return ""
    first = numbers["preselection"][0]
    caption = (
        f"Models left out one by one, judged by {first['method']} under {first['split']} "
        f"({first['n']} rows in {first['clusters']} clusters)"
    )
    heads = ["models", "left out", "log score", "lost<small>90 % band</small>", ""]
    return table(caption, heads, rows)


def _confirmed(numbers: Numbers) -> str:
    rows = [
        [
            text(r["a"]),
            text(r["split"]),
            text(_WORDS[r["score"]]),
            number(r["n"]),
            f"{number(r['difference'])}<small>{number(r['lo'])} … {number(r['hi'])}</small>",
        ]
        for r in numbers["preselection_confirmed"]
    ]
    heads = ["method", "rows", "score", "n", "all models less the kept ones"]
    return table("The same methods with the kept models alone", heads, rows) if rows else ""


def sensitivity(numbers: Numbers) -> str:
    """Which marginal posteriors each prior decides, and what the variants change."""
    moved = [r for r in numbers["sensitivity"] if (r["prior_sensitivity"] or 0) > 0.05]
    rows = [
        [
            text(r["method"]),
            text(r["prior"]),
            text(r["parameter"]),
            number(r["prior_sensitivity"]),
            number(r["likelihood_sensitivity"]),
            text(r["reading"]),
        ]
        for r in moved
    ]
    heads = ["method", "prior of", "parameter", "prior", "likelihood", "reading"]
    count = len(numbers["sensitivity"])
    caption = f"Power-scaling sensitivity, the {len(rows)} of {count} pairs above 0.05"
    parts = table(caption, heads, rows) if count else ""
    return parts + _variants(numbers)


def _variants(numbers: Numbers) -> str:
    rows = [
        [
            text(r["method"]),
            text(r["split"]),
            text(numbers["data"]["labels"].get(r["model"], r["model"])),
            number(r["mean_change"]),
            number(r["mean_size"]),
            number(r["largest"]),
        ]
        for r in numbers["variants"]
        if r["split"] in ("train", "landscape")
    ]
    heads = ["variant", "rows", "model", "mean change", "mean size", "largest"]
    words = "How far the mean weights of each variant are from those of its method"
    return folded(words, table(words, heads, rows)) if rows else ""


def far_field(numbers: Numbers) -> str:
    """How far from the data each weight says something of its own."""
    labels = numbers["data"]["labels"]
    rows = [
        [
            text(r["method"]),
            text(labels.get(r["model"], r["model"])),
            number(r["far_field"]),
            number(r["at_gamma"]),
            number(r["distance"], 2),
            number(r["standardised"], 2),
            number(r["farthest"], 2),
        ]
        for r in numbers["reversion"]
    ]
    if not rows:
        return ""
    first = numbers["reversion"][0]
    hint = (
        '<p class="hint">The distance from the nearest training site beyond which a mean weight '
        f"stays within {number(first['tolerance'], 2)} of its far-field value at "
        f"{number(100 * first['share'], 0)} % of the sites; a dash where the sites end before. "
        "Lengths are the posterior mean length scales of the field, deviations those of the "
        "training sites.</p>"
    )
    heads = ["method", "model", "far-field weight", "with the field at its mean"]
    heads += ["reaches, lengths", "reaches, deviations", "farthest site, lengths"]
    return hint + table("Where the map stops knowing", heads, rows)


def above(numbers: Numbers) -> str:
    """How many sites are predicted above the threshold."""
    rows = [
        [
            text(r["method"]),
            text(r["target"]),
            number(r["sites"]),
            number(r["mean"], 0),
            f"{number(r['q05'], 0)} … {number(r['q95'], 0)}",
        ]
        for r in numbers["above"]
    ]
    heads = ["method", "target", "sites", "above, mean", "90 % interval"]
    return table("Sites predicted above the threshold", heads, rows) if rows else ""
