"""The tables of an output folder: their columns, how they are read, and words for readers.

Nothing heavy is imported at the head, so that the command line may ask for words.
"""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from dirimix.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

MATTERS = 0.05  # power-scaling sensitivity above which a prior matters
COORDINATES = "*"  # stands for one column a coordinate, each under its own name
_ONE_SIDE = 0.25  # of the observations on a side of the median, or fewer, is too few
_NOMINAL = 0.9  # share of the observations that 90 % intervals are to hold
LEVELS = (0.5, 0.68, 0.8, 0.9, 0.95)  # of `scores`, which is too slow to import for a word
QUANTILES = {
    "q025": 0.025, "q05": 0.05, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q95": 0.95, "q975": 0.975,
}  # fmt: skip


@dataclass(frozen=True)
class ScoreWords:
    """What a score is called for readers, and whether more of it is better."""

    label: str
    gain: bool = False


SCORE_WORDS = {
    "rms": ScoreWords("rms"),
    "mae": ScoreWords("mean absolute error"),
    "crps": ScoreWords("CRPS"),
    "log_score": ScoreWords("log score", gain=True),
    **{f"coverage_{100 * c:.0f}": ScoreWords(f"inside {100 * c:.0f} %") for c in LEVELS},
    "below_median": ScoreWords("below the median"),
}


@dataclass(frozen=True)
class Table:
    """A CSV file of an output folder; a file without rows has its header nevertheless.

    Attributes:
        says: Its content in one line.
        names: Its columns in order, with spaces between; `*` stands for those of the coordinates,
            and a table of fits has the method in front.
        source: Where its rows come from: `fits` to all training rows, one a method; those and
            fits to other `targets`; the whole `study`; or `one fit`, in whose folder it stays.
    """

    says: str
    names: str
    source: Literal["fits", "targets", "study", "one fit"] = "fits"

    def columns(self, coords: Sequence[str] = (COORDINATES,)) -> list[str]:
        """Its columns, given those of the coordinates."""
        names = self.names.split() if self.source == "study" else ["method", *self.names.split()]
        return [c for n in names for c in (coords if n == COORDINATES else [n])]


