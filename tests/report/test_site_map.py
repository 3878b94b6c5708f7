"""Sites on a lattice are cells of a map, and others dots, which can be seen."""

import numpy as np
import pytest
from matplotlib.collections import PathCollection, PolyCollection
from matplotlib.image import AxesImage

from dirimix.report.look import panels
from dirimix.report.site_map import draw_values


def grid(across: np.ndarray, up: np.ndarray) -> np.ndarray:
    return np.stack([v.ravel() for v in np.meshgrid(across, up)], axis=1)


SOME = np.random.default_rng(0).uniform(0, 24, 300)
SITES = {
    "grid": (grid(np.arange(12.0), np.arange(8.0)), AxesImage),
    "grid with gaps": (grid(np.arange(12.0), np.arange(8.0))[::2], AxesImage),
    "uneven steps": (grid(np.array([0, 1, 2.5, 4]), np.array([0, 1, 3.0])), PolyCollection),
    "any places": (np.stack([SOME, SOME[::-1]], axis=1), PathCollection),
    "any hours of five stations": (np.stack([SOME, np.arange(300) % 5], axis=1), PathCollection),
    "decades": (grid(10.0 ** np.arange(6), np.arange(4.0)), PathCollection),
}


@pytest.mark.parametrize("name", SITES)
def test_a_map_draws_what_its_sites_are(name):
    sites, kind = SITES[name]
    assert type(draw_values(panels(1, 1, 3, 3)[0, 0], sites, sites[:, 0])) is kind
