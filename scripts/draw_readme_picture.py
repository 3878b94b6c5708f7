"""Draw the README's picture, docs/images/section-and-map.png, from a fit of its own (minutes).

    .venv/bin/python scripts/draw_readme_picture.py

On the left one chain of isotopes: models, measurements and the mixture with its band. On the right
the chart: which model is trusted where.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba

from dirimix import LocalDirichletMixture, datasets
from dirimix.report.look import FOREGROUND, MUTED, PALETTE

OUT = Path(__file__).parents[1] / "docs/images/section-and-map.png"
COLOURS = (*PALETTE, MUTED)
N_TRAIN, SEED = 200, 1


def main() -> None:
    """Fit a local mixture to some of the embedded nuclei, and draw it."""
    parser = argparse.ArgumentParser(description="Draw the README's picture.")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--protons", type=int, default=50, help="chain of isotopes, default 50")
    asked = parser.parse_args()
    data = datasets.load("liquid-drop")
    models = list(data.models)
    chart = data.frame.dropna(subset=models)
    trained = chart["split"] == "train"
    train = chart.loc[trained].sample(N_TRAIN, random_state=SEED)
    mixture = LocalDirichletMixture(
        data.coords, models, field="gp", chains=4, draws=500, random_state=SEED
    )
    mixture.fit(train, train[data.target], train[data.error])
    fig, (left, right) = plt.subplots(
        1, 2, figsize=(10, 4), width_ratios=(1, 1.25), layout="constrained"
    )
    colours = dict(zip(models, COLOURS, strict=True))
    chain = chart["Z"] == asked.protons
    draw_section(left, chart.loc[chain], train.index, mixture, colours)
    draw_map(right, chart, train, mixture, colours)
    handles, names = left.get_legend_handles_labels()
    labels = [data.labels.get(name, name) for name in names]
    fig.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    fig.savefig(asked.out, dpi=120, facecolor="white")


def draw_section(
    ax: Axes,
    rows: pd.DataFrame,
    trained: pd.Index,
    mixture: LocalDirichletMixture,
    colours: Mapping[str, str],
) -> None:
    """Everything less the mean of the models, so that what is small beside it can be seen."""
    rows = rows.sort_values("N")
    n, middle = rows["N"].to_numpy(), rows[list(colours)].mean(axis=1).to_numpy()
    for model, colour in colours.items():
        ax.plot(n, rows[model] - middle, color=colour, lw=1, label=model)
    low, high = mixture.predict_interval(rows, 0.9).T
    ax.fill_between(n, low - middle, high - middle, color=FOREGROUND, alpha=0.2, label="90 % band")
    ax.plot(n, mixture.predict(rows) - middle, color=FOREGROUND, lw=2, label="mixture")
    y, seen = rows["S2n"].to_numpy() - middle, rows.index.isin(trained)
    ax.plot(n[seen], y[seen], "o", color="black", ms=4, label="measured, trains")
    ax.plot(n[~seen], y[~seen], "o", color="black", mfc="white", ms=4, label="measured, not shown")
    ax.set(xlabel="N", ylabel="S2n less the mean of the models (MeV)")
    ax.set_title(f"One chain of isotopes, Z = {rows['Z'].iloc[0]:g}", fontsize=10)


def draw_map(
    ax: Axes,
    chart: pd.DataFrame,
    train: pd.DataFrame,
    mixture: LocalDirichletMixture,
    colours: Mapping[str, str],
) -> None:
    """A cell a nucleus in the colour of the model of largest weight, as strong as that weight."""
    weights = mixture.predict_weights(chart).to_numpy()
    best = weights.argmax(axis=1)
    cells = [
        to_rgba(list(colours.values())[k], alpha=float(np.clip(1.4 * w, 0.1, 1)))
        for k, w in zip(best, weights.max(axis=1), strict=True)
    ]
    ax.scatter(chart["N"], chart["Z"], c=cells, marker="s", s=9, linewidths=0)
    ax.plot(train["N"], train["Z"], "k.", ms=2)
    ax.set(xlabel="N", ylabel="Z")
    ax.set_title("Which model is trusted where", fontsize=10)


if __name__ == "__main__":
    main()
