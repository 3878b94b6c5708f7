"""What a run says of the paper's claims: how each is looked up, and the rules of the verdicts."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from dirimix.assess.schema import SCORE_WORDS, read_table

CLOSE = 0.03  # MeV; smaller differences of an rms say nothing without a paired test
REPRODUCED, NOT, OPEN = "reproduced", "not reproduced", "not decidable"
LOCAL = ("lbmm-gld", "lbmm-gpd")
UNCORRECTED = (
    "bma-closed-form", "bma-laplace", "bma-monte-carlo", "gbmm-l", "gbmm-d", *LOCAL,
)  # fmt: skip
ELSEWHERE = ("blocks", "edges")


Row = dict[str, Any]


class Missing(LookupError):
    """The run does not hold what a claim needs."""


@dataclass(frozen=True)
class Run:
    """The output folder of a run.

    Attributes:
        folder: Where it is.
        longer: A run of the same data that leaves out, with more methods, parts of the chart.
    """

    folder: Path
    longer: "Run | None" = None

    @cached_property
    def manifest(self) -> dict:
        """What was run."""
        return json.loads((self.folder / "manifest.json").read_text(encoding="utf-8"))

    @cached_property
    def parts_unconverged(self) -> list[str]:
        """Fits that have not converged of folds and other targets."""
        numbers = json.loads((self.folder / "scores.json").read_text(encoding="utf-8"))
        return list(numbers["unconverged"])

    def table(self, name: str) -> pd.DataFrame:
        """One of its tables, '' where there is no model."""
        return read_table(self.folder, name)

    def score(self, method: str, split: str, weights: str = "field") -> Row:
        """One row of the score table."""
        wanted = {"method": method, "split": split, "weights": weights, "model": ""}
        found = _rows(self.table("scores"), wanted)
        if not found:
            raise Missing(f"{method} has no {weights} score on {split}")
        return found[0]

    def pair(self, a: str, b: str, split: str, score: str) -> Row:
        """One paired difference a - b, whichever way round the run has it."""
        table, where = self.table("pairs"), {"split": split, "score": score}
        for row in _rows(table, {"a": a, "b": b} | where):
            return row
        for row in _rows(table, {"a": b, "b": a} | where):
            return row | {"difference": -row["difference"], "lo": -row["hi"], "hi": -row["lo"]}
        raise Missing(f"{a} is not compared with {b} on {split}")

    def pair_anywhere(self, a: str, b: str, split: str, score: str) -> Row:
        """The same from this run, else from the longer one."""
        try:
            return self.pair(a, b, split, score)
        except Missing:
            if self.longer is None:
                raise
            return self.longer.pair(a, b, split, score)

    def label(self, model: str) -> str:
        """The name of a model to print."""
        return self.manifest["data"]["labels"].get(model, model)

    def caveat(self, *methods: str) -> str:
        """Which of the methods have not converged."""
        known = self.manifest["methods"]
        bad = [m for m in methods if m in known and not known[m]["converged"]]
        return f" ({', '.join(bad)}: not converged)" if bad else ""


def _rows(table: pd.DataFrame, wanted: Row) -> list[Row]:
    """The rows of a table that have some values."""
    for column, value in wanted.items():
        table = table.loc[table[column] == value]
    return [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]


@dataclass(frozen=True)
class Finding:
    """What a run says of a claim.

    Attributes:
        measured: In words, with its split.
        band: The 90 % band.
        verdict: One of `REPRODUCED`, `NOT` and `OPEN` with the number of nuclei.
        elsewhere: What other ways of leaving nuclei out say.
    """

    measured: str
    band: str
    verdict: str
    elsewhere: str = ""


def number_verdict(paper: float, value: float, low: float, high: float, n: int) -> str:
    """Close to the paper's number; else outside the band, or inside a band too wide to tell.

    >>> number_verdict(0.31, 0.33, 0.2, 0.4, 63), number_verdict(0.31, 0.5, 0.4, 0.6, 63)
    ('reproduced', 'not reproduced')
    >>> number_verdict(0.31, 0.38, 0.3, 0.5, 63)
    'not decidable with 63 nuclei'
    """
    if abs(value - paper) <= CLOSE:
        return REPRODUCED
    return f"{OPEN} with {n} nuclei" if low <= paper <= high else NOT


def sign_verdict(low: float, high: float, n: int) -> str:
    """The claim is that a difference is above 0.

    >>> sign_verdict(0.1, 0.2, 63), sign_verdict(-0.2, -0.1, 63), sign_verdict(-0.1, 0.2, 63)
    ('reproduced', 'not reproduced', 'not decidable with 63 nuclei')
    """
    if low > 0:
        return REPRODUCED
    return NOT if high < 0 else f"{OPEN} with {n} nuclei"


def rms_is(paper: float, method: str, split: str, weights: str = "field") -> Callable:
    """A claim that an rms has a value."""

    def look(run: Run) -> Finding:
        row = run.score(method, split, weights)
        verdict = number_verdict(paper, row["rms"], row["rms_lo"], row["rms_hi"], row["n"])
        words = f"rms {row['rms']:.3f} MeV, {method}, {split}, {weights} weights"
        return Finding(
            words + run.caveat(method), f"{row['rms_lo']:.3f} to {row['rms_hi']:.3f}", verdict
        )

    return look


def worse(a: str, b: str, score: str = "rms") -> Callable:
    """A claim that method a predicts the test nuclei worse than b."""

    def look(run: Run) -> Finding:
        row = run.pair(a, b, "test", score)
        low, high = _as_loss(row, score)
        words = f"{a} less {b}: {row['difference']:+.3f} in {SCORE_WORDS[score].label}, test"
        band = f"{row['lo']:+.3f} to {row['hi']:+.3f}"
        verdict = sign_verdict(low, high, row["n"])
        return Finding(words + run.caveat(a, b), band, verdict, _elsewhere(run, a, b))

    return look


def _as_loss(row: Row, score: str) -> tuple[float, float]:
    """The band of how much worse a is, whichever way the score counts."""
    return (-row["hi"], -row["lo"]) if SCORE_WORDS[score].gain else (row["lo"], row["hi"])


def _elsewhere(run: Run, a: str, b: str) -> str:
    """The same difference in log score where whole regions and edges are left out."""
    parts = []
    for split in ELSEWHERE:
        try:
            row = run.pair_anywhere(a, b, split, "log_score")
        except Missing:
            continue
        low, high = _as_loss(row, "log_score")
        verdict = sign_verdict(low, high, row["n"])
        band = f"{row['difference']:+.3f} ({row['lo']:+.3f} to {row['hi']:+.3f})"
        parts.append(f"{split}, {row['clusters']} clusters: log score {band}, {verdict}")
    return "; ".join(parts)


def best_raw(run: Run) -> Finding:
    """HFB-24 has the smallest test rms of the raw models."""
    raw = _rows(run.table("scores"), {"method": "raw", "split": "test"})
    if len(raw) < 2:
        raise Missing("raw models have no test scores")
    first, second, *_ = order = sorted(raw, key=lambda row: row["rms"])
    words = ", ".join(f"{run.label(row['model'])} {row['rms']:.3f}" for row in order[:3])
    if first["model"] != "HFB24":
        return Finding(f"test rms: {words}", "", NOT)
    row = run.pair("raw:HFB24", f"raw:{second['model']}", "test", "rms")
    band = f"HFB-24 less the next: {row['lo']:+.3f} to {row['hi']:+.3f}"
    return Finding(f"test rms: {words}", band, sign_verdict(-row["hi"], -row["lo"], row["n"]))


def faithful(run: Run) -> Finding:
    """A local mixture is nearest to nominal coverage, and others leave the binomial band."""
    table = run.table("coverage")
    kept = (table["split"] == "test") & (table["weights"] == "field") & (table["model"] == "")
    table = table.loc[kept & table["method"].isin(UNCORRECTED)]
    if not set(LOCAL) & set(table["method"]):
        raise Missing("no local mixture has a coverage")
    off = (table["coverage"] - table["level"]).abs().groupby(table["method"], sort=False).mean()
    outside = (table["coverage"] < table["nominal_lo"]) | (table["coverage"] > table["nominal_hi"])
    left = outside.groupby(table["method"], sort=False).sum()
    order = off.sort_values()
    words = ", ".join(f"{m} {v:.3f} ({left[m]} levels outside)" for m, v in order.items())
    others = [m for m in order.index if m not in LOCAL]
    if order.index[0] not in LOCAL:
        verdict = NOT
    elif all(left[m] > 0 for m in others):
        verdict = REPRODUCED
    else:
        verdict = f"{OPEN} with {table['n'].iloc[0]} nuclei"
    levels = table["level"].nunique()
    band = f"levels outside the 95 % binomial band, of {levels}"
    return Finding(f"mean distance from nominal: {words}" + run.caveat(*LOCAL), band, verdict)


def dominant(run: Run) -> Finding:
    """The order of the mean field weights of LBMM+GPD over the training sites."""
    table = run.table("weights")
    rows = table.loc[(table["method"] == "lbmm-gpd") & (table["split"] == "train")]
    if rows.empty:
        raise Missing("lbmm-gpd has no weights")
    order = rows.groupby("model")["mean"].mean().sort_values(ascending=False)
    words = ", ".join(f"{run.label(str(m))} {w:.3f}" for m, w in order.items())
    claimed = [m for m in ("HFB24", "FRDM12", "UNEDF0", "SKMS") if m in order.index]
    found = list(order.index[: len(claimed)])
    if found[:2] != claimed[:2]:
        verdict = NOT
    elif set(found) == set(claimed):
        verdict = REPRODUCED
    else:
        verdict = "reproduced for the first two, not for those that follow"
    return Finding(f"mean weights: {words}" + run.caveat("lbmm-gpd"), "", verdict)


def metropolis(run: Run) -> Finding:
    """A Metropolis sampler does not converge where the others do."""
    name = "lbmm-gpd@metropolis"
    rows = _rows(run.table("diagnostics"), {"method": name})
    if not rows:
        raise Missing(f"{name} is not in this run")
    worst, least = max(r["rhat"] for r in rows), min(r["ess_bulk"] for r in rows)
    words = f"largest R-hat {worst:.2f}, least bulk ESS {least:.0f}"
    return Finding(words, "", REPRODUCED if worst > 1.01 else NOT)
