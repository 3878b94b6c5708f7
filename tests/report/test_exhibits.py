import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from PIL import Image
from scipy.stats import dirichlet

from cells import edges_round
from dirimix.cli.main import main
from dirimix.errors import InputError
from dirimix.report.exhibits import maps
from dirimix.report.exhibits.content import markdown
from dirimix.report.exhibits.maps import table_ends
from dirimix.report.exhibits.registry import MAKERS
from dirimix.report.numbers import quantity
from dirimix.report.output import read_output
from dirimix.study.entries import KINDS, MAPS
from dirimix.study.parse import read_study
from exhibit_study import SECTIONS
from outline import Outline
from stand_ins import STUDY, run_study, write_study

# the stand-in has no such posterior, and no other noise
EMPTY = {"sensitivity", "correlations", "reversion", "loo", "parts"}

TABLES = {"table-1", "global-weights", "priors", "evidence-sets", "ranking", "variants"}


@pytest.fixture(scope="module")
def out(exhibited):
    return exhibited


@pytest.fixture
def output(out):
    return read_output(out)


def made(out, kind, **options):
    content = MAKERS[kind](out, options)
    assert content is not None
    assert (content.figure is None) == (content.shown is not None)
    if content.figure is not None:
        content.figure.canvas.draw()
    return content


def test_every_kind_has_its_maker():
    assert set(MAKERS) == set(KINDS)
    assert set(maps.MAKERS) == MAPS


def test_every_exhibit_is_in_files_and_part_of_the_report(out):
    page = (out / "report.html").read_text()
    section = page[page.index('<section id="exhibits">') :]
    names = re.findall(r"^([a-z0-9-]+) = ", SECTIONS[SECTIONS.index("[exhibits]") :], flags=re.M)
    assert len(names) == len(KINDS)
    for name in names:
        kinds = ("csv", "md") if name in TABLES else ("csv", "png", "svg")
        files = sorted((out / "figures").glob(f"{name}.*"))
        wanted = [] if name in EMPTY else [f"{name}.{kind}" for kind in kinds]
        assert [f.name for f in files] == wanted
        assert all(f.stat().st_size > 50 for f in files)
        assert (f"figures/{name}.csv" in section) == (name not in EMPTY)
    assert section.count("has nothing to show here") == len(EMPTY)
    assert "Table &lt;1&gt;" in section
    assert "Table <1>" not in section


def test_the_page_with_all_of_them_is_whole(out):
    outline = Outline((out / "report.html").read_text())
    assert len(outline.ids) == len(set(outline.ids))
    assert all(address.startswith(("#", "data:")) for address in outline.addresses)


@pytest.mark.slow
def test_the_same_folder_gives_the_same_files(out):
    files = sorted((out / "figures").iterdir())
    before = [f.read_bytes() for f in files]
    assert main(["report", str(out), "--quiet"]) == 0
    assert [f.read_bytes() for f in sorted((out / "figures").iterdir())] == before


def test_a_run_may_take_the_place_of_one_with_figures(out, tmp_path):
    copy = tmp_path / "out"
    shutil.copytree(out, copy)
    assert run_study(out.parent / "study.toml", copy, "--only", "equal", "--resume") == 0
    assert not (copy / "figures").exists()


def test_the_table_of_rms_tells_weights_and_inputs_apart(output):
    content = made(output, "rms")
    assert content.shown is not None
    assert list(content.shown) == [
        "method", "train", "train, site weights", "test", "corrected: train", "corrected: test"
    ]  # fmt: skip
    rows = content.shown.set_index("method")
    scores = pd.read_csv(output.folder / "scores.csv").fillna({"model": ""})
    scores = scores.set_index(["method", "model", "split", "weights"])["rms"]

    def first(line, column):
        return float(rows.loc[line, column].partition(" ")[0])

    def rms(*key):
        return round(scores.to_dict()[key], 3)

    assert first("raw a", "test") == rms("raw", "a", "test", "field")
    assert first("lbmm-gpd", "train, site weights") == rms("lbmm-gpd", "", "train", "site")
    assert first("simplex-ls", "corrected: test") == rms("simplex-ls+gp", "", "test", "field")
    assert first("ols, projected", "test") == rms("ols", "", "test", "projected")
    assert rows.loc["equal", "corrected: test"] == ""
    assert set(content.table["split"]) == {"train", "test"}


