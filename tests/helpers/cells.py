"""What static maps of a lattice are made of."""

import numpy as np
from matplotlib.lines import Line2D


def edges_round(outline: Line2D, width: float = 1.0, height: float = 1.0) -> int:
    """How many edges of cells an outline follows."""
    steps = np.abs(np.diff(np.asarray(outline.get_xydata()), axis=0)) / (width, height)
    return round(float(np.nansum(steps)))
