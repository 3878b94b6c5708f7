import json

import pytest

from dirimix.cli.main import main
from exhibit_study import SECTIONS
from outline import Outline
from stand_ins import STUDY, frame, register, run_study

NAMES = {
    "x": "$a$^$b$",
    "z": "<i>z</i>",
    "a": "<b>x</b>",
    "b": "p$^$q",
    "c": "\"quotes\" & 'all' 模型",
}
LABEL, UNIT, TITLE = "$y^$ <u>", 'm$^$2 id="p"', "<script>alert(1)</script>"


@pytest.fixture(scope="module", params=["", pytest.param(SECTIONS, marks=pytest.mark.slow)])
def outline(request, tmp_path_factory):
    """The page of a study whose names are markup, formulas and signs that no font here has."""
    folder = tmp_path_factory.mktemp("hostile")
    text = STUDY.replace('"equal", ', '"equal", "lbmm-gpd", ') + request.param
    text = text.replace("Stand-in <study>", TITLE).replace('"raw:c"', q(f"raw:{NAMES['c']}"))
    text = text.replace('["x", "z"]', q([NAMES["x"], NAMES["z"]])).replace(
        '= "x"', f"= {q(NAMES['x'])}"
    )
    text = text.replace('["a", "b", "c"]', q([NAMES[m] for m in "abc"]))
    text = text.replace('"response"', q(LABEL)).replace('unit = "m"', f"unit = {q(UNIT)}")
    frame().rename(columns=NAMES).to_csv(folder / "table.csv", index=False)
    (folder / "study.toml").write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        register(patch, "lbmm-gpd")
        assert run_study(folder / "study.toml", folder / "out") == 0
        assert main(["report", str(folder / "out"), "--quiet"]) == 0
    return Outline((folder / "out/report.html").read_text())


def q(value) -> str:
    """A value as TOML writes it."""
    return json.dumps(value, ensure_ascii=False)


def test_no_name_is_markup(outline):
    assert {"table", "svg", "figure"} <= outline.tags
    assert not {"b", "i", "u"} & outline.tags
    assert not any("alert(1)" in text for text in outline.texts["script"])
    assert len(outline.ids) == len(set(outline.ids))
    assert "p" not in outline.ids


def test_names_stand_in_tables_and_figures_as_they_are(outline):
    assert TITLE in outline.texts["h1"]
    for model in "abc":
        assert NAMES[model] in outline.texts["th"]
        assert NAMES[model] in outline.texts["text"]
        assert f"raw {NAMES[model]}" in outline.texts["th"]
    shown = {NAMES["x"], NAMES["z"], f"predicted {LABEL} ({UNIT})", f"{LABEL} ({UNIT})"}
    assert shown <= outline.texts["text"]


@pytest.mark.slow
def test_columns_may_have_the_names_of_arguments(tmp_path, monkeypatch):
    names = {"x": "self", "z": "data", "a": "cls", "b": "index", "c": "columns"}
    text = STUDY.replace('"equal", ', '"equal", "gbmm-d", ') + SECTIONS
    for old, new in names.items():
        text = text.replace(f'"{old}"', f'"{new}"').replace(f'"raw:{old}"', f'"raw:{new}"')
    frame().rename(columns=names).to_csv(tmp_path / "table.csv", index=False)
    (tmp_path / "study.toml").write_text(text)
    register(monkeypatch, "gbmm-d")
    assert run_study(tmp_path / "study.toml", tmp_path / "out") == 0
    assert main(["report", str(tmp_path / "out"), "--quiet"]) == 0