def test_global_weights_stand_beside_sigma_and_the_test_error(output):
    rows = made(output, "global-weights").shown.set_index("method")
    assert "lbmm-gpd" not in rows.index
    assert list(rows.loc["equal", ["a", "b", "c"]]) == ["0.333"] * 3
    assert rows.loc["bma-closed-form", "sigma"] == ""
    assert re.fullmatch(r"0\.\d{3}", rows.loc["simplex-ls", "sigma"])
    assert re.fullmatch(r"\d\.\d{3} \[\d\.\d{3}, \d\.\d{3}\]", rows.loc["equal", "test rms"])


def test_priors_are_those_of_the_methods(output):
    table = made(output, "priors").table
    assert ("lbmm-gpd", "sigma", "Gamma(5, 10)") in set(table.itertuples(index=False, name=None))


def test_the_ranking_has_a_column_a_split(output):
    shown = made(output, "ranking").shown.set_index("method")
    assert list(shown) == ["test", "blocks"]
    # too few blocks for a band of the rank
    assert shown["blocks"].str.startswith("1, ").sum() == 1
    assert shown.loc["ols", "blocks"] == ""


def test_a_variant_is_shown_with_what_it_changes(out, output):
    content = made(output, "variants")
    row = content.table.set_index("split").loc["test"]
    assert (row["method"], row["options"]) == ("bma-closed-form@few", "n_evidence = 4")
    changes = pd.read_csv(out / "variants.csv").query("split == 'test'")
    assert row["largest"] == changes["largest"].max() > 0
    assert row["model"] == changes.loc[changes["largest"].idxmax(), "model"]
    pair = pd.read_csv(out / "pairs.csv").query(
        "a == 'bma-closed-form@few' and b == 'bma-closed-form' and split == 'test'"
    )
    assert row["crps_difference"] == pair.set_index("score").loc["crps", "difference"]
    assert set(content.shown["method"]) == {"bma-closed-form@few"}
    methods = [{**m, "converged": False} for m in output.numbers["methods"]]
    numbers = {**output.numbers, "methods": methods}
    doubtful = made(replace(output, numbers=numbers), "variants")
    assert set(doubtful.shown["method"]) == {"bma-closed-form@few (not converged)"}
    cell = content.shown.set_index("split").loc["test", "CRPS"]
    assert cell.startswith(f"{row['crps_difference']:.3f} [")


def test_dirichlet_densities_are_scipys_and_mix_above_one(output):
    laws = ((0.3, 0.3, 0.3), (1.3, 1.3, 1.3))
    table = made(output, "dirichlet", concentrations=laws).table
    for law, rows in table.groupby("concentrations", sort=False):
        alpha = [float(a) for a in str(law).split()]
        weights = rows[["w1", "w2", "w3"]].to_numpy()
        np.testing.assert_allclose(rows["density"], dirichlet.pdf(weights.T, alpha), rtol=1e-9)
        middle = rows["density"].to_numpy()[np.argmin(np.ptp(weights, axis=1))]
        corner = rows["density"].to_numpy()[np.argmax(weights[:, 0])]
        assert (middle > corner) == (alpha[0] > 1)
    # the density of two free weights, on cells that cover half of the unit square
    mixing = table.loc[table["concentrations"] == "1.3 1.3 1.3", "density"]
    assert mixing.mean() / 2 == pytest.approx(1, rel=0.03)


def test_a_table_is_written_as_a_table(out, output):
    *lines, empty, caption = (out / "figures/table-1.md").read_text().splitlines()
    content = made(output, "rms")
    shown = content.shown
    assert shown is not None
    assert (empty, caption) == ("", content.caption)
    assert len(lines) == 2 + len(shown)
    assert [cell.strip() for cell in lines[2].strip("|").split("|")] == [*map(str, shown.iloc[0])]


def test_a_picture_says_what_is_to_be_seen(out, output):
    caption = made(output, "domains").caption
    with Image.open(out / "figures/domains.png") as picture:
        assert picture.info["Description"] == caption
    assert caption in (out / "figures/domains.svg").read_text()


def test_names_are_no_marks_in_a_table():
    text = markdown(pd.DataFrame({"<b>": ["a|b", "*c*\nd"]}), "by <i>")
    assert text == "| &lt;b> |\n| --- |\n| a\\|b |\n| \\*c\\* d |\n\nby &lt;i>\n"


def test_coverage_has_all_methods_on_the_test_rows(output):
    content = made(output, "coverage")
    assert set(content.table["method"]) == set(output.methods)
    assert set(content.table["split"]) == {"test"}
    assert "single models" in content.caption
    titles = [a.get_title() for a in content.figure.axes if a.get_title()]
    mixed = content.table.loc[content.table["model"] == "", "method"].unique()
    assert titles == [*mixed, "single models"]
    assert set(made(output, "coverage", methods=["equal"]).table["method"]) == {"equal"}


