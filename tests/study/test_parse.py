"""A study file is read by one table of entries, which the documentation describes."""

import dataclasses
import re
import tomllib

import numpy as np
import pandas as pd
import pytest

from dirimix.assess.folds import make_folds
from dirimix.assess.options import Reversion, Scheme, Threshold
from dirimix.errors import InputError
from dirimix.study.entries import KINDS, SCHEMES, SECTIONS
from dirimix.study.parse import make_study, read_study
from dirimix.study.spec import DataChoice, ExhibitChoice, Preselection, Study
from dirimix.table.split import Part, SplitTable
from pages import ROOT, quoted, rows, sections
from stand_ins import STUDY, write_study

PAGE = ROOT / "docs/command-line.md"
RECORDS = {
    "": Study,
    "data": DataChoice,
    "methods": Study,
    "scores": Study,
    "compare": Study,
    "validation.NAME": Scheme,
    "preselection": Preselection,
    "threshold": Threshold,
    "reversion": Reversion,
    "exhibits.NAME": ExhibitChoice,
}


def study(**more):
    return {"data": {"table": "t.csv"}, "methods": {"run": ["equal", "raw", "ols"]}, **more}


def heading(section):
    return f"`[{section}]`" if section else "A study file"


def tables(text):
    """The rows of every table of a text, header first."""
    lines = [line if line.startswith("|") else "" for line in text.splitlines()]
    blocks = [block.strip() for block in "\n".join(lines).split("\n\n") if block.strip()]
    heads = [block.splitlines()[0].strip("| ").split(" ")[0] for block in blocks]
    return dict(zip(heads, map(rows, blocks), strict=True))


def documented(page):
    """Section -> entry -> its default as it is written."""
    texts = sections(page)
    return {
        section: {
            quoted(cells[0])[0]: cells[1] for cells in tables(texts[heading(section)])["entry"]
        }
        for section in SECTIONS
        if SECTIONS[section]
    }


def in_use():
    return {section: set(entries) for section, entries in SECTIONS.items() if entries}


def test_every_entry_is_described_and_every_description_is_of_an_entry(tmp_path):
    assert {section: set(found) for section, found in documented(PAGE).items()} == in_use()
    page, text = tmp_path / "page.md", PAGE.read_text()
    for old, new in (("| `depth` |", "| `deep` |"), ("| `seed` |", "| `seed` | | |\n| `sead` |")):
        assert old in text
        page.write_text(text.replace(old, new, 1))
        assert {section: set(found) for section, found in documented(page).items()} != in_use()


def test_every_section_is_described():
    headings = {h for h in sections(PAGE) if h.startswith("`[")}
    assert headings == {heading(section) for section in SECTIONS if section}


def default_of(record, name):
    """The default of a record's field, None where there is none."""
    field = {f.name: f for f in dataclasses.fields(record)}.get(name)
    if field is None or field.default is dataclasses.MISSING:
        return None
    return field.default


@pytest.mark.parametrize("section", RECORDS)
def test_defaults_are_those_of_the_records(section):
    for name, cell in documented(PAGE)[section].items():
        entry, default = SECTIONS[section][name], default_of(RECORDS[section], name)
        assert (cell == "required") == bool(entry.needed), name
        if quoted(cell):
            value = tomllib.loads(f"value = {quoted(cell)[0]}")["value"]
            assert entry.read(value, name) == default, name
        elif cell != "required":
            assert not default, name


@pytest.mark.parametrize(("section", "first", "kinds"), [
    ("validation.NAME", "scheme", SCHEMES), ("exhibits.NAME", "kind", KINDS)
])  # fmt: skip
def test_kinds_are_described_with_their_entries(section, first, kinds):
    found = tables(sections(PAGE)[heading(section)])[first]
    assert {quoted(cells[0])[0]: tuple(quoted(cells[1])) for cells in found} == kinds
    own = {name for names in kinds.values() for name in names}
    assert own < set(SECTIONS[section])


def test_entries_become_fields_of_the_records():
    for section in ("data", "preselection", "threshold", "reversion"):
        assert set(SECTIONS[section]) == {f.name for f in dataclasses.fields(RECORDS[section])}


