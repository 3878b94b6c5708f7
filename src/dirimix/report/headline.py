"""What the page says first: one sentence, and tiles with the answers that readers look for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any

from dirimix.assess.headline import headline_pair, in_order, judged_split, rivals
from dirimix.assess.schema import SCORE_WORDS, row_label, side_fault, width_fault
from dirimix.errors import counted
from dirimix.methods import SINGLE, parse_method
from dirimix.report.look import with_unit
from dirimix.report.numbers import number, quantity
from dirimix.report.output import Law, Output

Row = Mapping[str, Any]
GOOD, MIND, BAD, PLAIN = "good", "mind", "bad", "plain"
_MANY = 4  # names that a sentence takes


@dataclass(frozen=True)
class Tile:
    """An answer of the first screen.

    Attributes:
        title: The question.
        state: 'good', 'mind', 'bad', or 'plain' where there is nothing to judge.
        verdict: The state in words.
        value: The answer.
        lines: What belongs to it.
    """

    title: str
    state: str
    verdict: str
    value: str
    lines: tuple[str, ...] = ()


def sentence(output: Output) -> str:
    """What was mixed, to predict what, from how many rows."""
    data = output.numbers["data"]
    models = joined([output.names.short(m) for m in output.models])
    mixed = [law for law in output.laws if not law.model]
    coords = joined([output.names.axis(c) for c in output.coords])
    where = f" by {coords}" if output.coords else ""
    rows = data["rows"]
    counts = [f"{counted(rows['train'], 'row')} {'trains' if rows['train'] == 1 else 'train'}"]
    counts += [f"{rows['test']} test"] if rows.get("test") else []
    counts += [f"{rows['landscape']} more are predicted"] if rows.get("landscape") else []
    target = with_unit(data["label"], data["unit"])
    how = (
        f"combined by {counted(len(mixed), 'method')}" if mixed else "each by itself, none combined"
    )
    return f"{len(output.models)} models ({models}) of {target}{where}, {how}; {joined(counts)}."


def joined(words: Sequence[str]) -> str:
    """Words as a list, of very many the first ones, with semicolons where words have commas.

    >>> joined(["one", "two", "three"])
    'one, two and three'
    """
    many = len(words) > _MANY + 3
    words = [*words[:_MANY], f"{len(words) - _MANY} more"] if many else words
    comma, last = ("; ", "; ") if any("," in word for word in words) else (", ", " and ")
    return last.join([comma.join(words[:-1]), words[-1]] if len(words) > 1 else words)


def tiles(output: Output) -> list[Tile]:
    """The tiles that have an answer."""
    numbers = output.numbers
    main = output.main
    found = [
        convergence(numbers),
        best(numbers, output.names.labels),
        against_simple(numbers, output.names.labels),
        *([] if main is None else [coverage(numbers, main), widths(numbers, main)]),
    ]
    return [tile for tile in found if tile is not None]


def convergence(numbers: Row) -> Tile:
    """How many samplings converged, with the worst of each check."""
    sampled = numbers["sampling"]
    bad, others = unconverged(numbers), list(numbers["unconverged"])
    if not sampled and not bad and not others:
        return Tile("Converged?", GOOD, "nothing to converge", "no sampling",
                    ("All methods are solved without random draws.",))  # fmt: skip
    worst, lines = numbers["convergence"], list[str]()
    # one chain, or a quantity that is the same in every draw, has no R-hat
    rhats = [row["rhat"] for row in worst if row["rhat"] is not None]
    sizes = [row[n] for row in worst for n in ("ess_bulk", "ess_tail") if row[n] is not None]
    if rhats and sizes:
        lines.append(
            f"largest R-hat {number(max(rhats))}, least effective sample size "
            f"{number(min(sizes), 0)}"
        )
    divergent = sum(row["divergences"] or 0 for row in sampled)
    lines.append(counted(divergent, "divergent transition"))
    high = sum(row["high_k"] or 0 for row in numbers["loo"])
    if numbers["loo"]:
        lines.append(f"{counted(high, 'row')} with Pareto k above 0.7")
    good = len(sampled) - sum(not row["converged"] for row in sampled)
    value = f"{good} of {len(sampled)} samplings"
    if others:
        besides = f"{counted(len(others), 'fit')} of other rows or targets"
        lines.insert(0, f"not counted here, {besides}: {joined(others)}")
    if bad or others:
        first = (joined(bad),) if bad else ()
        return Tile("Converged?", BAD, "not converged", value, (*first, *lines))
    return Tile("Converged?", MIND if divergent else GOOD, "converged", value, tuple(lines))


def unconverged(numbers: Row) -> list[str]:
    """The methods that have not converged."""
    return [m["method"] for m in numbers["methods"] if not m["converged"]]


def told_apart(row: Row) -> bool | None:
    """Whether a method is told apart from the best one; None where there is no band."""
    if row["difference_lo"] is None:
        return None
    return not row["difference_lo"] <= 0 <= row["difference_hi"]


def best(numbers: Row, labels: Mapping[str, str]) -> Tile | None:
    """Which method is first by the log score, and which are not told apart from it."""
    order = in_order(numbers["ranking"])
    if not order:
        return _unrivalled(numbers, labels)
    first, others = order[0], order[1:]
    near = [row_label(r, labels) for r in others if told_apart(r) is False]
    unknown = any(told_apart(r) is None for r in others)
    rows = "test rows" if first["split"] == "test" else f"rows left out ({first['split']})"
    lines = [f"log score {quantity(first['value'])} on {first['n']} {rows}"]
    if unknown:
        return Tile("Best prediction", PLAIN, "too few rows to tell", row_label(first, labels),
                    (*lines, "Too few rows for bands of the differences."))  # fmt: skip
    lines.append(
        f"not told apart from it: {joined(near)}" if near else "told apart from all others"
    )
    bands = "its own 90 % band" if len(others) == 1 else "90 % bands of their own"
    lines.append(f"{counted(len(others), 'comparison')} with the best, with {bands}")
    state, verdict = (MIND, "not alone") if near else (GOOD, "alone")
    if first["method"] in unconverged(numbers):
        state, verdict = BAD, "the first has not converged"
    return Tile("Best prediction", state, verdict, row_label(first, labels), tuple(lines))


def _unrivalled(numbers: Row, labels: Mapping[str, str]) -> Tile | None:
    """Why nothing is said to be best: no rows that were left out, or nothing to compare with."""
    scored = [row for row in numbers["scores"] if row["weights"] == "field"]
    unseen = [row for row in scored if row["split"] != "train"]
    if not scored:
        return None
    if not unseen:
        line = "All observed rows train: how well they are fitted says little of new ones."
        return Tile("Best prediction", PLAIN, "no rows to judge by", "not known", (line,))
    row, value = unseen[0], quantity(unseen[0]["log_score"])
    lines = (f"log score {value} on {row['n']} {row['split']} rows",)
    return Tile("Best prediction", PLAIN, "nothing to compare with", row_label(row, labels), lines)


def against_simple(numbers: Row, labels: Mapping[str, str]) -> Tile | None:
    """The best of the inferred mixtures against the best of the simple weights, with the band."""
    order = in_order(numbers["ranking"])
    both = headline_pair(order)
    if both is None:
        return None
    main, simple = both
    split = order[0]["split"]
    known = {(r["a"], r["b"], r["score"]): r for r in numbers["differences"] if r["split"] == split}
    found = [_gain(known, main, simple, score) for score in ("log_score", "crps", "rms")]
    results = [one for one in found if one is not None]
    if not results:
        return None
    lines = [line for line, _ in results]
    mixtures, others = rivals(order)
    if len(mixtures) * len(others) > 1:
        counts = f"{counted(len(mixtures), 'mixture')} and {len(others)} simple weights"
        lines.append(f"chosen on the same rows, of {counts}: bands leave the choice out")
    verdict = results[0][1]
    if parse_method(order[0]["method"]).method.group == SINGLE:
        lines.append(f"{row_label(order[0], labels)} comes before both")
    state = {"better": GOOD, "worse": BAD, "not told apart": MIND}[verdict]
    if main in unconverged(numbers):
        state, verdict = BAD, f"{main} has not converged"
    return Tile("Worth the effort?", state, verdict, f"{main} against {simple}", tuple(lines))


def _gain(
    pairs: Mapping[tuple[str, str, str], Row], main: str, other: str, score: str
) -> tuple[str, str] | None:
    """How much better the main method is in a score, in words, and the verdict."""
    sign = 1 if (main, other, score) in pairs else -1
    row = pairs.get((main, other, score)) or pairs.get((other, main, score))
    if row is None:
        return None
    ends = sorted(sign * row[k] for k in ("lo", "hi")) if row["lo"] is not None else None
    label = SCORE_WORDS[score].label
    if row["difference"] is None:
        return f"{label}: no difference, as an observation has the density 0", "not told apart"
    difference = sign * row["difference"]
    if ends is None:
        return f"{label} {signed(difference)}, no band: too few rows", "not told apart"
    text = f"{label} {signed(difference)} ({signed(ends[0])} to {signed(ends[1])})"
    if ends[0] <= 0 <= ends[1]:
        return f"{text}: not told apart", "not told apart"
    verdict = "better" if (difference > 0) == SCORE_WORDS[score].gain else "worse"
    return f"{text}: {verdict}", verdict


def signed(value: float | None) -> str:
    """A number with its sign.

    >>> signed(0.25), signed(-0.25), signed(None)
    ('+0.250', '−0.250', '–')
    """
    return f"+{quantity(value)}" if value is not None and value > 0 else quantity(value)


def coverage(numbers: Row, main: Law) -> Tile | None:
    """Whether the 90 % intervals of one law hold 90 % of the observations."""
    row = _scores_of(numbers, main)
    if row is None:
        return None
    share, lo, hi = (row[f"coverage_90{end}"] for end in ("", "_lo", "_hi"))
    seen = {"train": "training", "test": "test"}.get(row["split"], row["split"])
    lines = [f"of {row['n']} {seen} rows inside the 90 % interval of {main.label}"]
    if lo is None:
        return Tile("Intervals honest?", PLAIN, "too few rows to tell", number(share, 2),
                    tuple(lines))  # fmt: skip
    lines.append(f"90 % band {number(lo, 2)} to {number(hi, 2)}")
    if row["split"] == "train":
        lines.append("The method has seen these rows; rows left out tell more.")
    if side := side_fault(row):
        below = number(row["below_median"], 2)
        lines.append(f"The predictions are {side}: {below} of the rows lie below the median.")
    fault = width_fault(row)
    state = BAD if fault == "too narrow" else MIND if fault or row["split"] == "train" else GOOD
    verdict = fault or "not told apart from 90 %"
    return Tile("Intervals honest?", state, verdict, number(share, 2), tuple(lines))


def _scores_of(numbers: Row, law: Law) -> Row | None:
    rows = [r for r in numbers["scores"] if _is_of(law, r) and r["weights"] == "field"]
    by_split = {r["split"]: r for r in rows}
    return (
        by_split.get("test")
        or by_split.get(judged_split(numbers["ranking"]) or "")
        or by_split.get("train")
    )


def _is_of(law: Law, row: Row) -> bool:
    return row["method"] == law.method and (row["model"] or "") == law.model


def widths(numbers: Row, main: Law) -> Tile | None:
    """How wide the intervals of one law are where it was trained, tested and beyond."""
    found = {r["split"]: r["half_width"] for r in numbers["widths"] if _is_of(main, r)}
    if not found:
        return None
    unit = numbers["data"]["unit"]
    shown = found.get("test", next(iter(found.values())))
    words = {"train": "training rows", "test": "test rows", "landscape": "rows without observation"}
    lines = tuple(f"{quantity(v)} on {words[s]}" for s, v in found.items())
    value = f"± {quantity(shown)} {unit}".rstrip()
    return Tile(
        "How sure?", PLAIN, "median half-width at 90 %", value, (*lines, f"by {main.label}")
    )


@dataclass(frozen=True)
class Again:
    """How to fit once more what has not converged.

    Attributes:
        words: What to change, and where.
        command: The command that then goes on.
    """

    words: str
    command: str


def again(output: Output) -> Again:
    """What to do with the advice that stands with each method that has not converged."""
    if output.manifest["command"] != "run":
        return Again(
            "Fit again with what is to change, for example", "dirimix fit … --option min_ess=400"
        )
    study = next(iter(output.manifest["sha256"]), "STUDY.toml")
    # a page that is passed on need not tell whose disk it was made on
    where = Path(*output.folder.parts[-2:]) if output.folder.is_absolute() else output.folder
    words = (
        f"Put what is to change under {_sections(output)} in {Path(study).name}, then go on with"
    )
    return Again(words, f"dirimix run {quote(study)} --out {quote(str(where))} --resume")


def _sections(output: Output) -> str:
    """The sections of a study file that have the options of what has not converged."""
    failed = [*unconverged(output.numbers), *output.numbers["unconverged"]]
    # a fit of other rows or of another target has the options of its method
    known = sorted(output.methods, key=len, reverse=True)
    found = (next((m for m in known if title.startswith(m)), title) for title in failed)
    return joined([f'[options."{method}"]' for method in dict.fromkeys(found)])


def state_mark(state: str) -> str:
    """A shape for a state, beside its word."""
    return {GOOD: "●", MIND: "▲", BAD: "■", PLAIN: "○"}[state]
