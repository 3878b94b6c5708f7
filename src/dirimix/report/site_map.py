"""Values over the sites of two coordinates: cells of a lattice, or dots where there is none.

Sites are given as an (m, 2) array: the coordinate that runs across the page, and the one up it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import Collection, PolyCollection
from matplotlib.image import AxesImage

from dirimix.report.look import FOREGROUND, ColumnLabels, name_places, reference_lines, style_axes

Drawn = Collection | AxesImage
_SPARSE = 20  # places of the smallest lattice a site, above which sites are no lattice


def draw_map(
    axes: Axes, sites: np.ndarray, values: np.ndarray, trained: np.ndarray, **scale: Any
) -> Drawn:
    """Colour every site by its value, with the training sites outlined in white.

    Args:
        axes: Where to draw.
        sites: (m, 2).
        values: (m,).
        trained: (n, 2), the training sites.
        scale: `clim`, and `cmap` where it is not viridis.

    Returns:
        What `colour_bar` needs.
    """
    drawn = draw_values(axes, sites, values, **{"cmap": "viridis", **scale})
    draw_outline(axes, trained, half_steps(sites), color="white", lw=0.6, alpha=0.8)
    return drawn


def label_map(axes: Axes, coords: Sequence[str], names: ColumnLabels) -> None:
    """Name the axes of a map after the coordinates across and up it; lines for reference."""
    axes.set(xlabel=names.axis(coords[0]), ylabel=names.axis(coords[1]))
    reference_lines(axes, coords[0], names)
    reference_lines(axes, coords[1], names, up=True)
    for axis, coord in ((axes.xaxis, coords[0]), (axes.yaxis, coords[1])):
        name_places(axis, coord, names)
    style_axes(axes)


def draw_values(axes: Axes, sites: np.ndarray, values: np.ndarray, **scale: Any) -> Drawn:
    """Colour every site by its value; returns what a colour bar needs.

    Args:
        axes: Where to draw.
        sites: (m, 2).
        values: (m,).
        scale: `cmap` and `clim`.
    """
    half = half_steps(sites)
    if half is None:
        return axes.scatter(
            sites[:, 0], sites[:, 1], c=values, s=14, lw=0, rasterized=True, **_for_scatter(scale)
        )
    places = _lattice(sites, half)
    if places is None:
        corners = list(_corners(sites, half))
        cells = PolyCollection(
            corners, array=np.asarray(values, dtype=float), lw=0, rasterized=True, **scale
        )
        axes.add_collection(cells)
    else:
        cells = _image(axes, sites, values, places, half, **scale)
    axes.autoscale_view()
    return cells


def _image(
    axes: Axes,
    sites: np.ndarray,
    values: np.ndarray,
    places: np.ndarray,
    half: np.ndarray,
    **scale: Any,
) -> AxesImage:
    """A pixel a cell, which stays sharp at any size and takes few letters."""
    pixels = np.full(places.max(axis=0)[::-1] + 1, np.nan)
    pixels[places[:, 1], places[:, 0]] = values
    first = sites.min(axis=0) - half
    last = first + 2 * half * pixels.shape[::-1]
    image = axes.imshow(
        np.ma.masked_invalid(pixels), origin="lower", interpolation="none", aspect="auto",
        extent=(first[0], last[0], first[1], last[1]), **scale,
    )  # fmt: skip
    for ends in (image.sticky_edges.x, image.sticky_edges.y):
        ends.clear()
    return image


def draw_outline(axes: Axes, sites: np.ndarray, half: np.ndarray | None, **line: Any) -> None:
    """Draw round a set of sites, those of a lattice with these half steps; else ring each."""
    if not len(sites):
        return
    sites = np.unique(sites, axis=0)
    if half is None:
        axes.plot(sites[:, 0], sites[:, 1], "o", mfc="none", mec=FOREGROUND, ms=4, mew=0.8)
        return
    axes.plot(*_rings(_edges(_corners(sites, half))).T, **line)


def half_steps(sites: np.ndarray) -> np.ndarray | None:
    """Half the lattice's step along the page and up it, (2,); None where there is no lattice."""
    columns, lines = np.unique(sites[:, 0]), np.unique(sites[:, 1])
    if min(len(columns), len(lines)) < 2:
        return None
    steps = np.array([np.diff(columns).min(), np.diff(lines).min()])
    cells = np.prod(np.ptp(sites, axis=0) / steps + 1)
    return steps / 2 if cells <= _SPARSE * len(sites) else None


def _lattice(sites: np.ndarray, half: np.ndarray) -> np.ndarray | None:
    """The column and the line of every site, (m, 2); None where steps are of several sizes."""
    steps = (sites - sites.min(axis=0)) / (2 * half)
    places = steps.round()
    whole = np.allclose(steps, places, rtol=0, atol=0.01)
    cells = np.prod(places.max(axis=0) + 1)
    return places.astype(int) if whole and cells <= _SPARSE * len(sites) else None


def _corners(sites: np.ndarray, half: np.ndarray) -> np.ndarray:
    """The four corners of every site's cell, (m, 4, 2), as page coordinates."""
    around = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half
    return sites[:, None] + around


def _edges(cells: np.ndarray) -> np.ndarray:
    """The edges that belong to one cell only, (e, 2, 2), of rectangles (n, 4, 2)."""
    edges = np.stack([cells, np.roll(cells, -1, axis=1)], axis=2).reshape(-1, 2, 2)
    # the same edge of two neighbours runs in opposite directions; places in cells, of any unit
    places = (edges / np.ptp(cells[0], axis=0)).round(3) + 0.0
    alike = np.sort(places.view([("x", float), ("y", float)]), axis=1)
    _, first, counts = np.unique(
        alike.view(float).reshape(-1, 4), axis=0, return_index=True, return_counts=True
    )
    return edges[first[counts == 1]]


def _rings(edges: np.ndarray) -> np.ndarray:
    """Edges (e, 2, 2) one after the other, with NaN between closed rings, corners only."""
    size = np.abs(edges[:, 1] - edges[:, 0]).max(axis=0)
    keys = [tuple(map(tuple, edge)) for edge in (edges / size).round(3).tolist()]
    onward: dict[tuple[float, ...], list[int]] = {}
    for k, (start, _) in enumerate(keys):
        onward.setdefault(start, []).append(k)
    points, left = list[np.ndarray](), set(range(len(edges)))
    while left:
        k = min(left)
        ring = list[int]()
        while k is not None:
            ring.append(k)
            left.discard(k)
            k = next((n for n in onward[keys[k][1]] if n in left), None)
        starts = edges[ring, 0]
        steps = np.sign(edges[ring, 1] - starts)
        turns = (steps != np.roll(steps, 1, axis=0)).any(axis=1)
        corners = starts[turns]
        points += [corners, corners[:1], np.full((1, 2), np.nan)]
    return np.concatenate(points)


def _for_scatter(scale: dict[str, Any]) -> dict[str, Any]:
    """Scatter has no `clim`."""
    low, high = scale.pop("clim", (None, None))
    return scale if low is None else {**scale, "vmin": low, "vmax": high}
