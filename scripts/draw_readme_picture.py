"""Draw the README's picture, docs/images/weights.png, from a finished run of the demo.

    make demo
    .venv/bin/python scripts/draw_readme_picture.py runs/demo

Options name another method of the run and another file.
"""

import argparse
from pathlib import Path

from dirimix.assess.schema import read_table
from dirimix.report.look import ColumnLabels
from dirimix.report.plots import weight_maps
from dirimix.study.folder import read_json

OUT = Path(__file__).parents[1] / "docs/images/weights.png"


def main() -> None:
    """Draw the weight maps of one local method of a run."""
    parser = argparse.ArgumentParser(description="Draw the README's picture.")
    parser.add_argument("folder", type=Path, help="folder that dirimix run wrote")
    parser.add_argument("--method", default="lbmm-gpd", help="default lbmm-gpd")
    parser.add_argument("--out", type=Path, default=OUT, help="default docs/images/weights.png")
    asked = parser.parse_args()
    weights = read_table(asked.folder, "weights")
    weights = weights.loc[weights["method"] == asked.method]
    if weights.empty:
        raise SystemExit(f"{asked.folder} holds no weights of {asked.method}; run it first")
    data = read_json(asked.folder / "scores.json")["data"]
    # column names: the display names of the demo's formulas are too long for small panels
    names = ColumnLabels({}, data["units"])
    axes = weight_maps(weights, data["coords"], data["models"], names)
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    axes[0, 0].figure.savefig(asked.out, dpi=110, facecolor="white")
    print(f"{asked.method} of {asked.folder} drawn to {asked.out}")


if __name__ == "__main__":
    main()
