"""Progress and results on the terminal."""

import math
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

from dirimix.errors import counted
from dirimix.sampling.progress import COMPARING, ChainProgress, Listener

if TYPE_CHECKING:
    from dirimix.study.manifest import Outcome
    from dirimix.table.split import SplitTable

_BAR = 24  # cells
_NAMED = 5  # results that are named at most where one reason is that of many
_EVERY = 15.0  # seconds between two plain lines of a chain


@dataclass(frozen=True)
class ConsoleReporter:
    """Writes lines and the progress of chains to stderr, scores to stdout.

    Attributes:
        quiet: Write nothing but what went wrong.
        redraw: Redraw the lines of chains in place where stderr is a terminal; not where several
            processes write to it.
        accepted: Whether results that have not converged are accepted.
    """

    quiet: bool = False
    redraw: bool = True
    accepted: bool = False

    def say(self, text: str) -> None:
        """One line."""
        if not self.quiet:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()

    def describe(self, data: "SplitTable", waits: Sequence[str]) -> None:
        """How many rows there are, what was left out, where to read the rest, what takes long."""
        counts = ", ".join(f"{len(rows.frame)} {split}" for split, rows in data.parts.items())
        self.say(f"{data.source}: {counts} rows, {counted(len(data.models), 'model')}")
        for note in data.notes:
            self.say(note)
        if data.remarks:
            stand = "stands" if len(data.remarks) == 1 else "stand"
            many = counted(len(data.remarks), "remark")
            self.say(f"{many} on the data {stand} in manifest.json")
        for wait in waits:
            self.say(f"note: {wait}")

    def listener(self, method: str) -> Listener | None:
        """A callback for the progress of a method's chains, None to be quiet."""
        if self.quiet:
            return None
        live = self.redraw and sys.stderr.isatty()
        return LiveLines(method, sys.stderr) if live else PlainLines(method, sys.stderr)

    def finish(self, outcome: "Outcome", place: str) -> None:
        """The scores and what has not converged."""
        for note in outcome.notes:
            self.say(f"note: {note}")
        if not self.quiet:
            sys.stdout.write(score_lines(outcome))
            sys.stdout.write(f"written to {place}\n")
        if outcome.unconverged:
            self.complain(outcome.unconverged, place)

    def complain(self, unconverged: Mapping[str, tuple[str, ...]], place: str) -> None:
        """Write what has not converged, quiet or not."""
        alike: dict[tuple[str, ...], list[str]] = {}
        for name, why in unconverged.items():
            alike.setdefault(why, []).append(name)
        which = ", ".join(f"{_some(names)} ({'; '.join(why)})" for why, names in alike.items())
        end = "" if self.accepted else "; --allow-unconverged accepts them"
        marked = f"the outputs in {place} are marked (docs/not-converged.md){end}"
        sys.stderr.write(f"dirimix: not converged: {which}; {marked}\n")


@dataclass
class LiveLines:
    """One line a chain, redrawn in place."""

    method: str
    stream: TextIO
    events: dict[int, ChainProgress] = field(default_factory=dict)
    drawn: int = 0

    def __call__(self, event: ChainProgress) -> None:
        """Redraw all lines."""
        self.events[event.chain] = event
        up = f"\x1b[{self.drawn}F" if self.drawn else ""
        lines = [self.events[chain] for chain in sorted(self.events)]
        text = "".join(f"\x1b[2K{chain_line(self.method, e, bar=True)}\n" for e in lines)
        self.stream.write(up + text)
        self.stream.flush()
        self.drawn = len(lines)


@dataclass
class PlainLines:
    """A line a chain now and then, and at the end of each phase."""

    method: str
    stream: TextIO
    written: dict[int, float] = field(default_factory=dict)

    def __call__(self, event: ChainProgress) -> None:
        """Write a line if it is time."""
        now = time.monotonic()
        first = self.written.setdefault(event.chain, now)
        if event.done < event.total and now - first < _EVERY:
            return
        self.written[event.chain] = now
        self.stream.write(chain_line(self.method, event) + "\n")
        self.stream.flush()


@dataclass
class RowProgress:
    """A line now and then on how many rows are predicted."""

    reporter: ConsoleReporter
    begun: float = field(default_factory=time.monotonic)
    written: float = field(default_factory=time.monotonic)

    def __call__(self, done: int, total: int) -> None:
        """Write a line if it is time."""
        now = time.monotonic()
        if now - self.written >= _EVERY:
            self.written = now
            pace = done / (now - self.begun)
            left = _clock((total - done) / pace)
            self.reporter.say(f"{done} of {total} rows  {pace:.0f} a second  {left} left")


def chain_line(method: str, event: ChainProgress, *, bar: bool = False) -> str:
    """One chain's state in one line.

    >>> chain_line("gbmm-d", ChainProgress(0, "draws", 20, 100, 1, 31.5, 75.0))
    'gbmm-d chain 1 draws   20/100  1 divergent  ESS 32  1:15 left'
    >>> chain_line("auto", ChainProgress(0, "warmup", 9, 90, 0, math.nan, 40.0, "lbmm-lgp"))
    'auto (lbmm-lgp) chain 1 warmup  9/90  0 divergent  0:40 left'
    """
    width = len(str(event.total))
    cells = round(_BAR * event.done / event.total)
    drawn = f" {'█' * cells}{'░' * (_BAR - cells)}" if bar else ""
    if event.phase == COMPARING:
        return f"{method} candidates compared{drawn} {event.done}/{event.total}"
    whose = f"{method} ({event.candidate})" if event.candidate else method
    parts = [
        f"{whose} chain {event.chain + 1} {event.phase:6}{drawn} "
        f"{event.done:{width}}/{event.total}",
        f"{event.divergences} divergent",
    ]
    if not math.isnan(event.ess):
        parts.append(f"ESS {event.ess:.0f}")
    if not math.isnan(event.seconds_left):
        parts.append(f"{_clock(event.seconds_left)} left")
    return "  ".join(parts)


def score_lines(outcome: "Outcome") -> str:
    """The score table of the test rows, or of the training rows where there are no others."""
    from dirimix.assess.schema import side_fault, width_fault
    from dirimix.table.values import quantity_text  # what it imports is heavy

    table = outcome.scores.fillna({"model": ""}).to_dict("records")
    split = "test" if any(row["split"] == "test" for row in table) else "train"
    head = (
        f"{'method':28}{'weights':13}{'n':>5}{'rms':>9}{'crps':>9}{'log score':>11}{'in 90 %':>9}"
    )
    lines = [f"scores on the {split} rows", head]
    for row in table:
        if row["split"] != split:
            continue
        name = f"{row['method']} {row['model']}".strip()
        if row["method"] in outcome.unconverged:
            name += " *"
        lines.append(
            f"{name:27} {row['weights']:12} {row['n']:4d} {quantity_text(row['rms']):>8} "
            f"{quantity_text(row['crps']):>8} {row['log_score']:10.3f} {row['coverage_90']:8.2f}"
            f"  {', '.join(filter(None, (width_fault(row), side_fault(row))))}".rstrip()
        )
    if outcome.unconverged:
        lines.append("* not converged")
    return "\n".join(lines) + "\n"


def _some(names: Sequence[str]) -> str:
    """The first few of many names, and how many more there are."""
    if len(names) <= _NAMED + 1:
        return ", ".join(names)
    return f"{', '.join(names[:_NAMED])} and {len(names) - _NAMED} more"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
