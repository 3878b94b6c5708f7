"""What the explorer of the page shows: sites, models, predictive laws and weights, as columns.

Every column is aligned with the table of sites, and its numbers are those of the CSV files to five
digits. The whole travels in the page as compressed JSON.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from dirimix.assess.schema import QUANTILES
from dirimix.report.look import MODEL_COLOURS, PALETTE, method_look
from dirimix.report.opening.choice import Opening
from dirimix.report.output import Law, Output
from dirimix.report.scripts import packed
from dirimix.table.coordinates import as_numbers
from dirimix.table.split import SPLITS

_DIGITS, _ALL_DIGITS = 5, 12
_DECIMALS = 4  # of weights, which lie between 0 and 1
_MOST_K = 10.0  # which is as far from trusted as any k above, and may be infinite
_LAW = ("mean", "sd", *QUANTILES)
_WEIGHTS = ("mean", "sd", "q05", "q95")
_PARTS = ("discrepancy", "discrepancy_sd", "noise", "noise_sd")
Json = dict[str, Any]


def explorer(output: Output, first: Opening) -> Json:
    """The content of the explorer, which opens with a site and the section through it."""
    sites, data = output.table("sites"), output.numbers["data"]
    x = as_numbers(sites, output.coords)
    known = {m["method"]: m for m in output.numbers["methods"]}
    return {
        "target": {"label": data["label"], "unit": data["unit"] or "", "name": data["target"]},
        "coords": [_coordinate(output, c) for c in output.coords],
        "axes": [output.coords.index(c) for c in output.axes[:2]],
        "geo": [output.coords.index(c) for c in data.get("geo") or ()],
        "models": [{"name": m, "label": output.names.short(m)} for m in output.models],
        "palette": list(MODEL_COLOURS),
        "plain": len(PALETTE),
        "methods": [_method(law, known[law.method], output.models) for law in output.laws],
        "main": first.law.key,
        "start": first.site,
        "along": first.along,
        "less": first.less,
        "names": output.named_by,
        "sites": _sites(sites, x, output.named_by),
        "values": [numbers(column) for column in output.values.T],
        "laws": {law.key: _law(output.predictions(law)) for law in output.laws},
        "weights": _weights(output, len(sites)),
        "parts": _parts(output),
        "pareto": _pareto(output, sites),
    }


def as_text(content: Json) -> str:
    """JSON as it travels in the page."""
    return packed(json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")))


def _coordinate(output: Output, name: str) -> Json:
    names, data = output.names, output.numbers["data"]
    cut = names.rounds.get(name)
    return {
        "name": name,
        "label": names.short(name),
        "unit": names.units.get(name, ""),
        "kind": names.kinds.get(name, "number"),
        "levels": list(names.levels.get(name, ())),
        "lines": list(data["lines"].get(name, ())),
        "ends": dict(zip(names.globe, ("EW", "NS"), strict=False)).get(name),
        "round": None if cut is None else asdict(cut),
    }


def _method(law: Law, known: Mapping[str, Any], models: Sequence[str]) -> Json:
    """A method, or a single model, which has the colour of its line."""
    own = models.index(law.model) if law.model else None
    return {
        "name": law.key,
        "label": law.label,
        "method": law.method,
        "model": own,
        "words": known["words"],
        "colour": method_look(law.method).colour
        if own is None
        else MODEL_COLOURS[own % len(MODEL_COLOURS)],
        "converged": known["converged"],
        "transformed": "transform" in known["priors"],
    }


def _sites(sites: pd.DataFrame, x: np.ndarray, named_by: str | None) -> Json:
    return {
        "name": sites[named_by].to_list() if named_by else None,
        "split": [SPLITS.index(s) for s in sites["split"]],
        "row": sites["row"].to_list(),
        "x": [numbers(column, _ALL_DIGITS) for column in x.T],
        "observed": numbers(sites["observed"], _ALL_DIGITS),
        "error": numbers(sites["observed_error"]),
        "distance": numbers(sites["distance"]),
    }


def _law(rows: pd.DataFrame) -> Json:
    return {name: numbers(rows[name]) for name in _LAW}


def _weights(output: Output, n: int) -> Mapping[str, Json]:
    """By method, a column a model: of n sites for a local method, else of one number for all."""
    found, count = {}, len(output.models)
    for method, rows in output.table("weights").groupby("method", sort=False):
        of_sites = len(rows) == n * count and rows[output.coords].notna().to_numpy().all()
        kept = rows if of_sites else rows.iloc[:count]
        found[method] = {
            name: [_shares(column) for column in kept[name].to_numpy().reshape(-1, count).T]
            for name in _WEIGHTS
        }
    return found


def _parts(output: Output) -> Mapping[str, Json]:
    """By what the page draws, discrepancy and noise at every site, of what has either."""
    found, table = {}, output.parts
    there = set(zip(table["method"], table["model"], strict=True))
    for law in (law for law in output.laws if (law.method, law.model) in there):
        rows = output.by_site(table, law)
        columns = {c: rows[c].to_numpy(dtype=float) for c in _PARTS}
        kept = {c: v for c, v in columns.items() if np.nan_to_num(v).any()}
        found[law.key] = {c: numbers(v) for c, v in kept.items()}
    return found


def _pareto(output: Output, sites: pd.DataFrame) -> Mapping[str, list[float | None]]:
    """By method, Pareto k of leave-one-out at every site that trained it."""
    trained = np.flatnonzero(sites["split"] == "train")
    found = {}
    for method, rows in output.table("loo_pointwise").groupby("method", sort=False):
        k = np.full(len(sites), np.nan)
        k[trained[rows["row"].to_numpy(dtype=int)]] = np.minimum(rows["pareto_k"], _MOST_K)
        found[method] = numbers(k, _DECIMALS)
    return found


def _shares(column: np.ndarray) -> list[float | None]:
    """Weights with so many decimals; None where there is none."""
    return [None if np.isnan(v) else v for v in column.round(_DECIMALS).tolist()]


def numbers(column: Any, digits: int = _DIGITS) -> list[float | None]:
    """Plain numbers of so many digits, more where they are large beside their spread.

    >>> numbers([1234567.0, 0.123456789, float("nan")]), numbers([5e6 + 0.125, 5e6])
    ([1234600.0, 0.12346, None], [5000000.125, 5000000.0])
    """
    values = np.asarray(column, dtype=float)
    known = values[np.isfinite(values)]
    spread = np.ptp(known) if len(known) else 0.0
    more = np.log10(np.abs(known).max() / spread) if spread > 0 else 0.0
    form = f"%.{min(digits + max(int(more), 0), 17)}g"
    return [float(form % v) if np.isfinite(v) else None for v in values]
