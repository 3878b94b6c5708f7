"""What several tests of the page share: a run with all colours there are, and a browser."""

import pytest

from browser import browser
from dirimix.cli.main import main
from stand_ins import STUDY, register, write_study


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


@pytest.fixture(scope="module")
def chromium():
    with browser() as found:
        yield found
