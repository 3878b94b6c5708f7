"""What a user may ask of an assessment, as plain records."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Scheme:
    """How rows are left out, fitted without and predicted.

    Attributes:
        name: What the scores call it.
        kind: A key of `SCHEMES`.
        size: Size of the blocks along each coordinate.
        along: The coordinate whose two ends are left out.
        depth: Sites left out at each end of each line.
        lines: Sites closer than this along the other coordinates are of one line.
        folds: Number of random folds.
        cluster: Size of the blocks of sites that are resampled together.
        methods: Whom it tries; empty is every method of the study.
        options: Options of the fits, over those of the study.
    """

    name: str
    kind: str
    size: tuple[float, ...] = ()
    along: str = ""
    depth: int = 1
    lines: tuple[float, ...] = ()
    folds: int = 0
    cluster: tuple[float, ...] = ()
    methods: tuple[str, ...] = ()
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Threshold:
    """Where predictions stay above a level.

    Attributes:
        level: In the unit of the target.
        methods: Mixtures that say so.
        along: The coordinate of the lines, by table as the study file names it.
        draws: Coherent draws of y.
        ended: A model whose table ends along a line is below the level beyond its end.
    """

    level: float
    methods: tuple[str, ...]
    along: Mapping[str, str]
    draws: int = 1000
    ended: bool = False


@dataclass(frozen=True)
class Reversion:
    """When a local weight counts as gone back to its far field."""

    tolerance: float = 0.05
    share: float = 0.95
