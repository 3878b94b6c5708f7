"""What is saved of a fit predicts as the fit did, and no file is ever run."""

import ast
import json
import re
from pathlib import Path

import arviz_stats
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from dirimix.errors import InputError
from dirimix.estimators.fields.choice import make_field
from dirimix.estimators.fitted import FittedMethod, fit_method
from dirimix.estimators.saved.state import Parts, put_together, take_apart
from dirimix.laws.noise_prior import HalfCauchyNoise
from dirimix.methods import METHODS, parse_method
from dirimix.study.disk.fitted_file import FORMAT, read_fitted, write_fitted
from dirimix.study.load import file_sha256
from dirimix.table.space import make_space
from dirimix.table.split import Part, SplitTable
from pages import ROOT
from stand_ins import frame

SHORT: dict[str, object] = {"chains": 1, "draws": 8, "warmup": 20, "min_ess": 0.0, "n_draws": 50}
LONG = [n for n, m in METHODS.items() if "kernel" in m.options() or "stacking" in m.estimator]
CHEAP = [name for name in METHODS if name not in LONG]
PARTS = ["gbmm-d+gp", "lbmm-gpd+gp", "raw+delta", "lbmm-lgp+contrast"]
UNCONVERGED = pytest.mark.filterwarnings("ignore::dirimix.errors.ConvergenceWarning")
OVERLAPPING = pytest.mark.filterwarnings("ignore::dirimix.errors.CorrectionOverlapWarning")
pytestmark = pytest.mark.filterwarnings("ignore::dirimix.errors.DroppedRowsWarning")
NO_PLAIN_FILE = re.compile(r"^(pickle|cPickle|dill|shelve|marshal|cloudpickle)$")
# processes of one run hand each other functions, in memory or in a private folder
AMONG_PROCESSES = {"dirimix/sampling/workers.py", "dirimix/sampling/chains.py"}
NAMES_AN_ERROR = {"dirimix/compiled/inlining.py"}  # of Numba, where its private cache is damaged


def split_table(labels: bool = False) -> SplitTable:
    rows = frame()
    rows["y"] += 3
    rows[["a", "b", "c"]] += 3
    rows.loc[3, "b"] = np.nan
    if labels:
        rows["z"] = np.where(rows["z"] > 2.5, "wet", "dry")
    train = rows[rows["part"] == "train"]
    part = Part(
        pd.DataFrame(train, columns=["x", "z", "a", "b", "c"]),
        train["y"].to_numpy(),
        train["u"].to_numpy(),
    )
    kinds = {"x": "number", "z": "category"} if labels else {}
    levels = {"z": ("dry", "wet")} if labels else {}
    return SplitTable(
        "t.csv", ("x", "z"), ("a", "b", "c"), "y", "u", {"train": part},
        everywhere=part.frame, kinds=kinds, levels=levels,
    )  # fmt: skip


def fit(name: str, data: SplitTable | None = None, **more: object) -> FittedMethod:
    """A fit of few draws, with other options."""
    choice = parse_method(name)
    given = {k: v for k, v in (SHORT | more).items() if k in choice.method.options()}
    return fit_method(choice, data or split_table(), given, 3)


def assert_alike(one: FittedMethod, other: FittedMethod, labels: bool = False) -> None:
    """Every number that is asked of both is the same to the last bit."""
    new = frame(9).assign(z=np.array(["wet", "dry", "new"] * 3)) if labels else frame(9)
    new[["a", "b", "c"]] += 3
    assert one.members.keys() == other.members.keys()
    assert one.rows == other.rows
    for model, member in one.members.items():
        again = other.members[model]
        at, same = one.prepared(new), other.prepared(new)
        pd.testing.assert_frame_equal(at, same, check_exact=True)
        for ask in (
            lambda m, f: m.predict(f, return_std=True),
            lambda m, f: m.predict_quantiles(f, (0.05, 0.5, 0.975)),
            lambda m, f: m.sample_y(f, 3),
            lambda m, f: m.predict_weights(f).to_numpy(),
        ):
            np.testing.assert_array_equal(ask(member, at), ask(again, same))
        assert member.get_params() == again.get_params()
        assert member.fit_report().reasons == again.fit_report().reasons
        assert set(member.fit_report().siblings) == set(again.fit_report().siblings)
        for _, make in member.fit_report().siblings.items():
            np.testing.assert_array_equal(make().predict(at), make().predict(same))


def saved(fitted: FittedMethod, folder: Path, data: SplitTable | None = None) -> FittedMethod:
    write_fitted(fitted, data or split_table(), folder)
    return read_fitted(folder)


@OVERLAPPING
@pytest.mark.parametrize("name", [*CHEAP, "raw+gp"])
def test_what_is_read_predicts_the_same_numbers(name, tmp_path):
    fitted = fit(name)
    assert_alike(fitted, saved(fitted, tmp_path))


