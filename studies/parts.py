"""What each part of a mixture gains, from the output folder of a run.

    python studies/parts.py runs/nuclear-sampled docs/parts.md

Everything is read from the files that `dirimix run` and `dirimix report` write for
studies/nuclear-sampled.toml; nothing is computed here. Figures are copied beside the page.
"""

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from paper import differences, figures, page_parser, state, table
from paper_findings import Run

_LEVELS = (50, 68, 80, 90, 95)
_INTRODUCTION = (
    "The method of the paper is `lbmm-gpd`. The others have smooth weights, noise that follows the "
    "map with heavy tails, a discrepancy or signed weights ([the equations]"
    "(methods.md#mixtures-made-of-parts)). All are sampled but those with `mode` in their name; "
    "`sum-one` are signed weights along all directions in which the models differ. The priors were "
    "fixed before these test rows were scored, but for their forms, which come from prototypes "
    "that were scored on them.\n\n"
)
_PAIRS = (
    "Paired differences of mean scores on the test rows, with 90 % bands; in bold where the band "
    "lies on one side of 0. A higher log score and a lower CRPS are better.\n\n"
)
_SECONDS = (
    "Seconds are of the wall, with whatever else the machine did beside; [the engine]"
    "(engine.md#latent-mixtures) has what was measured with nothing beside it.\n\n"
)


def scores(run: Run) -> str:
    """Scores of the test rows, one line a method, with 90 % bands."""
    levels = " / ".join(map(str, _LEVELS))
    rows = [
        ("method", "log score", "CRPS", f"in the {levels} % intervals, %", "below the median, %")
    ]
    found = run.table("scores")
    found = found.loc[(found["split"] == "test") & (found["weights"] == "field")]
    rows += [
        (
            row["method"],
            _banded(row, "log_score", 2),
            _banded(row, "crps", 3),
            " / ".join(f"{100 * row[f'coverage_{level}']:.0f}" for level in _LEVELS),
            _banded(row, "below_median", 0, 100),
        )
        for row in found.to_dict("records")
    ]
    return table(rows)


def sampling(run: Run) -> str:
    """How the sampled ones were sampled."""
    heads = ("method", "converged", "draws of a chain", "divergences", "gradients", "seconds")
    rows = [heads]
    rows += [
        (
            row["method"],
            "yes" if row["converged"] else f"no: {row['reasons']}",
            f"{row['draws']:,.0f}",
            f"{row['divergences']:.0f}",
            f"{row['gradients']:,.0f}",
            f"{row['seconds']:.0f}",
        )
        for row in run.table("sampling").to_dict("records")
    ]
    return table(rows)


def _banded(row: Mapping[str, Any], name: str, digits: int, times: float = 1.0) -> str:
    value, low, high = (times * row[f"{name}{end}"] for end in ("", "_lo", "_hi"))
    return f"{value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def page(run: Run, target: Path, command: str) -> str:
    """The whole page, Markdown; the figures go into the folder beside it."""
    parts = [
        "# What the parts gain\n\n", _INTRODUCTION, state(run), f"Made by `{command}`.\n\n",
        "## Scores of the test rows\n\n", scores(run), _PAIRS, differences(run),
        "## Sampling\n\n", _SECONDS, sampling(run), "## Figures\n\n", figures(run, target),
    ]  # fmt: skip
    return "".join(parts).rstrip() + "\n"


def main(arguments: Sequence[str]) -> int:
    """Write the page of a run."""
    given = page_parser(__doc__).parse_args(arguments)
    command = shlex.join(["python", "studies/parts.py", *map(str, arguments)])
    given.page.write_text(page(Run(given.folder), given.page, command), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
