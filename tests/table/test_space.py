"""Distances on the globe and round a circle, against the formulas of the textbooks."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from dirimix.errors import InputError
from dirimix.table.space import Space, cut_open, make_space

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
        (None, {"lat": None}, "the period of 'lat' must be a positive number, not None"),
        (None, {"lat": [24, 12]}, r"the period of 'lat' must be a positive number, not \[24, 12\]"),
        (None, {"lat": 1j}, "the period of 'lat' must be a positive number, not 1j"),
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


@pytest.mark.parametrize("period", [360.0, 24.0, 1e-3])
def test_a_cut_lies_in_the_widest_gap_and_tears_no_neighbours(period):
    rng = np.random.default_rng(3)
    for low in (0.0, -period / 2):
        for _ in range(200):
            length = period * 10 ** rng.uniform(-2, -0.2)
            along = np.sort(rng.uniform(0, length, 20))
            values = low + (rng.uniform(0, period) + along - low) % period
            cut = cut_open(values, period)
            drawn = values if cut is None else cut.drawn(values)
            turns = (drawn - values) / period
            np.testing.assert_allclose(turns, np.round(turns), atol=1e-9)
            widest = max(np.diff(along).max(), period - along[-1] + along[0])
            gaps = np.diff(np.sort(drawn))
            own = period - np.ptp(values)
            # left alone only where the ends of the numbers are as good, up to a factor of two
            assert period - np.ptp(drawn) >= widest / 2 * (1 - 1e-9)
            assert (cut is None) == (widest <= 2 * own)
            assert cut is None or gaps.max() <= widest * (1 + 1e-9)
            if cut is not None:
                back = np.array([cut.named(v) for v in drawn])
                np.testing.assert_allclose((back - values) / period, 0, atol=1e-9)


def test_a_globe_that_is_full_keeps_the_ends_of_its_numbers():
    for lon in (np.arange(0, 360, 2.5), np.arange(-180, 180, 5.0), np.array([-10.0, 30.0])):
        assert cut_open(lon, 360.0) is None
    twice = np.arange(-180, 185, 5.0)  # the date line stands in the table from both sides
    cut = cut_open(twice, 360.0)
    assert cut is not None
    drawn = cut.drawn(twice)
    assert np.ptp(drawn) == 355
    assert drawn[0] == drawn[-1]


def test_only_what_lies_within_one_period_is_cut():
    space = make_space(("lon", "lat", "hour", "day"), ("lon", "lat"), {"hour": 24, "day": 365.25})
    day = np.array([10.0, 1000.0, 2000.0, 3000.0])
    x = np.column_stack([[170.0, 175, -175, -170], [0.0, 1, 2, 3], [22.0, 23, 1, 2], day])
    found = space.rounds(x)
    assert set(found) == {"lon", "hour"}
    np.testing.assert_array_equal(found["lon"].drawn(x[:, 0]), [170, 175, 185, 190])
    np.testing.assert_array_equal(found["hour"].drawn(x[:, 2]), [-2, -1, 1, 2])
    assert [found["hour"].named(v) for v in (-2.0, 1.0)] == [22, 1]
