"""Exhibits that are tables."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from dirimix.assess.schema import SCORE_WORDS, row_label
from dirimix.methods import CORRECTED, LABEL, parse_method
from dirimix.report.exhibits.content import ExhibitContent, Maker, Options
from dirimix.report.look import with_unit
from dirimix.report.output import Output
from dirimix.table.values import quantity_text

_DIGITS = 3
_INPUTS = {False: "as they are", True: "corrected"}
_COLUMNS = (("train", "field"), ("train", "site"), ("test", "field"))


def rms(output: Output, options: Options) -> ExhibitContent | None:
    """Root-mean-square deviations on train and test, of plain and of corrected models."""
    del options
    rows = output.table("scores")
    rows = rows.loc[rows["split"].isin(["train", "test"]) & ~rows["method"].str.contains(LABEL)]
    if rows.empty:
        return None
    corrected = rows["method"].str.endswith(CORRECTED)
    table = pd.DataFrame(
        {
            "method": rows["method"].str.removesuffix(CORRECTED),
            "model": rows["model"],
            "inputs": corrected.map(_INPUTS),
            **{k: rows[k] for k in ("weights", "split", "n", "rms", "rms_lo", "rms_hi")},
        }
    )
    lines: dict[str, dict[str, str]] = {}
    for row in table.to_dict("records"):
        # site weights stand beside the field weights
        weights = "field" if row["weights"] == "site" else row["weights"]
        line = row_label({**row, "weights": weights}, output.names.labels)
        lines.setdefault(line, {})[_head(row)] = _rms_cell(row)
    rows = ({"inputs": i, "split": s, "weights": w} for i in _INPUTS.values() for s, w in _COLUMNS)
    heads = [h for h in map(_head, rows) if any(h in cells for cells in lines.values())]
    shown = pd.DataFrame(
        [{"method": line, **{h: cells.get(h, "") for h in heads}} for line, cells in lines.items()]
    )
    rms = with_unit("Root-mean-square deviation", output.numbers["data"]["unit"])
    caption = (
        f"{rms} with its 90 % bootstrap band. Field weights have not seen a site's own "
        "observation, site weights have."
    )
    return ExhibitContent(caption, table, shown=shown)


def _head(row: Mapping[Any, Any]) -> str:
    """Which column of the table a score stands in."""
    inputs = "corrected: " if row["inputs"] == _INPUTS[True] else ""
    return f"{inputs}{row['split']}{', site weights' if row['weights'] == 'site' else ''}"


def _share(value: Any) -> str:
    """A weight as text."""
    return f"{value:.{_DIGITS}f}"


def _cell(
    row: Mapping[Any, Any],
    value: str,
    low: str,
    high: str,
    text: Callable[[float], str] = quantity_text,
) -> str:
    """A number as text, with its band if it has one."""
    band = [row[low], row[high]]
    known = not any(map(pd.isna, band))
    return text(row[value]) + (f" [{', '.join(map(text, band))}]" if known else "")


def _rms_cell(row: Mapping[Any, Any] | None) -> str:
    return "" if row is None else _cell(row, "rms", "rms_lo", "rms_hi")


def global_weights(output: Output, options: Options) -> ExhibitContent | None:
    """Weights of the methods whose weights are the same everywhere, sigma and the test rms."""
    del options
    weights = output.table("weights")
    own = [m for m in weights["method"].unique() if not parse_method(m).method.local]
    table = weights.loc[weights["method"].isin(own) & (weights["split"] == "train")]
    if table.empty:
        return None
    table = table.loc[:, ["method", "model", "mean", "sd", "q05", "q95"]]
    sigma = {m["method"]: m["sigma"].get("") for m in output.numbers["methods"]}
    errors = {
        row["method"]: row
        for row in output.numbers["scores"]
        if row["split"] == "test" and row["weights"] == "field" and not row["model"]
    }
    lines = [
        {
            "method": method,
            **_weights_of(rows, output),
            "sigma": "" if sigma[method] is None else quantity_text(sigma[method]),
            "test rms": _rms_cell(errors.get(method)),
        }
        for method, rows in table.groupby("method", sort=False)
    ]
    more = table["method"].map(sigma).rename("sigma")
    test = table["method"].map({m: s["rms"] for m, s in errors.items()}).rename("test_rms")
    caption = (
        "Posterior mean weights with 90 % intervals (a point where the method has no posterior), "
        "the posterior mean of the noise level sigma, and the test rms beside it."
    )
    shown = pd.DataFrame(lines)
    return ExhibitContent(caption, pd.concat([table, more, test], axis=1), shown=shown)


def _weights_of(rows: pd.DataFrame, output: Output) -> dict[str, str]:
    return {
        output.names.short(row["model"]): _cell(row, "mean", "q05", "q95", _share)
        if row["sd"] > 0
        else _share(row["mean"])
        for row in rows.to_dict("records")
    }


def priors(output: Output, options: Options) -> ExhibitContent | None:
    """Every prior that was used."""
    del options
    rows = [
        {"method": m["method"], "parameter": parameter, "prior": words}
        for m in output.numbers["methods"]
        for parameter, words in m["priors"].items()
    ]
    table = pd.DataFrame(rows)
    if table.empty:
        return None
    return ExhibitContent("Every prior that was used.", table, shown=table)


def evidence_sets(output: Output, options: Options) -> ExhibitContent | None:
    """Probabilities of the models under each evidence and each evidence set."""
    del options
    table = output.table("evidence")
    if table.empty:
        return None
    wide = table.pivot_table(index="method", columns="model", values="probability", sort=False)
    opts = {m["method"]: m["options"] for m in output.numbers["methods"]}
    shown = pd.DataFrame(
        {
            "method": wide.index,
            "options": [_evidence_options(opts[m]) for m in wide.index],
            **{output.names.short(m): [f"{v:.4f}" for v in wide[m]] for m in output.models},
        }
    )
    caption = "Posterior probability of each model; the options say which rows the evidence is of."
    return ExhibitContent(caption, table, shown=shown)


def _evidence_options(options: Mapping[str, Any]) -> str:
    kept = {k: v for k, v in options.items() if "evidence" in k or k == "discrepancy"}
    return _joined(kept) or "default rows"


def _joined(options: Mapping[str, Any]) -> str:
    return ", ".join(f"{k} = {v}" for k, v in options.items())


def ranking(output: Output, options: Options) -> ExhibitContent | None:
    """The order of the methods by log score under each way of leaving rows out."""
    del options
    table = output.table("ranking")
    if table.empty:
        return None
    rows = table.loc[table["score"] == "log_score"]
    cells = {
        str(split): dict(_ranked(found, output))
        for split, found in rows.groupby("split", sort=False)
    }
    lines = list(dict.fromkeys(name for found in cells.values() for name in found))
    shown = pd.DataFrame(
        {"method": lines} | {s: [c.get(line, "") for line in lines] for s, c in cells.items()}
    )
    caption = (
        "Rank by log score, with the ranks that hold 90 % of the resamples of whole clusters of "
        "sites, and the difference of the mean log score to the best."
    )
    return ExhibitContent(caption, table, shown=shown)


def _ranked(rows: pd.DataFrame, output: Output) -> Iterable[tuple[str, str]]:
    for row in rows.to_dict("records"):
        spread = "" if pd.isna(row["rank_lo"]) else f" ({row['rank_lo']:.0f}-{row['rank_hi']:.0f})"
        label = row_label(row, output.names.labels)
        known = np.isfinite(row["difference"])
        difference = f"{row['difference']:+.{_DIGITS}f}" if known else "no difference"
        yield label, f"{row['rank']}{spread}, {difference}"


def variants(output: Output, options: Options) -> ExhibitContent | None:
    """What the options of a labelled method change in its weights and scores."""
    del options
    changes, pairs = output.table("variants"), output.table("pairs")
    if changes.empty:
        return None
    opts = {m["method"]: m["options"] for m in output.numbers["methods"]}
    bad = {m["method"] for m in output.numbers["methods"] if not m["converged"]}
    lines, rows = [], []
    for _, found in changes.groupby(["method", "split"], sort=False):
        furthest = found.loc[found["largest"].idxmax()]
        method, base, split = furthest[["method", "base", "split"]]
        here = pairs.loc[(pairs["a"] == method) & (pairs["b"] == base) & (pairs["split"] == split)]
        scores = {str(row["score"]): row for row in here.to_dict("records")}
        row = {"method": method, "options": _differing(opts[method], opts[base]), "split": split}
        size, model = found["mean_size"].mean(), furthest["model"]
        more = {f"{s}_{c}": r[c] for s, r in scores.items() for c in ("difference", "lo", "hi")}
        rows.append(
            {**row, "mean_size": size, "largest": furthest["largest"], "model": model, **more}
        )
        lines.append(
            {
                **row,
                "method": f"{method} (not converged)" if method in bad else method,
                "mean size": _share(size),
                "largest": f"{_share(furthest['largest'])} {output.names.short(model)}",
                **{
                    SCORE_WORDS[s].label: _cell(r, "difference", "lo", "hi")
                    for s, r in scores.items()
                },
            }
        )
    caption = (
        "What other options change: the posterior mean weights (mean absolute change, and the "
        "largest with its model), and the scores, with 90 % bands of the paired differences."
    )
    shown = pd.DataFrame(lines).fillna("")
    return ExhibitContent(caption, pd.DataFrame(rows), shown=shown)


def _differing(options: Mapping[str, Any], base: Mapping[str, Any]) -> str:
    return _joined({k: v for k, v in options.items() if v != base.get(k)})


MAKERS: dict[str, Maker] = {
    "rms": rms,
    "global-weights": global_weights,
    "priors": priors,
    "evidence-sets": evidence_sets,
    "ranking": ranking,
    "variants": variants,
}
