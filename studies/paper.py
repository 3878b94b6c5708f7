"""What became of the paper's claims: one row a claim, from the output folder of a run.

    python studies/paper.py runs/nuclear-s2n docs/paper.md

The paper is Kejzlar, Neufcourt, Nazarewicz (2023), doi 10.1038/s41598-023-46568-0. Everything is
read from the files that `dirimix run studies/nuclear-s2n.toml` and `dirimix report` write; nothing
is computed here but the verdicts, and the rules for these stand in the page itself. The tables
and figures of the run are copied into a folder beside the page, and shown in it.
"""

import argparse
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

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

SMALL = 40_000  # bytes of a table that is worth a copy


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


def page(run: Run, command: str) -> str:
    """The whole page, Markdown."""
    rows = [_row(claim, run) for claim in CLAIMS]
    heads = ("claim", "paper", "measured", "90 % band", "verdict", "regions and edges left out")
    lines = [" | ".join(heads), " | ".join("---" for _ in heads), *(" | ".join(r) for r in rows)]
    return _head(run, command) + "".join(f"| {line} |\n" for line in lines)


def _row(claim: Claim, run: Run) -> Sequence[str]:
    try:
        found = claim.look(run)
    except Missing as reason:
        return (claim.words, claim.paper, f"not measured: {reason}", "", "", "")
    return (
        claim.words, claim.paper, found.measured, found.band, found.verdict, found.elsewhere,
    )  # fmt: skip


def _head(run: Run, command: str) -> str:
    manifest = run.manifest
    rows = ", ".join(f"{n} {split}" for split, n in manifest["data"]["rows"].items())
    unfinished = [name for name, made in manifest["methods"].items() if not made["converged"]]
    state = f"not converged: {', '.join(unfinished)}" if unfinished else "every method converged"
    models = len(manifest["data"]["models"])
    return (
        "# The paper's claims, measured\n\n"
        f"{manifest['study']['title']} ({rows} nuclei, {models} models, seed {manifest['seed']}, "
        f"dirimix {manifest['versions']['dirimix']}; {state}).\n\n"
        f"Made by `{command}`, from what `dirimix run` and `dirimix report` had written there.\n\n"
        "Rules. A number counts as reproduced if ours is within "
        f"{CLOSE} MeV of it, as not reproduced if it lies outside our 90 % bootstrap band, and as "
        "not decidable in between. A comparison counts as reproduced or not if the 90 % band of "
        "the paired difference lies on one side of 0, and as not decidable otherwise. In the last "
        "column whole regions of the chart or the edges of its chains are left out, and bands "
        "resample whole regions.\n\n"
    )


def figures(run: Run, target: Path) -> str:
    """Copy the run's pictures and small tables beside the page and show them in it."""
    folder, lines = target.with_suffix(""), []
    for exhibit in run.manifest["study"].get("exhibits", ()):
        name, title = exhibit["name"], exhibit["title"]
        picture, numbers = (run.folder / "figures" / f"{name}.{kind}" for kind in ("png", "csv"))
        if not picture.is_file():
            continue
        folder.mkdir(exist_ok=True)
        shutil.copyfile(picture, folder / picture.name)
        lines.append(f"## {title}\n\n![{title}]({folder.name}/{picture.name})\n\n")
        if numbers.stat().st_size <= SMALL:
            shutil.copyfile(numbers, folder / numbers.name)
            lines.append(f"Numbers: [{numbers.name}]({folder.name}/{numbers.name})\n\n")
    return "\n" + "".join(lines) if lines else ""


def main(arguments: Sequence[str]) -> int:
    """Write the page of a run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="output folder of a run")
    parser.add_argument("page", type=Path, help="file to write, Markdown")
    given = parser.parse_args(arguments)
    command = f"python studies/paper.py {given.folder} {given.page}"
    run = Run(given.folder)
    text = page(run, command) + figures(run, given.page)
    given.page.write_text(text.rstrip() + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