@pytest.mark.filterwarnings("ignore::dirimix.errors.ChoiceNote")
@pytest.mark.parametrize("name", ["stacked", "auto"])
def test_what_is_read_of_a_mixture_of_methods_predicts_the_same_numbers(name, tmp_path):
    candidates = ["equal", "simplex-ls", "ridge-stacking"]
    fitted = fit(name, regions=2, candidates=candidates)
    assert set(candidates) < set(fitted.the_mixture().fit_report().candidates["candidate"])
    assert_alike(fitted, saved(fitted, tmp_path))


@UNCONVERGED
@pytest.mark.slow
@OVERLAPPING
@pytest.mark.filterwarnings("ignore::dirimix.errors.ChoiceNote")
@pytest.mark.parametrize("name", [*LONG, *PARTS])
def test_what_is_read_of_a_sample_predicts_the_same_numbers(name, tmp_path):
    cases: tuple[dict[str, object], ...] = ({}, {"y_transform": "log", "noise_prior": "paper"})
    for options in cases:
        fitted = fit(name, split_table(), **options)
        assert_alike(fitted, saved(fitted, tmp_path))


@UNCONVERGED
def test_a_sample_is_read_whole_and_by_arviz(tmp_path):
    data = split_table(labels=True)
    fitted = fit("lbmm-gld", data)
    again = saved(fitted, tmp_path, data)
    assert_alike(fitted, again, labels=True)
    drawn, read = (m.the_mixture().fit_report() for m in (fitted, again))
    assert drawn.posterior is not None
    assert read.posterior is not None
    assert set(drawn.posterior.children) == set(read.posterior.children)
    for group, part in drawn.posterior.children.items():
        xr.testing.assert_equal(part.to_dataset(), read.posterior[group].to_dataset())
    assert drawn.diagnostics is not None
    assert drawn.diagnostics.equals(read.diagnostics)
    np.testing.assert_array_equal(
        *(m.the_mixture().site_predictive().mean() for m in (fitted, again))
    )
    tree = xr.open_datatree(tmp_path / "fit.nc", engine="h5netcdf")
    assert list(arviz_stats.summary(tree, var_names="sigma").index) == ["sigma"]
    np.testing.assert_array_equal(tree["posterior"]["sigma"], drawn.posterior["posterior"]["sigma"])
    np.testing.assert_array_equal(tree["observed_data"]["y"], data.parts["train"].y)


def test_training_rows_lie_beside_a_fit_without_draws(tmp_path):
    saved(fit("equal"), tmp_path)
    rows = split_table().parts["train"]
    for group, name, values in (
        ("observed_data", "y", rows.y),
        ("constant_data", "y_err", rows.y_err),
        ("constant_data", "f", rows.frame[["a", "b", "c"]]),
    ):
        found = xr.load_dataset(tmp_path / "fit.nc", group=group, engine="h5netcdf")
        np.testing.assert_array_equal(found[name], values)


@pytest.mark.parametrize("form", ["lattice", "hilbert", "inducing", "dense", "linear"])
def test_fields_of_every_form_go_on_as_they_did(form):
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 4, (30, 2))
    kind = (
        {"field": "linear", "form": "auto"} if form == "linear" else {"field": "gp", "form": form}
    )
    field = make_field(x, 3, make_space(("x", "z")), **kind, length_scale=None)
    latents = {n: rng.normal(size=(4, *s)) for n, s in field.shapes().items()}
    parts = Parts()
    plain = take_apart((field, latents), parts, "field")
    again, same = put_together(json.loads(json.dumps(plain, allow_nan=False)), parts)
    new = rng.uniform(-1, 5, (7, 2))
    np.testing.assert_array_equal(field.extend(latents, new, 5), again.extend(same, new, 5))


@pytest.mark.parametrize(
    "value",
    [
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.array([np.nan, -0.0, np.inf, 5e-324]),
        np.array([True, False]),
        np.empty((3, 0)),
        np.array([2**62], dtype=np.int64),
        np.array(["a/b", None], dtype=object),
        {"a/b": (1, [2.5, float("inf")]), "a_b": None},
        HalfCauchyNoise(scale=0.1),
    ],
)
def test_values_keep_their_bits_and_kinds(value):
    parts = Parts()
    again = put_together(json.loads(json.dumps(take_apart(value, parts, "v"))), parts)
    assert type(again) is type(value)
    if isinstance(value, np.ndarray):
        assert (again.dtype, again.shape) == (value.dtype, value.shape)
        assert again.flags.f_contiguous == value.flags.f_contiguous
        if value.dtype.kind == "O":
            assert again.tolist() == value.tolist()
        else:
            assert again.tobytes() == value.tobytes()
    else:
        assert again == value


