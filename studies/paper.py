"""What became of the paper's claims: one row a claim, from the output folder of a run.

    python studies/paper.py runs/nuclear-s2n docs/paper.md

The paper is Kejzlar, Neufcourt, Nazarewicz (2023), doi 10.1038/s41598-023-46568-0. Everything is
read from the files that `dirimix run` and `dirimix report` write for these studies; nothing
is computed here but the verdicts, and the rules for these stand in the page itself. The tables
and figures of the run are copied into a folder beside the page, and shown in it.
"""

import argparse
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paper_findings import (
    CLOSE,
    Finding,
    Missing,
    Run,
    best_raw,
    dominant,
    faithful,
    metropolis,
    rms_is,
    worse,
)
from PIL import Image

SMALL = 40_000  # bytes of a table that is worth a copy
SCORES = ("log_score", "crps")
_SOURCE = "from what `dirimix run` and `dirimix report` had written there."
_BEYOND = "How mixtures do that go beyond the paper's is in [What the parts gain](parts.md).\n\n"
_RULES = (
    f"Rules. A number counts as reproduced if ours is within {CLOSE} MeV of it, as not reproduced "
    "if it lies outside our 90 % bootstrap band, and as not decidable in between. A comparison "
    "counts as reproduced or not if the 90 % band of the paired difference lies on one side of 0, "
    "and as not decidable otherwise. In the last column whole regions of the chart or the edges of "
    "its chains are left out, and bands resample whole regions.\n\n"
)
_PAIRS = (
    "Paired differences of mean scores, with 90 % bands; in bold where the band lies on one side "
    "of 0. A higher log score and a lower CRPS are better. Under psis-loo methods with `+gp` look "
    "too good: their correction has seen every row.\n\n"
)


@dataclass(frozen=True)
class Claim:
    """A claim of the paper, in words, with its number or direction, and how it is looked up."""

    words: str
    paper: str
    look: Callable[[Run], Finding]


CLAIMS = (
    Claim("Of the raw models HFB-24 is best", "", best_raw),
    Claim("gBMM+D of raw models, test rms", "0.31 MeV", rms_is(0.31, "gbmm-d", "test")),
    Claim("gBMM+D of corrected models, test rms", "0.46 MeV", rms_is(0.46, "gbmm-d+gp", "test")),
    Claim(
        "BMA of corrected models, test rms", "0.35 MeV", rms_is(0.35, "bma-closed-form+gp", "test")
    ),
    Claim(
        "LBMM+GPD, training rms (its weights have seen the answers)",
        "0.25 MeV",
        rms_is(0.25, "lbmm-gpd", "train", "site"),
    ),
    Claim("Mixing corrected models overfits", "worse", worse("gbmm-d+gp", "gbmm-d")),
    Claim("Mixing beats averaging", "better", worse("bma-closed-form", "gbmm-d")),
    Claim("Local mixtures have the most faithful coverage", "", faithful),
    Claim("HFB-24 dominates, with FRDM-2012, UNEDF0 and SkM* next", "", dominant),
    Claim("GLD is too simple", "worse than GPD", worse("lbmm-gld", "lbmm-gpd", "log_score")),
    Claim("A Metropolis sampler is inadequate", "", metropolis),
)


def claims(run: Run, chosen: Sequence[Claim] = CLAIMS) -> str:
    """What became of the claims, a Markdown table."""
    heads = ("claim", "paper", "measured", "90 % band", "verdict", "regions and edges left out")
    return table([heads, *(_row(claim, run) for claim in chosen)])


def _row(claim: Claim, run: Run) -> Sequence[str]:
    try:
        found = claim.look(run)
    except Missing as reason:
        return (claim.words, claim.paper, f"not measured: {reason}", "", "", "")
    return (
        claim.words, claim.paper, found.measured, found.band, found.verdict, found.elsewhere,
    )  # fmt: skip


def differences(run: Run) -> str:
    """The paired differences of a run, one line a pair and one column a way to leave rows out."""
    pairs = run.table("pairs")
    pairs = pairs.loc[(pairs["split"] != "train") & pairs["score"].isin(SCORES)]
    splits = list(dict.fromkeys(pairs["split"]))
    rows = [("method", "less", "score", *splits)]
    for (a, b, score), found in pairs.groupby(["a", "b", "score"], sort=False):
        cells = {r["split"]: _difference(r) for r in found.to_dict("records")}
        rows.append((a, b, score.replace("_", " "), *(cells.get(split, "") for split in splits)))
    return table(rows)


