"""Whether chains have found different modes, and which quantities tell these apart."""

from collections.abc import Mapping

import numpy as np

_APART = 4.0  # distance of two chains' means in standard deviations within a chain
_SETTLED = 0.5  # most that the two halves of a chain differ, as a share of that distance
_NAMED = 4  # quantities that are named at most


def apart(quantities: Mapping[str, np.ndarray]) -> str | None:
    """In words which chains lie apart from the others, and by what; None if none does.

    A chain that mixes slowly also has a mean of its own, but goes on moving: two chains are in
    different modes where their means are far apart against the scatter within each, and the halves
    of each lie close together.

    Args:
        quantities: Draws of scalars by name, (chains, draws) each, such as mean weights.
    """
    if not quantities:
        return None
    values = np.stack([np.asarray(v, dtype=float) for v in quantities.values()])
    chains, half = values.shape[1], values.shape[2] // 2
    mean, scatter = values.mean(axis=2), values.std(axis=2)
    drift = np.abs(values[:, :, :half].mean(axis=2) - values[:, :, -half:].mean(axis=2))
    distance = np.abs(mean[:, :, None] - mean[:, None, :])
    wide = np.maximum(scatter[:, :, None], scatter[:, None, :])
    moved = np.maximum(drift[:, :, None], drift[:, None, :])
    separate = (distance > _APART * wide) & (moved < _SETTLED * distance) & (distance > 0)
    still = np.ptp(values, axis=2).max(axis=0) == 0  # where a chain is stuck is no mode
    separate &= ~(still[:, None] | still[None, :])
    groups = _groups(~separate.any(axis=0))
    if chains < 2 or len(groups) < 2:
        return None
    of_groups = np.stack([mean[:, group].mean(axis=1) for group in groups], axis=1)
    spread = np.ptp(of_groups, axis=1) / np.maximum(scatter.mean(axis=1), np.finfo(float).tiny)
    order = [i for i in np.argsort(-spread) if separate[i].any()][:_NAMED]
    names = list(quantities)
    which = " and ".join(_listed(group) for group in groups)
    told = "; ".join(
        f"{names[i]} {', '.join(f'{v:.3g}' for v in of_groups[i])} in turn" for i in order
    )
    if len(groups) == chains > 2:
        return f"every chain is in a mode of its own ({told})"
    return f"chains {which} are in modes of their own ({told})"


def _groups(together: np.ndarray) -> list[list[int]]:
    """Chains that are linked directly or through others, the largest group first."""
    left, groups = set(range(len(together))), []
    while left:
        group, new = set(), {min(left)}
        while new:
            group |= new
            new = {j for i in new for j in left if together[i, j]} - group
        left -= group
        groups.append(sorted(group))
    return sorted(groups, key=len, reverse=True)


def _listed(group: list[int]) -> str:
    return ", ".join(str(chain + 1) for chain in group)
