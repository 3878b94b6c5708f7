"""Discrepancy and noise, from the fit to what a reader sees of them."""

import numpy as np
import pandas as pd
import pytest

from browser import opened
from dirimix.cli.main import main
from dirimix.report.exhibits.parts import part_maps, part_rows
from dirimix.report.explore import explorer
from dirimix.report.opening.choice import opening
from dirimix.report.output import read_output
from outline import Outline
from stand_ins import STUDY, frame, write_study

TITLE = "Discrepancy and noise"
METHODS = ["raw+delta", "lbmm-lgp+delta", "lbmm-lgp@noise"]
TEXT = STUDY.replace(STUDY[STUDY.index("run = ") : STUDY.index("[scores]")], f"""run = {METHODS}
[options]
inference = "mode"
draws = 25
noise = "constant"
[options."lbmm-lgp@noise"]
noise = "local"
""").split("[compare]")[0]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run whose model b has no value at three sites."""
    folder = tmp_path_factory.mktemp("parts")
    study, out = write_study(folder, TEXT), folder / "out"
    table = frame()
    table.loc[[31, 33, 45], "b"] = np.nan
    table.to_csv(folder / "table.csv", index=False)
    command = ["run", str(study), "--out", str(out), "--quiet", "--allow-unconverged"]
    assert main(command) == 0
    return out


@pytest.fixture
def output(folder):
    return read_output(folder)


def test_every_row_has_its_parts(folder, output):
    parts = pd.read_csv(folder / "parts.csv", keep_default_na=False)
    counts = parts.groupby(["method", "model"], sort=False).size().to_dict()
    # a single model predicts where it has a value, a mixture at all sites
    assert counts == {
        ("raw+delta", "a"): 50, ("raw+delta", "b"): 47, ("raw+delta", "c"): 50,
        ("lbmm-lgp+delta", ""): 50, ("lbmm-lgp@noise", ""): 50,
    }  # fmt: skip
    law = output.table("predictions")
    found = output.table("parts")
    for key, rows in found.groupby(["method", "model"], sort=False):
        own = law.loc[(law["method"] == key[0]) & (law["model"] == key[1])]
        total = (rows["mixture"] + rows["discrepancy"]).to_numpy()
        np.testing.assert_allclose(total, own["mean"], atol=1e-9)
        assert rows["split"].to_list() == own["split"].to_list()


def test_the_explorer_has_them_at_every_site(output):
    found = explorer(output, opening(output))
    assert found is not None
    assert {law: set(own) for law, own in found["parts"].items()} == {
        "lbmm-lgp+delta": {"discrepancy", "discrepancy_sd", "noise"},  # of one level, at its mode
        "lbmm-lgp@noise": {"noise", "noise_sd"},
    }
    table = output.table("parts")
    own = table.loc[table["method"] == "lbmm-lgp+delta", "discrepancy"]
    np.testing.assert_allclose(found["parts"]["lbmm-lgp+delta"]["discrepancy"], own, rtol=6e-5)


def test_the_section_says_how_large_they_are(folder, output):
    rows = {(r["method"], r["model"]): r for r in part_rows(output)["test"]}
    own = output.table("parts").query("split == 'test' and method == 'lbmm-lgp+delta'")
    line = rows["lbmm-lgp+delta", ""]
    assert line["size"] == pytest.approx(np.sqrt(np.mean(own["discrepancy"] ** 2)))
    assert line["correlation"] == pytest.approx(own["correlation"].median())
    beyond = own["discrepancy"].abs() > 1.645 * own["discrepancy_sd"]
    assert line["beside_0"] == pytest.approx(beyond.mean())
    assert rows["lbmm-lgp@noise", ""]["size"] is None
    page = Outline((folder / "report.html").read_text())
    assert TITLE in page.texts["h2"]
    assert len(page.ids) == len(set(page.ids))  # a picture a method, all of one caption


def test_there_is_nothing_to_show_of_constant_noise_without_discrepancy(tmp_path):
    study = write_study(tmp_path)
    assert (
        main(["run", str(study), "--out", str(tmp_path / "out"), "--quiet", "--only", "ols"]) == 0
    )
    plain = read_output(tmp_path / "out")
    assert part_rows(plain) == {}
    assert part_maps(plain, {}) is None
    assert TITLE not in Outline((plain.folder / "report.html").read_text()).texts["h2"]


def test_maps_have_means_and_spreads(output):
    content = part_maps(output, {"methods": ["lbmm-lgp+delta", "lbmm-lgp@noise"]})
    assert content is not None
    assert content.figure is not None
    titles = [axes.get_title() for axes in content.figure.axes if axes.get_title()]
    assert titles == [
        f"{method}: {part}{of}"
        for method, part in (
            ("lbmm-lgp+delta", "discrepancy"),
            ("lbmm-lgp+delta", "scale of the noise"),
            ("lbmm-lgp@noise", "scale of the noise"),
        )
        for of in ("", ", sd")
    ]
    # a discrepancy has two signs, a scale has one
    least, most = _ends(content.figure.axes[0])
    assert least == -most
    least, most = _ends(next(a for a in content.figure.axes if a.get_title() == titles[2]))
    assert 0 < least < most


def _ends(axes):
    """The ends of the scale of a map's colours."""
    return next(
        drawn.get_clim()
        for drawn in (*axes.images, *axes.collections)
        if drawn.get_array() is not None
    )


def test_the_table_says_what_its_numbers_are_and_in_what_unit(chromium, folder, output):
    line = next(r for r in part_rows(output)["train"] if r["method"] == "lbmm-lgp+delta")
    with opened(chromium, folder / "report.html") as page:
        section = page.locator("#parts")
        assert "weighted models, in m." in section.locator(".hint").first.inner_text()
        table = section.locator("table").first
        heads = [" ".join(t.split()) for t in table.locator("thead th").all_inner_texts()]
        place = heads.index("told from 0 share of the sites")
        cells = table.locator("tr", has_text="lbmm-lgp+delta").locator("th, td").all_inner_texts()
        assert cells[place] == f"{100 * line['beside_0']:.0f} %"
        noise = table.locator("tr", has_text="lbmm-lgp@noise").locator("th, td").all_inner_texts()
        assert noise[2 : len(heads) - 1] == ["–"] * (len(heads) - 3)


def test_a_map_is_coloured_by_the_discrepancy_and_a_site_says_its_own(chromium, folder, output):
    table = output.table("parts").query("method == 'lbmm-lgp+delta'").reset_index(drop=True)
    with opened(chromium, folder / "report.html") as page:
        page.select_option("#choose-method", "lbmm-lgp@noise")
        assert page.locator("#choose-colour option[value=discrepancy]").count() == 0
        page.select_option("#choose-method", "lbmm-lgp+delta")
        page.select_option("#choose-colour", "discrepancy")
        site = explorer(output, opening(output))["start"]
        said = page.locator("#site-figure dd[data-of='discrepancy']").inner_text()
        mean, spread = (float(t.replace("−", "-")) for t in said.split(" ± "))
        assert mean == pytest.approx(table["discrepancy"][site], abs=6e-4)
        assert spread == pytest.approx(table["discrepancy_sd"][site], abs=6e-4)
        assert "discrepancy" in page.locator("#site-figure details").first.inner_text()
