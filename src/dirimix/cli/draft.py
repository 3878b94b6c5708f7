"""A first study of a table, to be edited."""

# pyright: strict

import json
from collections.abc import Mapping, Sequence

from dirimix.study.spec import ENOUGH_ROWS, MANY_ROWS
from dirimix.table.guessing.guess import Guess

_WIDTH = 88  # of a line
_RIVALS = ("simplex-ls", "ridge-stacking")
# rows a model with a value of every model, and share of the observations, below which no method
# that needs such rows is proposed
_WHOLE, _SHARE = 2, 0.1
_SCARCE = "the others need rows where every model has a value, and there are"
_FEW = 30  # observations below which none are set aside for a test


def study_text(
    found: Guess,
    table: str,
    reading: Sequence[str] = (),
    said: Mapping[str, str] | None = None,
) -> str:
    """A commented study file for the columns that were guessed.

    Args:
        found: What the columns are.
        table: Path of the table as the study names it.
        reading: Entries of [data] that say how it is read.
        said: What the table says of its target: its label, its unit.
    """
    distances = len(found.coords) <= 2 and not found.labels  # lbmm-gpd needs them
    local = ["lbmm-gld", *(["lbmm-gpd"] if distances else [])]
    # whose evidence rows are chosen by the distances between sites
    evidence = ["bma-closed-form"] if set(found.coords) - set(found.labels) else []
    placed = [*evidence, "gbmm-d", *(local if found.coords else [])]
    run, rivals = ["raw", "equal", *_RIVALS, *placed], _RIVALS
    enough = max(_WHOLE * len(found.models), _SHARE * found.observed)
    scarce = bool(found.coords) and found.whole < min(enough, found.observed)
    if scarce:  # the others are fitted to rows where every model has a value
        run, rivals = ["raw", *local, *(["lbmm-lgp"] if distances else [])], local[:1]
    pairs = [_listed([run[-1], rival]) for rival in rivals if rival != run[-1]]
    lines = [
        f"title = {quoted(f'Mixing {len(found.models)} models of {found.target}')}",
        "seed = 0",
        "",
        "[data]",
        f"table = {quoted(table)}",
        *reading,
        f"target = {quoted(found.target)} # the observations",
        *(f"{key} = {quoted(words)}" for key, words in (said or {}).items()),
        f"coords = {_listed(found.coords)} # "
        + (
            "where they were made"
            if found.coords
            else "none found: without any, weights are the same everywhere"
        ),
        f"models = {_listed(found.models)}",
    ]
    if found.names:
        lines.append(f"names = {quoted(found.names)} # what the report calls the rows")
    if found.geo:
        lines.append(f"geo = {_listed(found.geo)} # longitude and latitude in degrees")
    if found.error:
        lines.append(f"error = {quoted(found.error)} # their standard deviations")
    else:
        lines.append('# error = "COLUMN" # standard deviations of the observations, if known')
    if found.transform:
        lines.append(
            f"# transform = {quoted(found.transform)} # if errors grow with the quantity: it is "
            "positive and skewed"
        )
    if found.split:
        lines.append(f"split = {quoted(found.split)} # says train, test or landscape")
    elif found.observed >= _FEW:
        lines.append(
            "test_fraction = 0.25 # of the rows, drawn at random; rows that hang together in time "
            "or space\n# are better left out as a block: mark them in a column and name it in split"
        )
    else:
        lines.append(f"# {found.observed} observations are too few to set some aside for a test")
    if taken := rows_taken(found):
        lines.append(
            f"n_train = {taken} # of {found.observed} observations, drawn with the seed; the "
            "others are predicted:\n# with all of them local methods take hours, and neighbours "
            "tell a smooth field the same thing"
        )
    lines += [
        "",
        "# docs/methods.md says what they are; delete what is not wanted",
        *([f"# {_SCARCE} {found.whole}"] if scarce else []),
        "[methods]",
        f"run = {_listed(run)}",
        *(["", "[compare]", f"pairs = [{', '.join(pairs)}]"] if pairs else []),
    ]
    return "\n".join(lines) + "\n"


def rows_taken(found: Guess) -> int | None:
    """How many training rows a first study takes of a table with many; None for all."""
    return ENOUGH_ROWS if found.coords and found.observed > MANY_ROWS else None


def _listed(names: Sequence[str]) -> str:
    """A TOML list, on several lines where one would be long."""
    line = f"[{', '.join(map(quoted, names))}]"
    if len(line) <= _WIDTH:
        return line
    return "[\n" + "".join(f"    {quoted(name)},\n" for name in names) + "]"


def quoted(text: str) -> str:
    """A TOML string of any text: that of JSON, but for one control character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
