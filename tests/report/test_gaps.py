"""Exhibits where there are few test rows, and where a model has no value at some sites."""

import numpy as np
import pytest

from dirimix.report.exhibits.registry import MAKERS
from dirimix.report.output import read_output
from stand_ins import STUDY, frame, run_study

EMPTY_AT = [0, 33, 45]  # a training, a test and another row
WITH_BANDS = ("rms", "global-weights", "variants")


def made(folder, table, kinds, methods):
    """Some exhibits of a study on a table."""
    (folder / "study.toml").write_text(
        STUDY.replace("[scores]", '[options."bma-closed-form@few"]\nn_evidence = 4\n[scores]')
        .replace('"ols", ', '"bma-closed-form@few", ')
        .partition("[compare]")[0]
    )
    table.to_csv(folder / "table.csv", index=False)
    assert run_study(folder / "study.toml", folder / "out", "--only", methods) == 0
    output = read_output(folder / "out")
    return {kind: MAKERS[kind](output, {}) for kind in kinds}


@pytest.fixture(scope="module", params=[3, 12])
def banded(request, tmp_path_factory):
    """The tables that show bands, of so many test rows."""
    table = frame().drop(index=range(30 + request.param, 42))
    folder = tmp_path_factory.mktemp("few")
    return request.param, made(folder, table, WITH_BANDS, "raw,bma-closed-form,bma-closed-form@few")


def test_numbers_have_their_bands_in_brackets_where_they_have_any(banded):
    n, exhibits = banded
    rms, weights, variants = (exhibits[kind].shown for kind in WITH_BANDS)
    on_test = variants.loc[variants["split"] == "test"]
    for column in (rms["test"], weights["test rms"], on_test["CRPS"]):
        assert column.str.fullmatch(r"-?\d\.\d{3}" if n == 3 else r"-?\d\.\d{3} \[.+, .+\]").all()
    assert rms["train"].str.contains("[", regex=False).all()  # 30 rows have bands


def test_domains_are_all_sites_whatever_a_model_lacks(tmp_path):
    table = frame().assign(a=lambda t: t["a"].where(~np.isin(np.arange(50), EMPTY_AT)))
    domains = made(tmp_path, table, ["domains"], "raw,simplex-ls")["domains"]
    legend = domains.figure.axes[0].get_legend()
    counts = table["part"].value_counts()
    assert [t.get_text() for t in legend.get_texts()] == [
        f"{split}, {counts[split]}" for split in ("landscape", "train", "test")
    ]
    assert len(domains.table) == 50
