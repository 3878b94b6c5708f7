"""Distances on the globe and round a circle, against the formulas of the textbooks."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from dirimix.errors import InputError
from dirimix.table.space import Space, make_space

GLOBE = Space(("t", "lat", "lon"), geo=("lon", "lat"))


def haversine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Great-circle distance in degrees between (lon, lat) pairs, (n, m)."""
    a, b = np.radians(a)[:, None], np.radians(b)[None]
    half = np.sin((a - b) / 2) ** 2
    cosines = np.cos(a[..., 1]) * np.cos(b[..., 1])
    return np.degrees(2 * np.arcsin(np.sqrt(half[..., 1] + cosines * half[..., 0])))


def test_straight_distances_on_the_globe_are_chords_of_great_circles():
    rng = np.random.default_rng(0)
    lon, lat = rng.uniform(-180, 180, 200), np.degrees(np.arcsin(rng.uniform(-1, 1, 200)))
    x = np.column_stack([np.zeros(200), lat, lon])
    arc = haversine(np.column_stack([lon, lat]), np.column_stack([lon, lat]))
    chord = 2 * np.degrees(np.sin(np.radians(arc) / 2))
    embedded = GLOBE.embed(x)
    np.testing.assert_allclose(cdist(embedded, embedded), chord, atol=1e-6)
    assert np.abs(cdist(x, x) - chord).max() > 100  # the control: degrees as if on a plane


def test_one_place_is_one_point_however_its_longitude_is_counted():
    west = np.array([[0.0, 40.83, -115.79], [1.0, -12.3, 179.99], [2.0, 90.0, 12.0]])
    east = np.array([[0.0, 40.83, 244.20999999999998], [1.0, -12.3, -180.01], [2.0, 90.0, 77.0]])
    np.testing.assert_array_equal(GLOBE.embed(west), GLOBE.embed(east))
    assert GLOBE.embed(np.array([[0, 0, 180.0]])).tolist() == (
        GLOBE.embed(np.array([[0, 0, -180.0]])).tolist()
    )


def test_a_circle_closes_after_its_period():
    year = Space(("doy",), periodic={"doy": 365.25})
    at = year.embed(np.array([[0.0], [1.0], [364.25], [365.25], [366.25], [182.625]]))
    np.testing.assert_array_equal(at[3], at[0])
    np.testing.assert_array_equal(at[4], at[1])
    gaps = cdist(at, at)[0]
    assert gaps[1] == pytest.approx(1, abs=1e-4)
    assert gaps[2] == pytest.approx(1, abs=1e-4)
    assert gaps[5] == pytest.approx(365.25 / np.pi)  # the diameter


def test_axes_follow_the_coordinates():
    assert GLOBE.names == ("t", "lon+lat")
    assert GLOBE.features == ("t", "lon+lat x", "lon+lat y", "lon+lat z")
    assert GLOBE.axis_of == (0, 1, 1, 1)
    assert GLOBE.dimensions == (1, 2)
    flat = Space(("a", "b"))
    x = np.random.default_rng(1).normal(0, [[1.0, 5.0]], (40, 2))
    np.testing.assert_array_equal(flat.embed(x), x)
    np.testing.assert_allclose(flat.extent(x), np.ptp(x, axis=0))
    np.testing.assert_allclose(flat.spread(x), x.std(axis=0))


def test_extent_and_spread_on_the_globe_do_not_depend_on_where_the_region_lies():
    rng = np.random.default_rng(2)
    east, north = rng.uniform(-5, 5, (2, 400))
    at_equator = np.column_stack([np.zeros(400), north, east])
    across = np.column_stack([np.zeros(400), north, east + 180])
    for measure in (GLOBE.extent, GLOBE.spread):
        here, there = measure(GLOBE.embed(at_equator)), measure(GLOBE.embed(across))
        np.testing.assert_allclose(here, there, atol=1e-6)
    spread = GLOBE.spread(GLOBE.embed(at_equator))[1]
    assert spread == pytest.approx(np.sqrt((east.var() + north.var()) / 2), rel=0.01)


@pytest.mark.parametrize(
    ("geo", "periodic", "message"),
    [
        ("lon", None, "geo names a longitude and a latitude, as"),
        (0, None, "geo names a longitude and a latitude, as"),
        ([0, 1], None, "geo names a longitude and a latitude, as"),
        (["lon"], None, "geo names a longitude and a latitude, as"),
        (["lon", "lon"], None, "geo names a longitude and a latitude, as"),
        (["lno", "lat"], None, r"geo names 'lno', which is no coordinate \(did you mean 'lon'"),
        (None, {"lat": -1}, "the period of 'lat' must be a positive number, not -1"),
        (None, {"lat": True}, "the period of 'lat' must be a positive number, not True"),
        (None, {"lat": "24 h"}, "the period of 'lat' must be a positive number, not '24 h'"),
        (None, ["lat"], "periodic gives a period by coordinate"),
        (["lon", "lat"], {"lat": 24}, "'lat' is in geo and in periodic; keep one"),
    ],
)
def test_options_that_name_no_space_are_refused(geo, periodic, message):
    with pytest.raises(InputError, match=message):
        make_space(["lon", "lat"], geo, periodic)


def test_a_latitude_must_be_one():
    space = make_space(["lat", "lon"], ["lat", "lon"])
    with pytest.raises(InputError, match=r"latitude 'lon' must be between -90 and 90, and is -115"):
        space.check(np.array([[40.0, -115.0]]))
    with pytest.raises(InputError, match="longitude 'lat' must be between -360 and 360"):
        space.check(np.array([[400.0, -15.0]]))
