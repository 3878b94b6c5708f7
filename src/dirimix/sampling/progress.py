"""Progress events of the chains, and of what comes before them, for callbacks."""

from collections.abc import Callable
from dataclasses import dataclass

COMPARING = "comparing"  # the candidates of a choice, before the first chain


@dataclass(frozen=True)
class ChainProgress:
    """One chain's state of work.

    Attributes:
        chain: Its number, from 0.
        phase: 'warmup', 'draws', or 'comparing' where candidates are scored before any chain.
        done: Iterations, or candidates, done in this phase.
        total: Those of this phase.
        divergences: Divergent iterations so far in this phase.
        ess: Smallest bulk effective sample size so far over all chains, NaN before it is known.
        seconds_left: Estimated time to the end of the phase, NaN before it is known.
        candidate: Which is fitted, where a method chooses from several.
    """

    chain: int
    phase: str
    done: int
    total: int
    divergences: int
    ess: float
    seconds_left: float
    candidate: str = ""


Listener = Callable[[ChainProgress], None]