def test_weight_maps_have_means_and_spreads(output, tmp_path):
    z, x = (v.ravel() for v in np.meshgrid(np.arange(4.0), np.arange(5.0)))
    rows = pd.DataFrame({"method": "lbmm-gpd", "split": "landscape", "x": x, "z": z})
    parts = [rows.assign(model=m, mean=(k + 1) * x / 30, sd=0.01 * (z + k), q05=0.0, q95=1.0)
             for k, m in enumerate("abc")]  # fmt: skip
    pd.concat(parts).to_csv(tmp_path / "weights.csv", index=False)
    figure = made(replace(output, folder=tmp_path), "weight-maps").figure
    maps = {a.get_title(): a.images[0] for a in figure.axes if a.get_title()}
    assert list(maps) == ["a", "b", "c", "a, sd", "b, sd", "c, sd"]
    assert maps["b"].get_clim() == (0, 4 * 2 / 30)
    assert maps["b, sd"].get_clim() == (0.01, 0.04)


def test_limits_say_where_the_tables_end(output, tmp_path):
    x, z = (v.ravel() for v in np.meshgrid(np.arange(6.0), np.arange(2.0)))
    sites = pd.DataFrame({"method": "equal", "target": "S", "x": x, "z": z, "probability": 0.5})
    known = np.where(x <= 3 + z, len(output.models), np.where(x <= 4 + z, 1, 0))
    others = [sites.assign(models=0, **other) for other in ({"target": "T"}, {"method": "raw"})]
    table = pd.concat([sites.assign(models=known), *others])
    table.to_csv(tmp_path / "threshold.csv", index=False)
    ends = table_ends(replace(output, folder=tmp_path), "S", "x")
    assert ends.to_dict("list") == {"beside": [0, 1], "first": [3, 4], "last": [4, 5]}
    figure = made(output, "limits", methods=["equal"]).figure
    labels = [t.get_text() for t in figure.axes[0].get_legend().get_texts()]
    assert labels[-2:] == ["first table ends", "last table ends"]


def test_traces_are_the_draws(output):
    table = made(output, "traces", parameters=["sigma"]).table
    assert set(table["method"]) == {"lbmm-gpd"}
    assert len(table) == 16


def test_traces_show_first_what_the_methods_share(output, tmp_path):
    draws = {name: (("chain", "draw"), np.zeros((2, 4))) for name in (*"abcdefg", "sigma")}
    shutil.copy(output.folder / "diagnostics.csv", tmp_path)
    for method, names in (("one", list(draws)), ("other", ["sigma"])):
        posterior = xr.Dataset({name: draws[name] for name in names})
        path = tmp_path / f"posterior-{method}.nc"
        posterior.to_netcdf(path, group="posterior", engine="h5netcdf")
    content = made(replace(output, folder=tmp_path), "traces", methods=["one", "other"])
    assert set(content.table[content.table["method"] == "other"]["parameter"]) == {"sigma"}


def test_domains_are_the_rows_of_the_splits(output):
    counts = made(output, "domains").table["split"].value_counts().to_dict()
    assert counts == {"train": 30, "test": 12, "landscape": 8}


def test_maps_need_two_coordinates(output):
    numbers = {**output.numbers, "data": {**output.numbers["data"], "coords": ["x"]}}
    line = replace(output, numbers=numbers)
    for kind in MAPS:
        assert MAKERS[kind](line, {}) is None
    assert MAKERS["coverage"](line, {}) is not None


