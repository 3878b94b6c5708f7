"""What several tests of the page share: runs with all that pages show."""

import pytest

from dirimix.cli.main import main
from exhibit_study import SECTIONS
from stand_ins import STUDY, frame, register, run_study, write_study


@pytest.fixture(scope="session")
def unconverged(tmp_path_factory):
    """The folder of a run of simple methods and a stand-in local one that has not converged."""
    folder = tmp_path_factory.mktemp("unconverged")
    text = STUDY.replace('"equal", ', '"equal", "lbmm-gpd", ')
    text = text.replace("[scores]", '[options."lbmm-gpd"]\noutcome = "bad"\n[scores]')
    with pytest.MonkeyPatch.context() as patch:
        register(patch, "lbmm-gpd")
        study, out = write_study(folder, text), folder / "out"
        only = "raw,equal,ols,simplex-ls,bma-closed-form,lbmm-gpd"
        assert main(["run", str(study), "--out", str(out), "--quiet", "--only", only]) == 3
    return out


@pytest.fixture(scope="session")
def exhibited(tmp_path_factory):
    """The folder of a run with every kind of exhibit, and a stand-in local method."""
    folder = tmp_path_factory.mktemp("exhibits")
    text = STUDY.replace('"equal", ', '"equal", "lbmm-gpd", "bma-closed-form@few", ')
    text = text.replace("[scores]", '[options."bma-closed-form@few"]\nn_evidence = 4\n[scores]')
    text += SECTIONS
    with pytest.MonkeyPatch.context() as patch:
        register(patch, "lbmm-gpd")
        study, out = write_study(folder, text), folder / "out"
        assert run_study(study, out) == 0
        assert main(["report", str(out), "--quiet"]) == 0
    return out


LONG_NAMES = {"a": "CMIP6_HadGEM3-GC31-LL", "b": "CMIP6_HadGEM3-GC31-MM", "c": "=1+1"}
EMPTY_AT = [0, 45]  # a training row and one without observation


@pytest.fixture(scope="session")
def gapped(tmp_path_factory):
    """The folder of a run of models with long names, of which the first lacks two values."""
    folder = tmp_path_factory.mktemp("gapped")
    text = STUDY.partition("[compare]")[0].replace('"raw:c"', '"raw:=1+1"')
    text = text.replace('["a", "b", "c"]', str(list(LONG_NAMES.values())).replace("'", '"'))
    text += '[validation.blocks]\nscheme = "blocks"\nsize = [2.0, 2.5]\n'
    table = frame().assign(a=lambda t: t["a"].mask(t.index.isin(EMPTY_AT)))
    table.rename(columns=LONG_NAMES).to_csv(folder / "table.csv", index=False)
    (folder / "study.toml").write_text(text)
    run = ["run", str(folder / "study.toml"), "--out", str(folder / "out"), "--quiet"]
    assert main([*run, "--only", "raw,equal,ols,simplex-ls"]) == 0
    return folder / "out"
