"""The forms of the Gaussian process against its covariance."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from scipy.linalg.lapack import dpstrf as pstrf
from scipy.spatial.distance import cdist
from scipy.stats import kstest

from dirimix import LocalDirichletMixture
from dirimix.errors import InputError
from dirimix.estimators.fields import product_basis
from dirimix.estimators.fields.choice import make_field
from dirimix.estimators.fields.gaussian_process import DenseField
from dirimix.estimators.fields.hilbert import make_hilbert_field
from dirimix.estimators.fields.inducing import InducingField, make_inducing_field, spread_points
from dirimix.estimators.fields.lattice import make_lattice_field
from dirimix.estimators.fields.length_scale import LengthScalePrior, spacing
from dirimix.estimators.fields.linear import LinearField
from dirimix.table.space import Space
from monte_carlo import LIMIT

RHO = np.array([2.5, 4.0])
RNG = np.random.default_rng(0)
SITES = RNG.uniform(0, 10, (30, 2))
NEW = np.vstack([RNG.uniform(0, 10, (10, 2)), [[13.0, 5.0], [-8.0, 16.0], [-40.0, 60.0]]])
PRIOR = LengthScalePrior.between(np.array([1.5, 2.0]), np.array([5.0, 6.0]))
FORMS = {
    "dense": DenseField(SITES, 1, PRIOR, (0, 1)),
    "inducing": make_inducing_field(SITES, 1, PRIOR, (0, 1), asked=False),
    "lattice": make_lattice_field(SITES, 1, PRIOR),
    "hilbert": make_hilbert_field(SITES, 1, PRIOR),
}


RHO3 = np.array([2.5, 4.0, 1.5])
GRID = np.stack(np.meshgrid(np.arange(3) * 3.0, [0.0, 1.0, 4.0, 9.0], np.arange(9)), axis=-1)
GRID = RNG.permutation(GRID.reshape(-1, 3))[:90]  # the values of a grid, a few places empty


def on_grid(x: np.ndarray = GRID):
    bounds = [(1.5, 5.0), (2.0, 6.0), (1.0, 3.0)]
    space = Space(("day", "horizon", "place"))
    return make_field(x, 1, space, field="gp", form="auto", length_scale=bounds)


def latents(field, z: np.ndarray) -> dict[str, np.ndarray]:
    """Draws that differ in z alone, (s, 1, nodes)."""
    rho = RHO if len(field.axis_of) == 2 else RHO3
    length = (np.log(rho) - field.length_prior.location) / field.length_prior.spread
    count = len(z)
    return {
        "length": np.tile(length, (count, 1)),
        "amplitude": np.ones((count, 1)),
        "gamma": np.zeros((count, 1)),
        "z": z.reshape(count, 1, *field.latent_shape()),
    }


def basis(field, x_new: np.ndarray) -> np.ndarray:
    """The field at new sites as a linear function of the latents, (m, nodes)."""
    unit = np.eye(int(np.prod(field.latent_shape())))
    return field.unit_field_at(latents(field, unit), x_new)[0][:, :, 0].T


def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    rho = RHO if a.shape[1] == 2 else RHO3
    return np.exp(-0.5 * cdist(a / rho, b / rho, "sqeuclidean"))


@pytest.mark.parametrize("name", list(FORMS))
def test_the_covariance_is_the_kernel_at_the_sites_and_beyond(name):
    field = FORMS[name]
    here, there = basis(field, SITES), basis(field, NEW)
    np.testing.assert_allclose(here @ here.T, kernel(SITES, SITES), atol=0.01)
    np.testing.assert_allclose(there @ here.T, kernel(NEW, SITES), atol=0.01)
    share = field.unit_field_at(latents(field, np.zeros((1, here.shape[1]))), NEW)[1][0]
    np.testing.assert_allclose(share, np.sum(there**2, axis=1), atol=1e-9)
    assert share[-1] < 0.5  # far from the sites the field is free
    shorter = np.exp(-0.5 * cdist(SITES / RHO, SITES / RHO, "sqeuclidean") * 1.2)
    assert np.max(np.abs(here @ here.T - shorter)) > 0.01  # the control


@pytest.mark.parametrize("name", list(FORMS))
def test_the_sampled_field_is_the_extended_one(name):
    field = FORMS[name]
    z = np.random.default_rng(1).normal(0, 1, (1, int(np.prod(field.latent_shape()))))
    p = latents(field, z)
    with jax.enable_x64(True):
        here = np.asarray(field.unit_field({n: jnp.asarray(v[0]) for n, v in p.items()}))
    np.testing.assert_allclose(here, field.unit_field_at(p, SITES)[0][0], atol=1e-3)


def largest_z(draws: np.ndarray, covariance: np.ndarray) -> float:
    """Largest deviation of means and second moments, (s, m) draws, in their standard errors."""
    s = len(draws)
    products = draws[:, :, None] * draws[:, None, :]
    error = np.sqrt(products.var(axis=0) + 1e-12)
    moments = (products.mean(axis=0) - covariance) * np.sqrt(s) / error
    means = draws.mean(axis=0) * np.sqrt(s) / draws.std(axis=0)
    return float(max(np.abs(moments).max(), np.abs(means).max()))


NEIGHBOURS = np.vstack([SITES[:8], NEW, [[13.5, 5.0], [13.0, 7.0], [-41.0, 60.0], [30.0, 30.0]]])


@pytest.mark.parametrize("name", list(FORMS))
def test_draws_at_new_sites_have_the_joint_law_of_the_process(name):
    field, rng = FORMS[name], np.random.default_rng(6)
    z = rng.normal(size=(1500, int(np.prod(field.latent_shape()))))
    draws = field.extend(latents(field, z), NEIGHBOURS, 3)[:, :, 0]
    exact = kernel(NEIGHBOURS, NEIGHBOURS)
    assert largest_z(draws, exact) < LIMIT
    # the controls: residuals that are independent from site to site, and a scale too short
    mean, share = field.unit_field_at(latents(field, z), NEIGHBOURS)
    apart = np.sqrt(np.clip(1 - share, 0, None)) * rng.standard_normal(share.shape)
    assert largest_z(mean[:, :, 0] + apart, exact) > 2 * LIMIT
    assert largest_z(draws, exact**2) > 2 * LIMIT
    # single values are normal wherever they are
    assert min(kstest(column, "norm").pvalue for column in draws.T) > 1e-5


def test_the_latents_of_a_region_are_about_its_sites():
    """Others in their place change the field there, and hardly at two length scales from it."""
    field, near, far = FORMS["lattice"], [], []
    with jax.enable_x64(True):
        for number in range(50):
            inside = np.asarray(field.region(jax.random.key(number)))
            assert inside.shape == field.latent_shape()
            z = np.where(inside, np.random.default_rng(number).standard_normal(inside.shape), 0.0)
            length = latents(field, z[None])["length"][0]
            change = np.abs(field.unit_field({"z": jnp.asarray(z[None]), "length": length}))[:, 0]
            apart = [
                np.abs(column[:, None] - axis[inside.any(axis=1 - j)]).min(axis=1) / RHO[j]
                for j, (column, axis) in enumerate(zip(SITES.T, field.axes, strict=True))
            ]
            near.append(change[np.max(apart, axis=0) < 0.5])
            far.append(change[np.max(apart, axis=0) > 2])
        # latents of a sum of sines are about no place
        assert FORMS["hilbert"].region(jax.random.key(0)).shape == ()
    assert len(np.concatenate(far)) > 50
    assert np.max(np.concatenate(far)) < 0.05 < 0.3 < np.mean(np.concatenate(near))


def test_given_the_sites_draws_follow_the_conditional_law():
    """One set of values at the sites, many draws of the rest: against the textbook formula."""
    field = FORMS["dense"]
    z = np.random.default_rng(8).normal(size=(1, len(SITES)))
    draws = field.extend(latents(field, np.repeat(z, 2000, axis=0)), NEW, 5)[:, :, 0]
    own = kernel(SITES, SITES) + 1e-8 * np.eye(len(SITES))
    seen = np.linalg.solve(own, kernel(SITES, NEW))
    mean = seen.T @ np.linalg.cholesky(own) @ z[0]
    left = kernel(NEW, NEW) - kernel(NEW, SITES) @ seen
    # where hardly anything is left its draws have the right size, but tails that are too heavy
    free = np.diag(left) > 1e-3
    assert free.sum() >= 5
    assert largest_z((draws - mean)[:, free], left[np.ix_(free, free)]) < LIMIT
    shifted = (draws - mean + 0.3 * np.sqrt(np.diag(left)))[:, free]
    assert largest_z(shifted, left[np.ix_(free, free)]) > 2 * LIMIT


@pytest.mark.parametrize("name", [*FORMS, "line"])
def test_a_field_at_a_site_depends_on_the_site_alone(name):
    if name == "line":
        field = LinearField(SITES, 3, SITES.std(axis=0))
        p = {"beta": np.random.default_rng(2).normal(size=(9, 3, 3))}
    else:
        field = FORMS[name]
        count = int(np.prod(field.latent_shape()))
        p = latents(field, np.random.default_rng(2).normal(size=(9, count)))
    x = np.vstack([NEIGHBOURS, np.random.default_rng(3).uniform(-5, 15, (600, 2))])
    whole = field.extend(p, x, 4)
    for some in ([0], [12], [600], [20, 3, 3], np.arange(len(x))[::-1], np.arange(500, 530)):
        np.testing.assert_array_equal(field.extend(p, x[some], 4), whole[:, some])
    if name != "line":
        assert np.any(field.extend(p, x, 5) != whole)


def test_a_line_has_no_form():
    x = np.arange(6.0)[:, None]
    with pytest.raises(InputError, match="is no process and has no form; leave form='dense' out"):
        make_field(x, 2, Space(("x",)), field="linear", form="dense", length_scale=None)
    line = make_field(x, 2, Space(("x",)), field="linear", form="auto", length_scale=None)
    assert isinstance(line, LinearField)


@pytest.mark.slow
def test_three_coordinates_are_served_by_some_of_the_sites():
    rng = np.random.default_rng(2)
    table = np.column_stack([rng.uniform(0, 5, (25, 3)), rng.normal(0, 1, (25, 2))])
    short = {"chains": 2, "draws": 20, "warmup": 20, "min_ess": 0}
    mixture = LocalDirichletMixture(["0", "1", "2"], ["3", "4"], **short)
    frame = pd.DataFrame(table, columns=pd.Index(list("01234")))
    with pytest.warns(match="has not converged"):
        mixture.fit(frame, frame["3"] + rng.normal(0, 0.1, 25))
    assert "given 24 of the sites" in mixture.priors_["log alpha"]
    assert mixture.predict_weights(frame).shape == (25, 2)


def test_on_a_grid_of_three_coordinates_the_process_is_exact(monkeypatch):
    field, rng = on_grid(), np.random.default_rng(4)
    assert field.form() == "on 3 x 4 x 9 nodes"
    here = basis(field, GRID)
    np.testing.assert_allclose(here @ here.T, kernel(GRID, GRID), atol=1e-6)
    p = latents(field, rng.normal(size=(1, here.shape[1])))
    with jax.enable_x64(True):
        one = {n: jnp.asarray(v[0]) for n, v in p.items()}
        sampled, rough = field.unit_field(one), field.rough_unit_field(one)
        covariance = field.gram(one["length"])
        monkeypatch.setattr(product_basis, "_PLANE", 0)  # site by site
        apart = field.unit_field(one)
    # a series in the length scale stands for the basis
    np.testing.assert_allclose(sampled, field.unit_field_at(p, GRID)[0][0], atol=1e-5)
    np.testing.assert_allclose(apart, sampled, atol=1e-12)
    np.testing.assert_allclose(rough, sampled, atol=1e-3)
    np.testing.assert_allclose(covariance, kernel(GRID, GRID), atol=1e-5)
    # between the nodes and beyond
    new = np.vstack([GRID[:5], GRID[5:9] + [1.4, 0.3, 0.5], [[20.0, -9.0, 4.0]]])
    draws = field.extend(latents(field, rng.normal(size=(1500, here.shape[1]))), new, 3)[:, :, 0]
    assert largest_z(draws, kernel(new, new)) < LIMIT
    assert largest_z(draws, kernel(new, new) ** 3) > 2 * LIMIT  # the control
    x = np.vstack([new, rng.uniform(0, 9, (600, 3))])
    few = latents(field, rng.normal(size=(3, here.shape[1])))
    whole = field.extend(few, x, 4)
    for some in ([0], [12], [600], [20, 3, 3], np.arange(len(x))[::-1], np.arange(500, 530)):
        np.testing.assert_array_equal(field.extend(few, x[some], 4), whole[:, some])


def test_scattered_sites_of_three_coordinates_have_no_lattice():
    assert isinstance(on_grid(np.random.default_rng(1).uniform(0, 9, (90, 3))), InducingField)


@pytest.mark.parametrize(
    "space",
    [
        Space(("day", "lon", "lat"), ("lon", "lat")),
        Space(("lon", "lat", "day", "hour"), ("lon", "lat"), {"hour": 24.0}),
        Space(("a", "doy", "b"), periodic={"doy": 365.25}),
    ],
)
@pytest.mark.parametrize("many", [False, True])
def test_time_beside_the_globe_or_a_circle_is_served(space, many):
    axes = [np.arange(4.0), np.arange(0.0, 12, 3), np.arange(7.0 if many else 3.0), np.arange(3.0)]
    x = np.stack(np.meshgrid(*axes[: len(space.coords)]), -1).reshape(-1, len(space.coords))
    field = make_field(space.embed(x), 2, space, field="gp", form="auto", length_scale=None)
    assert isinstance(field, InducingField)


def test_the_points_are_those_of_a_factorisation_with_pivots():
    x = np.random.default_rng(3).uniform(0, 6, (300, 3))
    chosen, left = spread_points(x, 0.01, 300)
    gram = np.exp(-0.5 * cdist(x, x, "sqeuclidean"))
    pivots = pstrf(gram, tol=0.01, lower=1)[1]
    np.testing.assert_array_equal(chosen[:30], pivots[:30] - 1)
    own, cross = gram[np.ix_(chosen, chosen)], gram[:, chosen]
    kept = np.sum(cross * np.linalg.solve(own, cross.T).T, axis=1)
    assert left == pytest.approx((1 - kept).max(), rel=1e-6)
    assert left <= 0.01 < spread_points(x, 0.01, len(chosen) - 1)[1]


@pytest.mark.parametrize("q", [3, 6])
def test_many_sites_of_many_coordinates_have_the_covariance_of_a_dense_process(q):
    x = np.random.default_rng(q).uniform(0, 1, (1500, q)) * 10.0 ** np.arange(q)
    space = Space(tuple("abcdef"[:q]))
    field = make_field(x, 1, space, field="gp", form="auto", length_scale=None)
    assert isinstance(field, InducingField)
    assert len(field.points) <= 400
    assert ("times the usual" in field.priors()["log alpha"]) == (field.widened > 1)
    some = np.random.default_rng(0).permutation(len(x))[:300]
    scaled = np.zeros((1, q))
    for shift in (0.0, 1.645, 3.0, -1.645):
        scaled = np.full((1, q), shift) * np.where(np.arange(q) % 2, 1, -1)
        rho = np.exp(field.length_prior.location + field.length_prior.spread * scaled[0])
        # a model a latent: the field of each is a column of the basis
        p = {"length": scaled, "z": np.eye(len(field.points))[None]}
        basis = field.unit_field_at(p, x[some])[0][0]
        oracle = np.exp(-0.5 * cdist(x[some] / rho, x[some] / rho, "sqeuclidean"))
        errors = basis @ basis.T - oracle
        assert np.abs(errors).max() < 0.02
        assert np.sqrt(np.mean(errors**2)) < 1e-3
        assert field.deficit(p)[0] < 0.02
    few = replace(field, points=field.points[:50])  # the control: too few of them
    assert few.deficit({"length": scaled, "z": np.zeros((1, 1, 50))})[0] > 0.02


def known_of_new(x: np.ndarray, new: np.ndarray, rho: np.ndarray) -> float:
    """Share of the variance at a new site that the field at the others tells, the median."""
    own = np.exp(-0.5 * cdist(x / rho, x / rho, "sqeuclidean")) + 1e-8 * np.eye(len(x))
    cross = np.exp(-0.5 * cdist(x / rho, new / rho, "sqeuclidean"))
    return float(np.median(np.sum(cross * np.linalg.solve(own, cross), axis=0)))


@pytest.mark.parametrize("q", [1, 2, 3, 4, 6, 10])
def test_the_default_length_scales_reach_from_site_to_site(q):
    """However few sites there are for their coordinates; a sixth of the extent does not."""
    rng, space = np.random.default_rng(q), Space(tuple("abcdefghij"[:q]))
    shares, sixths = [], []
    for n in np.exp(rng.uniform(np.log(12), np.log(800), 8)).astype(int):
        x = rng.uniform(size=(n + 100, q)) * 10.0 ** rng.uniform(-6, 6, q)
        shortest = LengthScalePrior.of_sites(x[:n], space).quantile(0.05)
        shares.append(known_of_new(x[:n], x[n:], shortest))
        sixths.append(known_of_new(x[:n], x[n:], np.ptp(x[:n], axis=0) / 6))
    assert min(shares) > 0.4
    assert q < 4 or min(sixths) < 0.2


def test_few_scattered_sites_are_no_lattice():
    x = np.random.default_rng(0).uniform(size=(20, 2))
    assert spacing(x, Space(("a", "b"))) == pytest.approx(np.ptp(x, axis=0) / 20**0.5)
    grid = np.stack(np.meshgrid(np.arange(5.0), np.arange(4.0)), axis=-1).reshape(-1, 2)
    assert spacing(grid, Space(("a", "b"))) == pytest.approx([1.0, 1.0])
