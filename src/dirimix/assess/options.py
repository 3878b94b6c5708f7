"""What a user may ask of an assessment, as plain records."""

# pyright: strict

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Scheme:
    """How rows are left out, fitted without and predicted.

    Attributes:
        name: What the scores call it.
        kind: 'blocks', 'edges', 'k-fold' or 'split'.
        size: Size of the blocks along each coordinate, in its unit.
        along: The coordinate whose two ends are left out.
        depth: Number of sites left out at each end of each line.
        lines: Sites closer than this along the other coordinates are of one line; empty means
            that they must be equal there.
        folds: Number of random folds.
        cluster: Size of the blocks of sites that are resampled together, in the units of the
            coordinates.
        methods: Methods that are scored; empty means all of the study.
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
    options: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """Where predictions stay above a level.

    Attributes:
        level: The level, in the unit of the target.
        methods: Mixtures that are asked.
        along: The coordinate of the lines, by table as the study file names it.
        draws: Number of draws of y, each coherent over the sites.
        ended: Whether a model counts as below the level beyond the end of its table along a line.
    """

    level: float = 0.0
    methods: tuple[str, ...]
    along: Mapping[str, str]
    draws: int = 1000
    ended: bool = False


@dataclass(frozen=True)
class Reversion:
    """When a local weight counts as gone back to its far field.

    Attributes:
        tolerance: Largest difference of a weight from its far-field value.
        share: Share of the sites of a stretch that must be within it.
    """

    tolerance: float = 0.05
    share: float = 0.95
