from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dirimix.assess.folds import clusters, make_folds
from dirimix.assess.options import Scheme
from dirimix.errors import InputError
from dirimix.table.split import Part, SplitTable


def lattice(n: int = 8, test: int = 3) -> SplitTable:
    """Train rows on an n x n lattice, and a few test rows."""
    z, x = (a.ravel() for a in np.meshgrid(np.arange(n), np.arange(n), indexing="ij"))
    frame = pd.DataFrame({"z": z, "x": x, "a": 0.0, "b": 1.0}, dtype=float)
    train = Part(frame, np.arange(n * n, dtype=float), None)
    more = Part(frame.iloc[:test] + 100, np.zeros(test), None)
    return SplitTable("t", ("z", "x"), ("a", "b"), "y", None, {"train": train, "test": more})


def sites(data, rows):
    return data.parts["train"].frame[["z", "x"]].to_numpy()[rows]


def test_blocks_are_left_out_one_by_one_and_cover_all_rows():
    data = lattice()
    folds = make_folds(Scheme("b", "blocks", size=(4.0, 2.0)), data, 0)
    assert [f.label for f in folds][:3] == ["0_0", "0_2", "0_4"]
    assert sorted(np.concatenate([f.held for f in folds])) == list(range(64))
    assert {tuple(s) for s in sites(data, folds[0].held)} == {
        (z, x) for z in range(4) for x in range(2)
    }


def test_a_fold_predicts_its_rows_and_trains_on_the_others():
    data = lattice()
    fold = make_folds(Scheme("b", "blocks", size=(4.0, 4.0)), data, 0)[1]
    part = fold.data(data).parts
    assert set(part) == {"train", "b"}
    assert sorted([*part["train"].y, *part["b"].y]) == list(range(64))
    np.testing.assert_array_equal(part["b"].y, fold.held)


def test_edges_are_the_ends_of_every_line():
    data = lattice()
    low, high = make_folds(Scheme("e", "edges", along="x", depth=2), data, 0)
    assert (low.label, high.label) == ("low", "high")
    assert {x for _, x in sites(data, low.held)} == {0, 1}
    assert {x for _, x in sites(data, high.held)} == {6, 7}
    assert {z for z, _ in sites(data, low.held)} == set(range(8))


def test_a_line_too_short_for_both_ends_stays_whole():
    data = lattice()
    rows = data.parts["train"]
    mask = ~((rows.frame["z"] == 3) & (rows.frame["x"] > 3)).to_numpy()
    cut = SplitTable("t", ("z", "x"), ("a", "b"), "y", None, {"train": rows.keep(mask)})
    low, _ = make_folds(Scheme("e", "edges", along="x", depth=2), cut, 0)
    assert 3 not in {z for z, _ in sites(cut, low.held)}
    with pytest.raises(InputError, match="finds no line along 'x' of more than 8 sites"):
        make_folds(Scheme("e", "edges", along="x", depth=4), cut, 0)


def test_one_coordinate_has_one_line():
    frame = pd.DataFrame({"x": np.arange(9.0), "a": 0.0, "b": 1.0})
    data = SplitTable("t", ("x",), ("a", "b"), "y", None, {"train": Part(frame, np.zeros(9), None)})
    scheme = Scheme("e", "edges", along="x", depth=2)
    low, high = make_folds(scheme, data, 0)
    np.testing.assert_array_equal(low.held, [0, 1])
    np.testing.assert_array_equal(high.held, [7, 8])
    assert len(set(clusters(scheme, data))) == 9


def test_edges_along_a_longitude_are_those_of_its_maps():
    east = np.arange(165.0, 200, 5)
    frame = pd.DataFrame({"lon": (east + 180) % 360 - 180, "lat": 0.0, "a": 0.0})
    part = Part(frame, np.zeros(7), None)
    plain = SplitTable("t", ("lon", "lat"), ("a",), "y", None, {"train": part})
    scheme = Scheme("e", "edges", along="lon", depth=2)
    folds = make_folds(scheme, replace(plain, geo=("lon", "lat")), 0)
    assert [list(east[f.held]) for f in folds] == [[165, 170], [190, 195]]
    # the control: the table's own numbers begin behind the date line
    torn = make_folds(scheme, plain, 0)
    assert [list(east[f.held]) for f in torn] == [[180, 185], [170, 175]]


def test_random_folds_follow_the_seed_and_are_even():
    data = lattice()
    scheme = Scheme("k", "k-fold", folds=5)
    one, same, other = (make_folds(scheme, data, seed) for seed in (1, 1, 2))
    assert sorted(np.concatenate([f.held for f in one])) == list(range(64))
    assert {len(f.held) for f in one} == {12, 13}
    assert all(np.array_equal(a.held, b.held) for a, b in zip(one, same, strict=True))
    assert not np.array_equal(one[0].held, other[0].held)


def test_clusters_are_the_blocks_the_lines_or_the_rows():
    data = lattice()
    blocks = clusters(Scheme("b", "blocks", size=(4.0, 4.0)), data)
    lines = clusters(Scheme("e", "edges", along="x"), data)
    rows = clusters(Scheme("k", "k-fold", folds=2), data)
    wide = clusters(Scheme("k", "k-fold", folds=2, cluster=(8.0, 4.0)), data)
    assert [len(np.unique(c)) for c in (blocks, lines, rows, wide)] == [4, 8, 64, 2]
    assert len(clusters(Scheme("t", "split"), data)) == 3


@pytest.mark.parametrize(
    ("scheme", "message"),
    [
        (Scheme("b", "blocks", size=(4.0,)), "size needs one number a coordinate, 2, not 1"),
        (Scheme("b", "blocks", size=(99.0, 99.0)), "leaves no training row in its fold '0_0'"),
        (Scheme("e", "edges", along="N"), "along is one of z, x, not 'N'"),
        (Scheme("k", "k-fold", folds=65), "must not exceed the 64 training rows"),
    ],
)
def test_a_scheme_that_does_not_suit_the_table_is_refused(scheme, message):
    with pytest.raises(InputError, match=message):
        make_folds(scheme, lattice(), 0)


def test_a_split_needs_test_rows():
    data = lattice()
    alone = SplitTable("t", ("z", "x"), ("a", "b"), "y", None, {"train": data.parts["train"]})
    with pytest.raises(InputError, match="scores the test rows and the table has none"):
        make_folds(Scheme("t", "split"), alone, 0)
    assert make_folds(Scheme("t", "split"), data, 0) == ()


def test_all_rows_of_a_site_are_held_out_together():
    x = np.array([0.0, 0, 1, 2, 3, 3])
    frame = pd.DataFrame({"x": x, "a": 0.0, "b": 1.0})
    data = SplitTable("t", ("x",), ("a", "b"), "y", None, {"train": Part(frame, x, None)})
    low, high = make_folds(Scheme("e", "edges", along="x", depth=1), data, 0)
    assert low.held.tolist() == [0, 1]
    assert sorted(high.held) == [4, 5]