_VIEW = "model split weights"
_QUANTILES = " ".join(QUANTILES)
_BANDS = " ".join(f"{score} {score}_lo {score}_hi" for score in SCORE_WORDS)
_PAIR = "a b split score n clusters difference lo hi"
TABLES = {
    "scores": Table("scores with 90 % bands", f"{_VIEW} n {_BANDS} outside"),
    "predictions": Table(
        "the predictive law at every row", f"model split * observed mean sd {_QUANTILES}"
    ),
    "weights": Table("field weights", "split * model mean sd q05 q95"),
    "effective": Table("how many models the mean weights amount to", "split * effective q05 q95"),
    "parts": Table(
        "what predictions are made of, where noise or a discrepancy follow the map",
        "model split * mixture mixture_sd discrepancy discrepancy_sd correlation noise noise_sd",
    ),
    "correlations": Table("how the weights of two models trade", "model_a model_b of_mean at_site"),
    "loo": Table(
        "leave-one-out log scores", "n elpd se p_loo elpd_mean high_k share_high_k max_k note"
    ),
    "loo_pointwise": Table("leave-one-out log score of every training row", "row * elpd pareto_k"),
    "sensitivity": Table(
        "how much each prior decides",
        "prior parameter prior_sensitivity likelihood_sensitivity reading",
    ),
    "power_scaling": Table(
        "posterior means under stronger and weaker priors",
        "prior power parameter mean scaled_mean shift pareto_k",
    ),
    "reversion": Table(
        "how far from the data a weight is back at its far-field value",
        "model far_field at_gamma tolerance share distance standardised farthest",
    ),
    "reversion_sites": Table(
        "which sites are back at the far-field weight",
        "* distance standardised model weight far_field reverted",
    ),
    "coverage": Table("the coverage curve", f"{_VIEW} n level coverage nominal_lo nominal_hi"),
    "coverage_by_size": Table(
        "coverage by quarter of the predicted mean",
        "model split quarter n mean_lo mean_hi coverage_50 coverage_50_lo coverage_50_hi "
        "coverage_90 coverage_90_lo coverage_90_hi",
    ),
    "evidence": Table(
        "evidence and posterior probability of each model",
        "model log_evidence std_error probability route log_evidence_quadrature",
    ),
    "diagnostics": Table(
        "convergence of every checked quantity", "parameter mean sd ess_bulk ess_tail rhat"
    ),
    "sampling": Table(
        "how posteriors were sampled",
        "chains draws warmup divergences gradients seconds converged kernel step_size "
        "acceptance bfmi ended reasons k model",
    ),
    "candidates": Table(
        "the methods that a stack or a choice compared on held-out regions",
        "candidate n log_score difference difference_lo difference_hi chosen weight weight_lo "
        "weight_hi",
    ),
    "threshold": Table(
        "the probability of being above a level at every site",
        "target * models probability",
        "targets",
    ),
    "limits": Table(
        "the last site of every line that is above the level",
        "target along * sites mean sd q05 q25 q50 q75 q95 beyond none",
        "targets",
    ),
    "above": Table("how many sites are above the level", "target sites mean sd q05 q95", "targets"),
    "joint": Table(
        "the probability that all targets are above the level", "method * probability", "study"
    ),
    "sites": Table(
        "what was observed at every site",
        "split row * observed observed_error distance",
        "study",
    ),
    "model_values": Table(
        "the value of every model at every site", "split row * model model_value", "study"
    ),
    "pairs": Table("paired differences of scores", _PAIR, "study"),
    "ranking": Table(
        "the order of the methods",
        "split score rank method model n rows clusters value rank_lo rank_hi share_best best "
        "difference difference_lo difference_hi",
        "study",
    ),
    "differences": Table("differences of every two methods", _PAIR, "study"),
    "regions": Table(
        "scores of parts of the rows",
        "split coordinate part method model n rms crps log_score coverage_90",
        "study",
    ),
    "folds": Table(
        "scores of each fold", "split fold method model n rms crps log_score converged", "study"
    ),
    "preselection": Table(
        "models left out one by one",
        "method split models removed kept log_score n clusters cost cost_lo cost_hi behind_best "
        "behind_best_se chosen",
        "study",
    ),
    "preselection_confirmed": Table("what methods lose with fewer models", _PAIR, "study"),
    "variants": Table(
        "how far a changed option moves the weights",
        "method base split model sites mean_change mean_size largest",
        "study",
    ),
    "pointwise": Table(
        "what each row contributes to the scores",
        f"{_VIEW} row mean error log_score crps pit",
        "one fit",
    ),
}
# columns that hold names or words, even where these look like numbers
_TEXT = frozenset(
    "method model split weights model_a model_b note prior parameter reading route kernel ended "
    "reasons target along a b score best fold removed kept base coordinate part".split()
)


def read_table(folder: Path, name: str, words: Iterable[str] = ()) -> "pd.DataFrame":
    """A table of an output folder, `NAME.csv`, or `NAME.parquet` where it is large.

    Names stay text whatever they look like, '' where there is none, and so do the coordinates
    that are `words`; other empty cells are NaN.

    Raises:
        InputError: If the folder has no such file.
    """
    import pandas as pd

    from dirimix.table.csv_text import unguarded

    text = {*(_TEXT & set(TABLES[name].columns())), *words}
    path = folder / f"{name}.csv"
    if not path.is_file() and (large := path.with_suffix(".parquet")).is_file():
        table = pd.read_parquet(large)
        return table.astype({c: str for c in table.columns if c in text})
    if not path.is_file():
        raise InputError(f"there is no file {str(path)!r}; run the command again")
    header = list(pd.read_csv(path, nrows=0).columns)
    names = dict(zip(header, map(unguarded, header), strict=True))
    found = pd.read_csv(
        path,
        dtype={written: str for written, name in names.items() if name in text},
        na_values={written: [""] for written, name in names.items() if name not in text},
        keep_default_na=False,
        float_precision=_exact(pd.__version__),
    ).rename(columns=names)
    for name in text.intersection(found.columns):
        found[name] = found[name].map(unguarded)
    return found


