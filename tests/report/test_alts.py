"""What fixed figures say to those who cannot see them: what is drawn, and a true finding."""

import html
import re

import pandas as pd
import pytest

from dirimix.assess.schema import parameter_label
from dirimix.report.exhibits.findings import most_weight, strongest_pairs
from dirimix.report.opening.choice import opening
from dirimix.report.output import read_output

FIGURE = re.compile(r'<figure>.*?aria-label="[^"]*">(.*?)</figure>', re.DOTALL)


@pytest.fixture(scope="module")
def alts(exhibited):
    """By caption, what is said beyond it."""
    found = {}
    for figure in FIGURE.findall((exhibited / "report.html").read_text()):
        alt, caption = (
            html.unescape(re.search(pattern, figure, re.DOTALL)[1])
            for pattern in (
                r'<svg role="img" aria-label="([^"]*)"',
                "<figcaption>(.*?)</figcaption>",
            )
        )
        assert alt.startswith(caption)
        found[caption] = alt.removeprefix(caption).strip()
    return found


def of(alts, words: str) -> str:
    (found,) = (says for caption, says in alts.items() if words in caption)
    return found


@pytest.fixture
def tables(exhibited):
    def read(name: str, keep=()):
        table = pd.read_csv(exhibited / f"{name}.csv", keep_default_na=True)
        return table.loc[table["model"].isna()] if "model" in keep else table

    return read


def test_every_figure_has_a_finding(alts):
    assert len(alts) > 15
    assert [caption for caption, says in alts.items() if not says] == []


def test_the_section_counts_the_rows_that_it_shows(alts, tables, exhibited):
    output = read_output(exhibited)
    first = opening(output)
    law = tables("predictions").query("method == @first.law.method").reset_index(drop=True)
    rows = law.iloc[first.line.sites].dropna(subset="observed")
    inside = rows["observed"].between(rows["q05"], rows["q95"]).sum()
    assert len(rows) < law["observed"].notna().sum()
    wanted = f"{inside} of {len(rows)} observations lie inside the 90 % interval."
    assert of(alts, "mean, 50 % and 90 % intervals") == wanted
    gaps = ((law["observed"] - law["mean"]).abs() / law["sd"]).dropna()
    wanted = f"{(gaps > 2.5).sum()} of {len(gaps)} observations are crossed."
    assert of(alts, "prediction and half-width") == wanted


def test_weights_that_are_alike_are_not_told_apart(alts, tables):
    says = dict(part.split(": ") for part in of(alts, "from 0 to 1").rstrip(".").split("; "))
    assert says["equal"] == says["lbmm-gpd"] == "a, b and c not told apart"
    weights = tables("weights").query("split == 'train' and method == 'simplex-ls'")
    top = weights.sort_values("mean").iloc[-1]
    assert says["simplex-ls"] == f"most weight on {top['model']}, {top['mean']:.2f}"


def test_bands_tell_weights_apart():
    rows = [("m", "a", 0.5, 0.40, 0.6), ("m", "b", 0.3, 0.1, 0.39), ("m", "c", 0.2, 0.1, 0.3)]
    table = pd.DataFrame(rows, columns=["method", "model", "mean", "q05", "q95"])
    assert most_weight(table, str.upper) == "m: most weight on A, 0.50."
    table.loc[1, "q95"] = 0.41
    assert most_weight(table, str.upper) == "m: A and B not told apart."
    pairs = pd.DataFrame(
        {"method": "m", "model_a": ["a", "b"], "model_b": ["b", "c"], "at_site": [0.3, -0.8]}
    )
    assert strongest_pairs(pairs, str.upper) == "m: strongest of B and C, −0.80."


def test_maps_of_weights_say_where_they_go_from_and_to(alts, tables):
    local = tables("weights").query("split == 'train' and method == 'lbmm-gpd'")
    ends = local.groupby("model")["mean"].agg(["min", "max"])
    wanted = ", ".join(f"{m} {r['min']:.2f} to {r['max']:.2f}" for m, r in ends.iterrows())
    assert of(alts, "lbmm-gpd: mean field weight") == f"Over the training sites: {wanted}."


def test_calibration_and_residuals_are_those_of_the_files(alts, tables):
    law = tables("predictions", ["model"]).query("split == 'test'")
    said = of(alts, "Observed minus predicted")
    for method, rows in law.groupby("method"):
        inside = rows["observed"].between(rows["q05"], rows["q95"]).sum()
        assert f"{method} at {inside} of {len(rows)}" in said
    coverage = tables("coverage", ["model"]).query("split == 'test' and weights == 'field'")
    off = ~coverage["coverage"].between(coverage["nominal_lo"], coverage["nominal_hi"])
    names = coverage.loc[off, "method"].unique()
    said = of(alts, "of the interval, by method")
    assert said == f"Outside the grey region at some level: {', '.join(names) or 'none'}."
    sizes = tables("coverage_by_size", ["model"])
    sizes = sizes.loc[sizes["split"] == ("test" if "test" in set(sizes["split"]) else "train")]
    assert len(sizes) > 8
    for level in (50, 90):
        low, high = sizes[f"coverage_{level}_lo"], sizes[f"coverage_{level}_hi"]
        off = ((low > level / 100) | (high < level / 100)).sum()
        assert f"{off} of {len(sizes)} bands leave out {level} %" in of(alts, "by quarter of the")


def test_maps_of_the_study_say_what_their_tables_hold(alts, tables):
    bound = tables("threshold").query("method == 'equal'")
    wanted = f"equal: {bound['probability'].sum():.0f} of {len(bound)} sites expected above."
    assert of(alts, "lie above the threshold") == wanted
    effective = tables("effective").dropna(subset="x")["effective"]
    assert f"{effective.min():.3f} to {effective.max():.3f}" in of(alts, "entropy of the mean")
    counts = tables("sites")["split"].value_counts()
    assert all(f"{n} {name}" in of(alts, "trained on, those they") for name, n in counts.items())
    diagnostics = tables("diagnostics")
    worst = diagnostics.loc[diagnostics["rhat"].idxmax()]
    words = parameter_label(worst["parameter"], {})
    wanted = f"{worst['method']}: {worst['rhat']:.3f} of {words}"
    assert wanted in of(alts, "Draws of each chain")
    path = tables("preselection")
    at = int(path["chosen"].to_numpy().argmax())
    assert f"where {at} of the models are left out" in of(alts, "lost by leaving models out")
