"""Ten seconds that show whether an installation works, with nothing but the package itself."""

import contextlib
import doctest
import importlib
import io
import pkgutil
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

from dirimix._version import __version__

# rooms whose examples take moments; those of sampled fits take longer
_QUICK = ("errors", "methods", "table", "laws", "scores")
_FIT = "data:liquid-drop --method ridge-stacking --quiet".split()


def selftest() -> int:
    """Run the quick examples, and a fit that is written, read and predicted from; 0 is success."""
    begun, tried, failed = time.monotonic(), 0, 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in _modules():
            result = doctest.testmod(importlib.import_module(name))
            tried, failed = tried + result.attempted, failed + result.failed
        reasons = [what for what in (_fit_and_predict(), _sample()) if what]
    seconds = time.monotonic() - begun
    lines = [*reasons, *([f"{failed} of {tried} examples failed"] if failed else [])]
    verdict = "; ".join(lines) or f"{tried} examples, a fit and a sample are as they should be"
    sys.stdout.write(f"dirimix {__version__}: {verdict} ({seconds:.0f} s)\n")
    return int(bool(lines))


def _modules() -> list[str]:
    folder = str(Path(__file__).parent)
    found = [m.name for m in pkgutil.walk_packages([folder], "dirimix.")]
    return [name for name in found if name.split(".")[1] in _QUICK]


def _fit_and_predict() -> str:
    """What is wrong with the command line, files and predictions; nothing if all is well."""
    import numpy as np
    import pandas as pd

    from dirimix.cli.main import main
    from dirimix.study.run import load_fitted

    with tempfile.TemporaryDirectory() as scratch:
        fit, out = str(Path(scratch, "fit")), str(Path(scratch, "p.parquet"))
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            codes = [
                main(["fit", *_FIT, "--out", fit]),
                main(["predict", fit, _FIT[0], "--out", out, "--quiet"]),
            ]
        if any(codes):
            return f"fit and predict end with {codes}"
        read, written = load_fitted(Path(fit)), pd.read_parquet(out)
        frame = written[list(read.coords)].merge(_table(), on=list(read.coords), how="left")
        again = read.the_mixture().predict(frame)
        return "" if np.array_equal(again, written["mean"]) else "a fit that is read predicts else"


def _table() -> Any:
    from dirimix.study.load import read_table

    return read_table(_FIT[0])


def _sample() -> str:
    """What is wrong with sampling: the weights of two models, one of which is right."""
    import numpy as np
    import pandas as pd

    from dirimix.estimators.global_mixture import DirichletMixture

    x = np.linspace(0, 6, 40)
    table = pd.DataFrame({"x": x, "right": np.sin(x), "wrong": np.cos(x)})
    y = table["right"] + 0.05 * np.random.default_rng(0).standard_normal(len(x))
    mixture = DirichletMixture(["x"], ["right", "wrong"], chains=2, draws=200, min_ess=0.0)
    weight = mixture.fit(table, y).predict_weights(table)["right"].iloc[0]
    return "" if weight > 0.9 else f"a right model beside a wrong one has the weight {weight:.2f}"
