import numpy as np
import pandas as pd
import pytest
import xarray as xr

from dirimix import EqualWeights, LocalDirichletMixture, SimplexLeastSquares, plot
from dirimix.errors import InputError
from dirimix.estimators.fit_report import FitReport
from dirimix.report.fitted_plot import _name_of
from dirimix.report.look import panels
from stand_ins import train_frame

MODELS = ("a", "b", "c")


@pytest.fixture(scope="module")
def fitted():
    table = train_frame()
    return EqualWeights(("x", "z"), MODELS).fit(table, table["y"], table["u"])


def test_the_section_has_the_mean_the_models_and_what_was_seen(fitted):
    line = train_frame().iloc[:10].assign(z=1.0).sort_values("x", ascending=False)
    given = panels(1, 1, 3, 3)[0, 0]
    axes = plot(fitted, line, line["y"], line["u"], along="x", axes=given)
    assert axes is given
    drawn = [np.asarray(one.get_ydata(), dtype=float) for one in axes.lines]
    order = line.sort_values("x")
    for model, curve in zip(MODELS, drawn, strict=False):
        np.testing.assert_allclose(curve, order[model])
    np.testing.assert_allclose(drawn[3], order[list(MODELS)].mean(axis=1))
    np.testing.assert_allclose(drawn[4], order["y"])
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("x", "y")
    (legend,) = [t.get_text() for t in axes.get_legend().get_texts()]
    assert legend == "observed"


def test_the_bands_are_the_intervals_of_the_mixture(fitted):
    line = train_frame().iloc[:10].assign(z=1.0).sort_values("x")
    axes = plot(fitted, line)
    outer, _ = axes.collections[:2]
    box = outer.get_paths()[0].vertices[:, 1]
    ends = fitted.predict_interval(line, 0.9)
    np.testing.assert_allclose([box.min(), box.max()], [ends.min(), ends.max()])


def test_what_is_no_coordinate_is_refused(fitted):
    with pytest.raises(InputError, match="along names 'X', which is no coordinate"):
        plot(fitted, train_frame(), along="X")


def test_an_estimator_has_the_name_of_its_method(fitted):
    assert _name_of(fitted) == "equal"
    assert _name_of(LocalDirichletMixture(("x",), MODELS, field="gp")) == "lbmm-gpd"


def test_the_report_in_a_notebook_says_what_a_fit_is_worth():
    table = pd.DataFrame({"rhat": [1.0, 1.2], "ess_bulk": [900.0, 50.0], "ess_tail": [800.0, 70.0]})
    bad = FitReport({"<b>": "Normal"}, diagnostics=table, sampling={}, reasons=("rhat above 1.01",))
    shown = bad._repr_html_()
    assert "not converged: rhat above 1.01" in shown
    assert "1.200" in shown
    assert ">50<" in shown
    assert "<b>" not in shown
    assert "solved without sampling" in FitReport()._repr_html_()


def test_a_mixture_in_a_notebook_shows_its_state_and_its_weights():
    table = train_frame().rename(columns={"a": "<b>a</b>"})
    models = ("<b>a</b>", "b", "c")
    mixture = SimplexLeastSquares(("x", "z"), models)
    assert "not fitted" in mixture._repr_html_()
    shown = mixture.fit(table, table["y"], table["u"])._repr_html_()
    assert "<b>" not in shown
    assert "&lt;b&gt;a&lt;/b&gt;" in shown
    assert "solved without sampling" in shown
    for weight in mixture.weights_:
        assert f"<td>{weight:.3f}</td>" in shown
    assert len(shown) < 5000
    bundle = mixture._repr_mimebundle_()
    assert bundle["text/html"] == shown
    assert "SimplexLeastSquares" in bundle["text/plain"]


class Sampled(EqualWeights):
    """A mixture with draws of weights as local ones keep them, by chain, draw, row and model."""

    def fit_report(self):
        dims = ("chain", "draw", "point", "model")
        draws = np.random.default_rng(0).dirichlet(np.ones(3), (2, 5, 40)) ** np.arange(1, 4)
        posterior = xr.Dataset({"sigma": ("chain", [1.0, 2.0]), "field_weight": (dims, draws)})
        return FitReport(
            posterior=xr.DataTree.from_dict({"posterior": posterior}), reasons=("rhat above 1.01",)
        )


def test_the_weights_of_a_sampled_mixture_are_means_over_its_draws_and_rows():
    table = train_frame()
    mixture = Sampled(("x", "z"), MODELS).fit(table, table["y"], table["u"])
    shown = mixture._repr_html_()
    assert "not converged" in shown
    means = mixture.fit_report().posterior["posterior"]["field_weight"].mean(("chain", "draw"))
    for weight in means.to_numpy().mean(axis=0):
        assert f"<td>{weight:.3f}</td>" in shown
    for weight in mixture.weights_:
        assert f"<td>{weight:.3f}</td>" not in shown


def test_a_mixture_of_many_models_stays_small():
    table = train_frame()
    many = {f"m{k}": table["a"] + 0.01 * k for k in range(60)}
    table = table.assign(**many)
    shown = EqualWeights(("x",), tuple(many)).fit(table, table["y"])._repr_html_()
    assert "and 40 more" in shown
    assert len(shown) < 6000


def test_a_mixture_draws_itself(fitted):
    line = train_frame().iloc[:10].assign(z=1.0).sort_values("x")
    axes = fitted.plot(line, line["y"], along="x")
    assert axes.get_xlabel() == "x"
    given = panels(1, 1, 3, 3)[0, 0]
    assert fitted.plot(line, axes=given) is given