def _exact(version: str) -> Literal["round_trip"] | None:
    """What makes pandas read floats exactly, where that is not its habit.

    >>> _exact("2.3.1"), _exact("3.1.0")
    ('round_trip', None)
    """
    older = tuple(int(part) for part in version.split(".")[:2]) < (3, 1)
    return "round_trip" if older else None


def read_tables(
    folders: Iterable[Path], name: str, words: Iterable[str] = ()
) -> "Iterator[pd.DataFrame]":
    """A table of each of the folders that have it."""
    for folder in folders:
        if any((folder / f"{name}{ending}").is_file() for ending in (".csv", ".parquet")):
            yield read_table(folder, name, words)


def width_fault(row: Mapping[Any, Any]) -> str:
    """What is wrong with the width of 90 % intervals, by the band of the share that they hold.

    >>> width_fault({"coverage_90_lo": 0.61, "coverage_90_hi": 0.86})
    'too narrow'
    """
    if row["coverage_90_hi"] < _NOMINAL:
        return "too narrow"
    return "too wide" if row["coverage_90_lo"] > _NOMINAL else ""


def side_fault(row: Mapping[Any, Any]) -> str:
    """Where predictions lie on one side of most observations, by the band of the share below them.

    >>> side_fault({"below_median_lo": 0.95, "below_median_hi": 1.0})
    'too high'
    """
    if row["below_median_lo"] > 1 - _ONE_SIDE:
        return "too high"
    return "too low" if row["below_median_hi"] < _ONE_SIDE else ""


def row_label(row: Mapping[Any, Any], labels: Mapping[str, str] | None = None) -> str:
    """What a row is called: method, label of the model if any, weights unless they are the field's.

    >>> row_label({"method": "raw", "model": "HFB24", "weights": "field"})
    'raw HFB24'
    >>> row_label({"method": "lbmm-gld", "model": "", "weights": "site"})
    'lbmm-gld, site'
    """
    model = row.get("model") or ""
    shown = f"{row['method']} {(labels or {}).get(model, model)}".rstrip()
    weights = row.get("weights", "field")
    return shown if weights == "field" else f"{shown}, {weights}"


_PARAMETERS = {
    "alpha": "concentration", "beta": "coefficient", "eta": "amplitude", "field_weight": "weight",
    "gamma": "far field", "mean_weight": "mean weight", "prediction": "prediction",
    "rho": "length scale", "sigma": "noise",
    "slope": "noise slope", "tau": "spread of the labels", "u": "shift of the label",
    "weights": "weight", "noise": "noise", "discrepancy": "discrepancy",
}  # fmt: skip
_GROUPS = {"weights": "weights", "delta": "discrepancy", "contrast": "contrasts", "noise": "noise"}


def parameter_label(name: str, labels: Mapping[str, str]) -> str:
    """What readers call a parameter, with the labels of models and coordinates.

    >>> parameter_label("gamma[SLY4]", {"SLY4": "SLy4"}), parameter_label("delta_rho[Z]", {})
    ('far field (SLy4)', 'length scale of the discrepancy (Z)')
    """
    base, _, inside = name.removesuffix("]").partition("[")
    group, _, last = base.rpartition("_")
    if base in _PARAMETERS:
        words = _PARAMETERS[base]
    elif group in _GROUPS and last in _PARAMETERS:
        words = f"{_PARAMETERS[last]} of the {_GROUPS[group]}"
    else:
        return name
    known = {**labels, "1": "constant"} if base == "beta" else labels
    entries = [known.get(entry, entry) for entry in inside.split(", ")]
    return f"{words} ({', '.join(entries)})" if inside else words


_NAMED = re.compile(r"(?<=\(worst ).+?(?=: [-+.\dainfe]+\))|(?<=\(first ).+?(?=\))")


def in_words(reason: str, labels: Mapping[str, str]) -> str:
    """Why something has not converged, with model and parameters as readers call them.

    >>> in_words("rhat above 1.01 for 1 of 9 quantities (worst eta[SLY4]: 1.05)", {"SLY4": "SLy4"})
    'rhat above 1.01 for 1 of 9 quantities (worst amplitude (SLy4): 1.05)'
    """
    model, sep, rest = reason.partition(": ")
    told = f"{labels[model]}: {rest}" if sep and model in labels else reason
    return _NAMED.sub(lambda found: parameter_label(found[0], labels), told)