def test_every_scheme_makes_folds():
    x = np.arange(12.0)
    frame = pd.DataFrame({"x": x, "a": x})
    part = Part(frame, x, None)
    data = SplitTable("t", ("x",), ("a",), "y", None, {"train": part, "test": part})
    given = {"size": [4.0], "along": "x", "folds": 3}
    for kind, own in SCHEMES.items():
        raw = {"scheme": kind, **{name: given[name] for name in own if name in given}}
        (scheme,) = make_study(study(validation={"v": raw})).validation
        assert bool(make_folds(scheme, data, 0)) == (kind != "split")


@pytest.mark.parametrize(
    "name", ["../../victim", "..", ".hidden", "", "a/b", "a\\b", "a b", "a\nb", "a:b", "/etc", "é"]
)
def test_a_scheme_with_the_name_of_no_plain_folder_is_refused(name):
    raw = study(validation={name: {"scheme": "k-fold", "folds": 3}})
    with pytest.raises(InputError, match="names a folder") as refused:
        make_study(raw)
    assert re.fullmatch(r"[^\n]+ not '.*'", str(refused.value))
    with pytest.raises(InputError, match="small letters, digits and hyphens") as refused:
        make_study(study(exhibits={name: "rms"}))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["blocks", "time-machine", "A_1", "v1.2"])
def test_a_scheme_with_a_plain_name_is_accepted(name):
    raw = study(validation={name: {"scheme": "k-fold", "folds": 3}})
    assert make_study(raw).validation[0].name == name


def test_the_target_of_a_second_table_names_a_folder():
    raw = study(threshold={"methods": ["equal"], "along": {"t.csv": "x", "u.csv": "z"}})
    raw["data"]["target"] = "../../victim"
    with pytest.raises(InputError, match=r"the target of \[data\] names a folder"):
        make_study(raw)
    raw["threshold"]["along"] = {"t.csv": "x", "data:nuclear-s2p": "Z"}
    assert make_study(raw).data.target == "../../victim"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"methods": {}}, r"\[methods\] needs a list of methods; add run = \[...\]"),
        ({"methods": {"run": []}}, r"\[methods\] needs a list of methods"),
        ({"methods": {"run": ["equal"], "tolerated": ["ols"]}}, r"tolerated has 'ols', which"),
        ({"data": []}, r"\[data\] is a section with entries of its own, not \[\]"),
        ({"title": 3}, "^title must be text in quotes, and it is 3"),
        (
            {"scores": {"n_boot": 10**9}},
            "n_boot must be a whole number from 2 to 1000000, not 1000",
        ),
        ({"compare": {"pairs": ["ols"]}}, r"\[compare\] pairs must have two methods, not 'ols'"),
        ({"compare": {"pairs": [["ols", "ols"]]}}, "names something twice"),
        ({"validation": {"v": {}}}, r"\[validation.v\] needs a scheme"),
        ({"validation": {"v": {"scheme": ["edges"]}}}, r"not \['edges'\]"),
        ({"preselection": {}}, r"\[preselection\] needs a scheme"),
        ({"threshold": {}}, r"\[threshold\] needs a list of mixtures"),
        ({"threshold": {"methods": ["ols"]}}, r"needs a section \[threshold.along\]"),
        ({"threshold": {"methods": ["ols"], "along": {"t.csv": 1}}}, "a section of texts"),
        ({"reversion": {"share": float("nan")}}, "share must lie between 0 and 1, not nan"),
        ({"exhibits": {"e": {}}}, r"\[exhibits\] e needs a kind"),
        ({"exhibits": {"e": {"kind": "rms", "methods": ["ols"]}}}, "unknown entry 'methods'"),
        (
            {"validation": {"v": {"scheme": "split", "options": {"n_draws": "x"}}}},
            r"no method of \[validation.v\] has the option 'n_draws'",
        ),
        (
            {"validation": {"v": {"scheme": "split", "options": {"y_scale": "x"}}}},
            "option 'y_scale' of equal is a number, not 'x'",
        ),
    ],
)
def test_what_is_missing_or_of_another_kind_is_named(more, message):
    with pytest.raises(InputError, match=message) as refused:
        make_study(study() | more)
    assert "\n" not in str(refused.value)


def test_tables_are_relative_to_the_study(tmp_path):
    text = STUDY + '[threshold]\nmethods = ["equal"]\n[threshold.along]\n"table.csv" = "x"\n'
    found = read_study(write_study(tmp_path, text))
    assert found.threshold is not None
    assert found.data.table == str(tmp_path / "table.csv")
    assert dict(found.threshold.along) == {found.data.table: "x"}
    assert found.other_data() == {}
