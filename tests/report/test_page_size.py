"""How large a page gets: from a fit of equal weights whose files are made those of eight."""

import json

import numpy as np
import pandas as pd
import pytest

from dirimix.cli.main import main
from fit_report import fit_table

SITES, MODELS = (50, 40), [f"model_{k}" for k in range(10)]
LOCAL = ("lbmm-gpd", "lbmm-gld")
OTHERS = ("simplex-ls", "ols", "ridge-stacking", "bma-closed-form", "gbmm-d", *LOCAL)
# letters of a page of 2,000 sites and ten models without what compares methods, which has 1 MB
# more at most: with it a page has less than 3 MB
LEAST, MOST = 1e6, 1.6e6


def table(rng) -> pd.DataFrame:
    """A lattice of sites, half of them observed, with models that err smoothly and roughly."""
    p, q = (c.ravel() for c in np.indices(SITES))
    y = 12 + 5 * np.sin(p / 9) * np.cos(q / 7)
    own = {
        name: y + np.sin(p / (5 + k) + k) + rng.normal(0, 0.3, p.size)
        for k, name in enumerate(MODELS)
    }
    seen = np.where(rng.random(p.size) < 0.5, y + rng.normal(0, 0.2, p.size), np.nan)
    return pd.DataFrame({"p": p, "q": q, "y": seen, **own})


def local_weights(sites: pd.DataFrame, method: str, rng) -> pd.DataFrame:
    """Weights that differ from site to site, as those of a fit do."""
    rows = sites.loc[sites.index.repeat(len(MODELS))].reset_index(drop=True)
    k = np.tile(np.arange(len(MODELS)), len(sites))
    w = np.exp(np.sin(rows["p"] / 9 + rows["q"] / 12 + k) + rng.normal(0, 0.05, len(rows)))
    w /= w.groupby(rows.index // len(MODELS)).transform("sum")
    rows = rows.assign(method=method, model=np.take(MODELS, k))
    return rows.assign(mean=w, sd=w / 3, q05=w / 2, q95=np.minimum(1, 1.5 * w))


def make_more(folder, rng) -> None:
    """Have the files speak of more methods than were fitted, each with numbers of its own."""
    law = pd.read_csv(folder / "predictions.csv")
    ends = ["mean", *(c for c in law if c.startswith("q") and c != "q")]
    more = [law]
    for method in OTHERS:
        off = rng.normal(0, 0.3, len(law))
        more.append(law.assign(method=method, **{c: law[c] + off for c in ends}))
    pd.concat(more).to_csv(folder / "predictions.csv", index=False)
    weights, sites = (pd.read_csv(folder / f"{n}.csv") for n in ("weights", "sites"))
    constant = [weights.assign(method=m) for m in ("equal", *OTHERS) if m not in LOCAL]
    found = [local_weights(sites.loc[:, ["split", "p", "q"]], method, rng) for method in LOCAL]
    pd.concat([*constant, *found])[weights.columns].to_csv(folder / "weights.csv", index=False)
    path = folder / "scores.json"
    numbers = json.loads(path.read_text())
    for rows in numbers.values():
        if isinstance(rows, list) and rows and isinstance(rows[0], dict) and "method" in rows[0]:
            rows += [{**row, "method": method} for method in OTHERS for row in list(rows)]
    path.write_text(json.dumps(numbers))


@pytest.mark.slow
def test_a_page_of_two_thousand_sites_and_ten_models_has_less_than_three_megabytes(tmp_path):
    rng = np.random.default_rng(7)
    out = fit_table(tmp_path, table(rng), MODELS, "pq")
    make_more(out, rng)
    assert main(["report", str(out), "--quiet"]) == 0
    page = (out / "report.html").read_text()
    assert page.count("<image ") >= len(LOCAL) * len(MODELS)
    assert LEAST < len(page) < MOST, len(page)