@pytest.mark.parametrize("count", [1, 2, 11])
def test_every_sampled_estimator_has_its_own_draws(count, tmp_path):
    fitted = fit("raw")
    members = list(fitted.singles.values())
    for number in range(count):
        draws = xr.Dataset({"sigma": (("chain", "draw"), np.full((1, 4), float(number)))})
        setattr(members[0], f"p{number}_", xr.DataTree.from_dict({"posterior": draws}))
    again = saved(fitted, tmp_path)
    (member, *_) = again.singles.values()
    for number in range(count):
        assert float(getattr(member, f"p{number}_")["posterior"]["sigma"].mean()) == number


def test_objects_of_a_users_class_are_refused(tmp_path):
    class OwnNoise(HalfCauchyNoise):
        pass

    fitted = fit("raw", split_table(), noise_prior=OwnNoise())
    with pytest.raises(InputError, match=r"holds a OwnNoise .*cannot be saved"):
        write_fitted(fitted, split_table(), tmp_path)
    assert not list(tmp_path.iterdir())


def spoil(folder: Path, change) -> None:
    """Change the content of fit.json, its checksums aside."""
    path = folder / "fit.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def members(content: dict) -> dict:
    return content["fitted"]["fields"]["mixture"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda c: c.update(format=FORMAT + 1), "another version of dirimix"),
        (lambda c: c.pop("format"), "another version of dirimix"),
        (lambda c: c.update(sha256="none"), "missing or not the one that was written"),
        (lambda c: c.update(fitted={"record": "os.system", "fields": {}}), "cannot be read"),
        (lambda c: c.update(fitted={"estimator": "os.system", "given": {}}), "cannot be read"),
        (lambda c: c.update(fitted={"eval": "1"}), "cannot be read"),
        (lambda c: c.update(fitted=[]), "holds no fitted method"),
        (lambda c: members(c).update(estimator="Unknown"), "cannot be read"),
        (lambda c: members(c)["given"].pop("repeats"), "cannot be read"),
        (lambda c: members(c)["given"].update(more=1), "cannot be read"),
        (lambda c: members(c)["fitted"].update(predict=1), "cannot be read"),
        (lambda c: members(c)["fitted"].update(__class__=1), "cannot be read"),
        (lambda c: members(c)["fitted"]["weights_"].update(array="other"), "cannot be read"),
        (lambda c: members(c)["fitted"]["weights_"].update(shape=[9]), "cannot be read"),
        (lambda c: members(c)["fitted"]["space_"]["fields"].pop("geo"), "cannot be read"),
    ],
)
def test_a_file_of_something_else_is_refused_in_a_sentence(change, sentence, tmp_path):
    saved(fit("equal"), tmp_path)
    spoil(tmp_path, change)
    with pytest.raises(InputError, match=sentence) as caught:
        read_fitted(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_changed_array_is_refused(tmp_path):
    saved(fit("equal"), tmp_path)
    path = tmp_path / "fit.nc"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="not the one that was written"):
        read_fitted(tmp_path)


def test_sums_name_both_files(tmp_path):
    sums = write_fitted(fit("equal"), split_table(), tmp_path)
    assert sums == {path.name: file_sha256(path) for path in tmp_path.iterdir()}


# what a fit leaves, by format: where it changes, FORMAT is raised and this list corrected
STATE = {
    1: {
        "kinds_", "levels_", "space_", "reach_", "n_features_in_", "feature_names_in_",
        "transform_", "scale_", "y_scale_", "weights_", "sigma_", "priors_",
    }
}  # fmt: skip


def test_format_is_that_of_the_state():
    assert {name for name in vars(fit("equal").the_mixture()) if name.endswith("_")} == STATE[
        FORMAT
    ]


def unpickled(source: str) -> list[str]:
    """Calls and imports by which a file could be run."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [a.name for a in node.names] + [getattr(node, "module", None) or ""]
            found += [n for n in names if NO_PLAIN_FILE.match(n.partition(".")[0])]
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name == "np.load" and "allow_pickle=False" in map(ast.unparse, node.keywords):
                continue  # arrays of numbers and text
            if name in ("eval", "exec", "joblib.load", "np.load", "pd.read_pickle"):
                found.append(name)
    return found


def test_no_file_is_unpickled_or_evaluated():
    sources = {p.relative_to(ROOT / "src").as_posix(): p for p in (ROOT / "src").rglob("*.py")}
    found = {name for name, path in sources.items() if unpickled(path.read_text())}
    assert found == AMONG_PROCESSES | NAMES_AN_ERROR
    assert unpickled("import joblib\njoblib.load(path)") == ["joblib.load"]
    assert unpickled("np.load(path, allow_pickle=True)") == ["np.load"]