@pytest.fixture
def lattice(output, tmp_path):
    """Tables of a chart that the stand-in does not make."""
    z, x = (v.ravel() for v in np.meshgrid(np.arange(6.0), np.arange(8.0)))
    sites = pd.DataFrame({"z": z, "x": x})
    near = np.hypot(np.maximum(z - 1, 0), np.maximum(x - 2, 0))
    long = pd.concat(
        [
            sites.assign(method="lbmm-gpd", model=m, distance=near, weight=0.2 + 0.1 * i,
                         far_field=0.3, standardised=near, reverted=True)
            for i, m in enumerate("abc")
        ]
    )  # fmt: skip
    long.to_csv(tmp_path / "reversion_sites.csv", index=False)
    pd.DataFrame(
        {"method": "lbmm-gpd", "model": list("abc"), "distance": [1.0, 2.0, np.nan]}
    ).to_csv(tmp_path / "reversion.csv", index=False)
    sites.assign(method="gbmm-d", row=range(48), elpd=-1.0, pareto_k=near / 5).to_csv(
        tmp_path / "loo_pointwise.csv", index=False
    )
    pairs = [("a", "b", -0.9), ("a", "c", 0.1), ("b", "c", 0.0)]
    pd.DataFrame(pairs, columns=["model_a", "model_b", "at_site"]).assign(
        method="gbmm-d", of_mean=0.0
    ).to_csv(tmp_path / "correlations.csv", index=False)
    pd.DataFrame(
        {"method": "gbmm-d", "prior": ["sigma", "alpha"] * 2, "parameter": ["s", "s", "w", "w"],
         "prior_sensitivity": [0.01, 0.2, 0.0, 0.06], "likelihood_sensitivity": 0.1}
    ).to_csv(tmp_path / "sensitivity.csv", index=False)  # fmt: skip
    methods = [{"method": m} for m in ("gbmm-d", "lbmm-gpd")]
    data = {**output.numbers["data"], "coords": ["z", "x"]}
    numbers = {**output.numbers, "data": data, "methods": methods}
    return replace(output, folder=tmp_path, numbers=numbers)


def test_the_reach_of_each_weight_is_drawn(lattice):
    content = made(lattice, "reversion-map")
    axes = [a for a in content.figure.axes if a.get_title()]
    assert [a.get_title() for a in axes] == [
        "a: 1.0 lengths", "b: 2.0 lengths", "c: beyond the map"
    ]  # fmt: skip
    edges = [edges_round(a.lines[1]) for a in axes]
    # the farther the map knows, the longer the line round it; the last holds the whole chart
    assert edges[0] < edges[1] < edges[2] == 2 * (6 + 8)


def test_pareto_k_is_counted(lattice):
    figure = made(lattice, "leave-one-out-map").figure
    k = pd.read_csv(lattice.folder / "loo_pointwise.csv")["pareto_k"]
    assert figure.axes[0].get_title() == f"gbmm-d: {(k > 0.7).sum()} of 48 above 0.7"


def test_correlations_are_a_square(lattice):
    figure = made(lattice, "correlations").figure
    square = np.asarray(figure.axes[0].images[0].get_array())
    np.testing.assert_allclose(square, [[1, -0.9, 0.1], [-0.9, 1, 0], [0.1, 0, 1]])


def test_sensitivities_are_dots_a_prior(lattice):
    axes = made(lattice, "sensitivity").figure.axes[0]
    labels = [t.get_text() for t in axes.get_legend().get_texts()]
    assert labels == ["prior of noise", "prior of concentration"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('priors = "priors"', 'priors = "prior"', r"not 'prior' \(did you mean 'priors'\?\)"),
        ('priors = "priors"', 'Priors = "priors"', "small letters, digits and hyphens"),
        ('methods = ["equal"] }', 'metods = ["equal"] }', "did you mean 'methods'"),
        ('methods = ["equal"] }', 'methods = ["even"] }', "'even', which"),
        ("[0.3, 0.3, 0.3], [1", "[0.3, 0.3], [1", "have three numbers each"),
        ("[[0.3, 0.3, 0.3], [1.3, 1.3, 1.3]]", "[]", "needs concentrations"),
    ],
)
def test_a_bad_exhibit_is_refused_in_words(tmp_path, old, new, message):
    assert old in SECTIONS
    text = STUDY + SECTIONS.replace(old, new)
    with pytest.raises(InputError, match=message):
        read_study(write_study(tmp_path, text))


def test_numbers_of_the_new_sections_are_in_scores_json(out):
    """Every number of the tables on left-out rows, redundancy and thresholds is in the file."""
    page = (out / "report.html").read_text()
    numbers = json.loads((out / "scores.json").read_text())
    known = set()
    for name in ("ranking", "preselection", "preselection_confirmed", "above", "effective"):
        for row in numbers[name]:
            values = [v for v in row.values() if isinstance(v, float)]
            known |= {f"{v:.{d}f}".replace("-", "−") for v in values for d in (0, 2, 3)}
            known |= {quantity(v) for v in values}
    shown = set()
    for name in ("validation", "redundancy", "above"):
        section = re.search(rf'<section id="{name}">.*?</section>', page, flags=re.S)
        assert section is not None
        body = re.sub(r"<caption>.*?</caption>|<p.*?</p>", "", section[0], flags=re.S)
        shown |= set(re.findall(r"−?\d+\.\d+(?:e[−+]\d+)?", body))
    assert len(shown) > 40
    assert shown <= known