def _difference(row: Mapping[str, Any]) -> str:
    """A difference with its band, in bold where the band lies on one side of 0."""
    words = f"{row['difference']:+.3f} ({row['lo']:+.3f} to {row['hi']:+.3f})"
    return f"**{words}**" if row["lo"] > 0 or row["hi"] < 0 else words


def table(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, the first row its heads."""
    head, *body = rows
    lines = [head, ["---" for _ in head], *body]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines) + "\n"


def state(run: Run) -> str:
    """What was run, on what, and whether it converged."""
    manifest = run.manifest
    rows = ", ".join(f"{n} {split}" for split, n in manifest["data"]["rows"].items())
    unfinished = [name for name, made in manifest["methods"].items() if not made["converged"]]
    unfinished += run.parts_unconverged
    state = f"not converged: {', '.join(unfinished)}" if unfinished else "every method converged"
    models = len(manifest["data"]["models"])
    return (
        f"{manifest['study']['title']} ({rows} nuclei, {models} models, seed {manifest['seed']}, "
        f"measured with dirimix {manifest['versions']['dirimix']}; {state}).\n\n"
    )


def figures(run: Run, target: Path, prefix: str = "") -> str:
    """Copy the run's pictures and small tables beside the page and show them in it."""
    folder, lines = target.with_suffix(""), []
    for exhibit in run.manifest["study"].get("exhibits", ()):
        name, title = exhibit["name"], exhibit["title"]
        made = {k: run.folder / "figures" / f"{name}.{k}" for k in ("png", "csv", "md")}
        if not made["csv"].is_file():
            continue
        folder.mkdir(exist_ok=True)
        here, numbers = f"{folder.name}/{prefix}{name}", made["csv"]
        lines.append(f"### {title}\n\n")
        if made["md"].is_file():
            lines.append(made["md"].read_text(encoding="utf-8") + "\n")
        else:
            shutil.copyfile(made["png"], folder / f"{prefix}{name}.png")
            lines.append(f"![{title}]({here}.png)\n\n{_caption(made['png'])}\n\n")
        if numbers.stat().st_size <= SMALL:
            shutil.copyfile(numbers, folder / f"{prefix}{name}.csv")
            lines.append(f"Numbers: [{prefix}{name}.csv]({here}.csv)\n\n")
    return "".join(lines)


def _caption(picture: Path) -> str:
    with Image.open(picture) as opened:
        return opened.info["Description"]


def page(run: Run, other: Run | None, target: Path, command: str) -> str:
    """The whole page, Markdown; the figures go into the folder beside it."""
    parts = [
        "# The paper's claims, measured\n\n", state(run), f"Made by `{command}`, {_SOURCE}\n\n",
        _BEYOND, _RULES, claims(run), f"## Differences\n\n{_PAIRS}", differences(run),
        "## Tables and figures\n\n", figures(run, target),
    ]  # fmt: skip
    if run.longer is not None:
        parts += [
            "## Regions left out, and other priors\n\n", state(run.longer),
            differences(run.longer), figures(run.longer, target, "long-"),
        ]  # fmt: skip
    if other is not None:
        statements = [claim for claim in CLAIMS if not claim.paper.endswith("MeV")]
        parts += [
            "## The other observable\n\n", state(other), claims(other, statements),
            differences(other), figures(other, target, "other-"),
        ]  # fmt: skip
    return "".join(parts).rstrip() + "\n"


def page_parser(description: str | None) -> argparse.ArgumentParser:
    """The arguments of a script that writes a page from a run; the first line says what it is."""
    parser = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="output folder of a run")
    parser.add_argument("page", type=Path, help="file to write, Markdown")
    return parser


def main(arguments: Sequence[str]) -> int:
    """Write the page of a run."""
    parser = page_parser(__doc__)
    parser.add_argument("longer", type=Path, nargs="?", help="that of studies/nuclear-long.toml")
    parser.add_argument("other", type=Path, nargs="?", help="that of the other observable")
    given = parser.parse_args(arguments)
    run = Run(given.folder, given.longer and Run(given.longer))
    other = given.other and Run(given.other)
    command = shlex.join(["python", "studies/paper.py", *map(str, arguments)])
    given.page.write_text(page(run, other, given.page, command), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
