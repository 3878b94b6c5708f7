"""What is to be seen in a figure, in a sentence or two of what its table holds."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from dirimix.assess.schema import MATTERS, parameter_label
from dirimix.report.numbers import number, quantity
from dirimix.sampling.importance import LARGEST_K

_ALIKE = 1e-9  # of weights
_FEW = 3  # models that are named one by one
_OFTEN = 0.05  # of the draws, from which on a limit may lie beyond the last site


def listed(parts: Iterable[str]) -> str:
    """Sentences of one line each, one after the other.

    >>> listed(["a: 1", "b: 2"]), listed([])
    ('a: 1; b: 2.', '')
    """
    text = "; ".join(parts)
    return f"{text}." if text else ""


def by_method(table: pd.DataFrame, says: Callable[[pd.DataFrame], str]) -> str:
    """What there is to say of the rows of every method."""
    return listed(f"{m}: {says(rows)}" for m, rows in table.groupby("method", sort=False))


def most_weight(table: pd.DataFrame, name: Callable[[str], str]) -> str:
    """By method, the model with the largest mean weight, or those that bands do not tell apart.

    Args:
        table: A line a method and model. Columns: method, model, mean, q05, q95.
        name: What a model is called.
    """

    def says(rows: pd.DataFrame) -> str:
        rows = rows.sort_values("mean", ascending=False, kind="stable")
        near = rows.loc[rows["q95"] >= rows["q05"].iloc[0] - _ALIKE, "model"]
        if len(near) == 1:
            return f"most weight on {name(near.iloc[0])}, {number(float(rows['mean'].iloc[0]), 2)}"
        if len(near) <= _FEW:
            *some, last = map(name, near)
            return f"{', '.join(some)} and {last} not told apart"
        return f"{len(near)} of {len(rows)} models not told apart"

    return by_method(table, says)


def outside_region(coverage: pd.DataFrame) -> str:
    """Which methods leave the region of calibrated predictions at some level."""
    beyond = (coverage["coverage"] < coverage["nominal_lo"]) | (
        coverage["coverage"] > coverage["nominal_hi"]
    )
    off = dict.fromkeys(
        f"{r['method']} {r['model']}".strip() for r in _records(coverage.loc[beyond])
    )
    return f"Outside the grey region at some level: {', '.join(off) or 'none'}."


def bands_without(table: pd.DataFrame, levels: Sequence[int]) -> str:
    """How many bands of shares leave out the level of their interval."""
    said = list[str]()
    for level in levels:
        low, high = (table[f"coverage_{level}_{end}"] for end in ("lo", "hi"))
        off = (low > level / 100) | (high < level / 100)
        said.append(f"{off.sum()} of {len(table)} bands leave out {level} %")
    return listed(said)


def inside_intervals(law: pd.DataFrame) -> str:
    """By method, at how many rows the 90 % interval holds the observation."""
    known = law.dropna(subset=["observed", "mean"])
    said = [f"{method} at {inside(rows)}" for method, rows in known.groupby("method", sort=False)]
    return f"The interval holds 0: {listed(said)}" if said else ""


def inside(law: pd.DataFrame) -> str:
    """How many observations the 90 % interval holds, of those that are predicted."""
    known = law.dropna(subset=["observed", "mean"])
    return f"{known['observed'].between(known['q05'], known['q95']).sum()} of {len(known)}"


def spans(table: pd.DataFrame, column: str) -> str:
    """By method, from where to where a column goes."""
    return by_method(table, lambda rows: span(rows[column].to_numpy()))


def span(values: np.ndarray) -> str:
    """From where to where values go.

    >>> span(np.array([0.5, -2.0, 1.25]))
    '−2.000 to 1.250'
    """
    return f"{quantity(float(values.min()))} to {quantity(float(values.max()))}"


def strongest_pairs(table: pd.DataFrame, name: Callable[[str], str]) -> str:
    """By method, the two models whose weights are correlated most, of either sign."""

    def says(rows: pd.DataFrame) -> str:
        row = rows.loc[rows["at_site"].abs().idxmax()]
        pair = f"{name(row['model_a'])} and {name(row['model_b'])}"
        return f"strongest of {pair}, {number(float(row['at_site']), 2)}"

    return by_method(table, says)


def largest_rhat(
    diagnostics: pd.DataFrame, methods: Iterable[str], labels: Mapping[str, str]
) -> str:
    """By method, the largest R-hat of all checked quantities."""
    said = list[str]()
    for method in methods:
        rows = diagnostics.loc[diagnostics["method"] == method].dropna(subset=["rhat"])
        if len(rows):
            row = rows.loc[rows["rhat"].idxmax()]
            words = parameter_label(str(row["parameter"]), labels)
            said.append(f"{method}: {number(float(row['rhat']))} of {words}")
    return f"Largest R-hat of all checked quantities: {listed(said)}" if said else ""


def beyond_line(sensitivity: pd.DataFrame, labels: Mapping[str, str]) -> str:
    """How many priors matter, and the one that matters most."""
    sizes = sensitivity["prior_sensitivity"]
    row = sensitivity.loc[sizes.idxmax()]
    prior, parameter = (parameter_label(str(row[c]), labels) for c in ("prior", "parameter"))
    return (
        f"{(sizes > MATTERS).sum()} of {len(sizes)} lie beyond it; the largest, "
        f"{number(float(row['prior_sensitivity']), 2)}, is that of the prior of {prior} for "
        f"{parameter} of {row['method']}."
    )


def densest(table: pd.DataFrame) -> str:
    """By law, the weights at which it is densest."""
    said = list[str]()
    for law, rows in table.groupby("concentrations", sort=False):
        at = rows.loc[rows["density"].idxmax(), ["w1", "w2", "w3"]]
        said.append(f"({law}): densest of those drawn at {', '.join(f'{w:.2f}' for w in at)}")
    return listed(said)


def unreliable(loo: pd.DataFrame) -> str:
    """By method, at how many sites leave-one-out cannot be trusted."""
    return by_method(
        loo, lambda r: f"{(~(r['pareto_k'] <= LARGEST_K)).sum()} of {len(r)} above {LARGEST_K}"
    )


def expected_above(table: pd.DataFrame) -> str:
    """By method, how many sites are expected above the threshold."""
    return by_method(
        table, lambda r: f"{r['probability'].sum():.0f} of {len(r)} sites expected above"
    )


def open_ends(table: pd.DataFrame) -> str:
    """By method, on how many lines the limit may lie beyond the last site."""
    known = table.loc[table["q50"].notna()]
    return by_method(known, lambda r: f"hollow on {open_ended(r).sum()} of {len(r)} lines")


def open_ended(limits: pd.DataFrame) -> np.ndarray:
    """Whether each limit may lie beyond the last site of its line."""
    return (limits["beyond"] > _OFTEN).to_numpy()


def come_back(reversion: pd.DataFrame) -> str:
    """By method, how many weights are back at their far-field values within the map."""
    return by_method(
        reversion,
        lambda r: f"{np.isfinite(r['distance']).sum()} of {len(r)} weights are back within the map",
    )


def stopped(path: pd.DataFrame) -> str:
    """Where a preselection stops, and what it has cost until there."""
    at = int(np.argmax(path["chosen"]))
    cost = quantity(float(path["cost"].iloc[at]))
    return f"It stops where {at} of the models are left out, at a loss of {cost}."


def sizes_of(split: pd.Series) -> str:
    """How many sites there are of each part."""
    return listed([", ".join(f"{n} {name}" for name, n in split.value_counts().items())])


def _records(table: pd.DataFrame) -> list[dict[str, object]]:
    return [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]
