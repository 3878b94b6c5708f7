"""What the sampler is asked for and hands back: settings, target, chains, chunks of draws."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import pandas as pd
from jaxtyping import Array

from dirimix._arguments import check_choice, check_positive, check_whole
from dirimix.errors import InputError

Jump = Callable[[Array, Array], tuple[Array, Any]]
Update = Callable[[Array, Array], Array]
KERNELS = ("hmc", "nuts", "metropolis")
FIRST_STEP = 0.04  # where the search of the step size begins
LONGEST = 10_000_000  # warm-up


@dataclass(frozen=True)
class Settings:
    """How to sample.

    Attributes:
        chains: Independent chains.
        draws: Draws kept from each.
        warmup: Iterations before them, not kept; more where a target's covariances need them.
        kernel: 'hmc', 'nuts' or 'metropolis'.
        trajectory: Mean length of an `hmc` trajectory in posterior standard deviations.
        target_accept: Acceptance that the step size is tuned for.
        seed: Same seed, same draws.
        min_ess: Effective sample size to reach, with an R-hat that passes: after `draws`
            a tenth as many more, again and again until it is there, up to sixteen times the
            larger of both; 0 for `draws` alone. None for that of the checks, and at most four
            times as many draws, or eight where four times show that these will be enough, or none
            where six times those would not be.
        max_seconds: Wall time after which the warm-up is broken off, and no more draws are begun
            but the first 20 of each chain.
        device: Where JAX computes, 'cpu' or 'gpu'.
        first: Draws of each chain that end it where the checks pass after them; None for `draws`.
    """

    chains: int = 4
    draws: int = 1000
    warmup: int = 1000
    kernel: str = "hmc"
    trajectory: float = 4.0
    target_accept: float = 0.8
    seed: int = 0
    min_ess: float | None = None
    max_seconds: float | None = None
    device: str = "cpu"
    first: int | None = None

    def __post_init__(self) -> None:
        check_choice(self.kernel, "kernel", KERNELS)
        for name, least in (("chains", 1), ("draws", 4), ("warmup", 20)):
            check_whole(getattr(self, name), name, least)
        if self.warmup > LONGEST:
            raise InputError(
                f"warmup must be at most {LONGEST}, not {self.warmup}: chains that have not "
                "settled by then will not; give y_scale, fewer models or another kernel"
            )
        check_positive(self.trajectory, "trajectory")
        if self.max_seconds is not None:
            check_positive(self.max_seconds, "max_seconds")
        if self.min_ess is not None and self.min_ess != 0:
            check_positive(self.min_ess, "min_ess")


@dataclass(frozen=True)
class Target:
    """What to sample.

    Attributes:
        log_density: Log density of a flat vector of latents, up to a constant.
        force: What `hmc` trajectories follow in place of its gradient; None for the gradient.
        collect: What to keep of a draw, a dict of arrays.
        scale: First guess of the posterior standard deviations, (d,), or where `dense` of the
            covariances, (d, d).
        adapt: Coordinates whose scale is learnt in the warm-up, (d,) booleans; the others are
            standardised by construction.
        gaussian: Coordinates that enter the log density as independent standard normals, (d,)
            booleans, apart from the rest: the integrator follows that part exactly.
        monitor: Name of the collected array that the progress line shows the ESS of.
        speed: How much faster than by its scale a coordinate moves, (d,); None for 1.
        dense: Learn all covariances, not only the scales; for few coordinates, all of them in
            `adapt`.
        jumps: From a random key and a position another position, drawn as the way back would be,
            and the log of how much that map stretches volumes; proposed after every trajectory.
        proposals: Times that each jump is proposed then.
        updates: From a random key and a position the next of a Markov chain that leaves the law
            of the target as it is; after the jumps.
        walls: Lowest and highest value of every coordinate, (d, 2), both infinite where it has
            none; not together with `gaussian` coordinates. None for no walls.
    """

    log_density: Callable[[Array], Array]
    force: Callable[[Array], Array] | None
    collect: Callable[[Array], dict[str, Array]]
    scale: np.ndarray
    adapt: np.ndarray
    gaussian: np.ndarray
    monitor: str
    speed: np.ndarray | None = None
    dense: bool = False
    jumps: Sequence[Jump] = ()
    proposals: int = 1
    updates: Sequence[Update] = ()
    walls: np.ndarray | None = None
    fused: bool = False


class Sampleable(Protocol):
    """What can be sampled; must survive being sent to another process."""

    def target(self) -> Target:
        """Its target."""
        ...


class Tuning(NamedTuple):
    """Step size, inverse mass matrix or its diagonal, mean trajectory length."""

    step: Any
    inverse_mass: Any
    length: Any


class Search(NamedTuple):
    """Search of a step size: log step, its running mean, iterations so far."""

    log_step: Any
    mean: Any
    count: Any


class Chain(NamedTuple):
    """One chain between two chunks: where it is, its random key, its search of a step size."""

    position: Any
    key: Any
    search: Any


class Chunk(NamedTuple):
    """What some iterations gave, each array with the iterations in front."""

    draws: dict[str, np.ndarray]
    stats: dict[str, np.ndarray]


@dataclass(frozen=True)
class Sample:
    """Draws and how they were made; every array starts with (chains, draws).

    Attributes:
        draws: What `Target.collect` kept.
        stats: `acceptance_rate`, `diverging`, `energy`, `n_steps`, `lp`.
        step_size: Step size of the draws.
        gradients: Gradient evaluations, warm-up included.
        seconds: Wall time, search for a start, warm-up and compilation included.
        ended: What ended it: 'draws', 'ess' or 'time'.
        summary: What `diagnose` says of the draws.
    """

    draws: dict[str, np.ndarray]
    stats: dict[str, np.ndarray]
    step_size: float
    gradients: int
    seconds: float
    ended: str
    summary: pd.DataFrame
