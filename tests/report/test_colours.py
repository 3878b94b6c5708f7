"""Colours that readers who see two kinds of cones, and those of either background, tell apart."""

from itertools import combinations

import numpy as np
import pytest

from dirimix.report.look import GROUP_COLOURS, MODEL_COLOURS, PALETTE

# Machado, Oliveira and Fernandes 2009, doi 10.1109/TVCG.2009.113, of linear RGB, severity 1
EYES = {
    "all cones": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
}
# of the standard sRGB, IEC 61966-2-1
XYZ = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]],
)
LIGHT, DARK = ("#ffffff", "#f6f7f9"), ("#14171d", "#1c2028")  # page and cards
LEAST = 15  # of distances in CIE L*a*b*; from 2.3 on one is noticed at all
BEFORE = (*PALETTE, "#882255", "#999933", "#7a5fd0", "#8a8f98")


def linear(colour: str) -> np.ndarray:
    given = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    return np.where(given <= 0.04045, given / 12.92, ((given + 0.055) / 1.055) ** 2.4)


def lab(colour: str, eyes: np.ndarray) -> np.ndarray:
    x, y, z = (XYZ @ np.clip(eyes @ linear(colour), 0, 1)) / XYZ.sum(axis=1)
    fx, fy, fz = (
        np.cbrt(v) if v > (6 / 29) ** 3 else v / (3 * (6 / 29) ** 2) + 4 / 29 for v in (x, y, z)
    )
    return np.array([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)])


def closest(colours, eyes: np.ndarray) -> float:
    return min(
        float(np.linalg.norm(lab(a, eyes) - lab(b, eyes))) for a, b in combinations(colours, 2)
    )


def contrast(one: str, other: str) -> float:
    dark, light = sorted(XYZ[1] @ linear(c) for c in (one, other))
    return (light + 0.05) / (dark + 0.05)


def test_measures_have_their_known_values():
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)
    np.testing.assert_allclose(lab("#ff0000", np.eye(3)), [53.24, 80.09, 67.20], atol=0.1)
    assert closest(BEFORE, EYES["deuteranopia"]) == pytest.approx(4.2, abs=0.1)


@pytest.mark.parametrize("eyes", EYES)
@pytest.mark.parametrize("colours", [MODEL_COLOURS, tuple(GROUP_COLOURS.values())], ids=len)
def test_every_two_colours_are_told_apart(eyes, colours):
    assert closest(colours, EYES[eyes]) >= LEAST


@pytest.mark.parametrize("colour", [*MODEL_COLOURS, *GROUP_COLOURS.values()])
def test_colours_stand_out_from_both_backgrounds(colour):
    assert min(contrast(colour, page) for page in DARK) >= 3
    assert min(contrast(colour, page) for page in LIGHT) >= (2 if colour in PALETTE else 2.9)


def test_the_page_and_its_fixed_figures_have_the_same_colours():
    assert MODEL_COLOURS[: len(PALETTE)] == PALETTE
    assert set(GROUP_COLOURS.values()) <= {*PALETTE, "#8a8f98"}
