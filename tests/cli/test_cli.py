import subprocess
import sys
from io import StringIO
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import dirimix
from dirimix.cli.console import ConsoleReporter, LiveLines, PlainLines, chain_line, score_lines
from dirimix.cli.main import VERBS, main
from dirimix.cli.options import names, setting
from dirimix.datasets import DATASETS
from dirimix.errors import InputError
from dirimix.sampling.progress import COMPARING, ChainProgress
from dirimix.study.disk.fitted_file import FORMAT
from dirimix.study.load import file_sha256
from dirimix.study.manifest import Outcome
from stand_ins import COLUMNS, STUDY, SampledStandIn, frame, register, train_frame, write_study


def fit(folder, table, *more, method="equal") -> int:
    path = folder / "t.csv"
    table.to_csv(path, index=False)
    out = folder / "out"
    return main(["fit", str(path), *COLUMNS, "--method", method, "--out", str(out), *more])


def test_help_imports_nothing_heavy():
    code = (
        "import sys\n"
        "from dirimix.cli.main import main\n"
        "try: main(['fit', '--help'])\n"
        "except SystemExit: pass\n"
        "assert not {'jax', 'pandas', 'numpy', 'sklearn', 'scipy'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.parametrize("verb", [*VERBS, "data list", "data fetch"])
def test_every_command_has_help(verb, capsys):
    with pytest.raises(SystemExit) as ended:
        main([*verb.split(), "--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert verb == "data" or ("--seed" in shown and "--quiet" in shown)


def test_version(capsys):
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"dirimix {dirimix.__version__}\n"


def test_data_list_names_every_dataset(capsys):
    assert main(["data", "list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(DATASETS)


def test_data_fetch_of_an_embedded_dataset_says_where_it_is(capsys):
    assert main(["data", "fetch", "liquid-drop"]) == 0
    assert "datasets" in capsys.readouterr().out


def test_somebody_elses_folder_is_left_alone(tmp_path, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    assert fit(tmp_path, train_frame()) == 2
    assert "is not empty and was not written by dirimix" in capsys.readouterr().err
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["thesis.txt"]
    (tmp_path / "out" / "thesis.txt").unlink()
    assert fit(tmp_path, train_frame(), "--quiet") == 0
    (tmp_path / "out" / "thesis.txt").write_text("mine again")
    assert fit(tmp_path, train_frame()) == 2
    assert "holds 'thesis.txt', which dirimix did not write" in capsys.readouterr().err


def test_a_refused_fit_leaves_the_old_one_and_nothing_half(tmp_path, monkeypatch):
    register(monkeypatch)
    assert fit(tmp_path, train_frame(), "--quiet") == 0
    before = (tmp_path / "out" / "fit.nc").read_bytes()
    for outcome, code in (("refuse", 2), ("interrupt", 130)):
        more = ("--quiet", "--option", f"outcome={outcome}")
        assert fit(tmp_path, train_frame(), *more, method="stand-in") == code
        assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "t.csv"]
    assert (tmp_path / "out" / "fit.nc").read_bytes() == before


@pytest.mark.parametrize("method", ["equal", "ols", "ridge-stacking", "raw", "equal+gp"])
def test_predict_gives_what_the_fitted_estimator_gives(tmp_path, method):
    assert fit(tmp_path, train_frame(), "--error", "u", "--quiet", method=method) == 0
    table = frame()[["x", "z", "a", "b", "c"]]
    table.to_csv(tmp_path / "new.csv", index=False)
    new, out = str(tmp_path / "new.csv"), tmp_path / "p.csv"
    assert main(["predict", str(tmp_path / "out"), new, "--out", str(out)]) == 0
    found = pd.read_csv(out)
    quantiles = ["q025", "q05", "q25", "q50", "q75", "q95", "q975"]
    assert set(found.columns) >= {"x", "z", "mean", "sd", *quantiles, "converged"}
    assert (np.diff(found[quantiles], axis=1) > 0).all()
    if method == "raw":
        np.testing.assert_allclose(found["mean"], table[["a", "b", "c"]].to_numpy().T.ravel())
    if method == "equal":
        np.testing.assert_allclose(found["mean"], table[["a", "b", "c"]].mean(axis=1))
        np.testing.assert_allclose(found[["w_a", "w_b", "w_c"]], 1 / 3)


def test_predict_writes_every_kind_of_table(tmp_path):
    assert fit(tmp_path, train_frame(), "--quiet") == 0
    readers = {".csv": pd.read_csv, ".parquet": pd.read_parquet}
    readers[".nc"] = lambda path: xr.load_dataset(path, engine="h5netcdf").to_dataframe()
    for ending, read in readers.items():
        out = tmp_path / f"p{ending}"
        assert (
            main(["predict", str(tmp_path / "out"), str(tmp_path / "t.csv"), "--out", str(out)])
            == 0
        )
        assert len(read(out)) == 30


def test_predict_refuses_what_is_no_fit(tmp_path, capsys):
    table = str(tmp_path / "t.csv")
    assert fit(tmp_path, train_frame(), "--quiet") == 0
    assert main(["predict", str(tmp_path), table, "--out", str(tmp_path / "p.csv")]) == 2
    assert "holds no fitted method" in capsys.readouterr().err
    with (tmp_path / "out" / "fit.nc").open("ab") as stream:
        stream.write(b"altered")
    arguments = ["predict", str(tmp_path / "out"), table, "--out", str(tmp_path / "p.csv")]
    assert main(arguments) == 2
    assert "not the one that was written" in capsys.readouterr().err
    assert main([*arguments[:-1], str(tmp_path / "p.txt")]) == 2
    assert "only .csv, .parquet, .nc are known" in capsys.readouterr().err
    assert not (tmp_path / "p.csv").exists()


def test_a_fit_of_another_version_is_refused_in_one_sentence(tmp_path, capsys):
    assert fit(tmp_path, train_frame(), "--quiet") == 0
    manifest, path = tmp_path / "out" / "manifest.json", tmp_path / "out" / "fit.json"
    before = file_sha256(path)
    old = {
        f'"version": "{dirimix.__version__}"': '"version": "0.1.0"',
        f'"format": {FORMAT}': '"format": 0',
    }
    text = path.read_text()
    for here, there in old.items():
        text = text.replace(here, there)
    path.write_text(text)
    assert file_sha256(path) != before
    manifest.write_text(manifest.read_text().replace(before, file_sha256(path)))
    out = tmp_path / "p.csv"
    arguments = ["predict", str(tmp_path / "out"), str(tmp_path / "t.csv"), "--out", str(out)]
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "written by another version of dirimix (0.1.0, and this is" in said
    assert said.endswith("fit again\n")
    assert not out.exists()


def test_predict_leaves_out_rows_that_a_single_model_lacks(tmp_path, capsys):
    assert fit(tmp_path, train_frame(), "--quiet", method="raw") == 0
    table = train_frame()
    table.loc[3, "b"] = np.nan
    table.to_csv(tmp_path / "new.csv", index=False)
    out = tmp_path / "p.csv"
    arguments = ["predict", str(tmp_path / "out"), str(tmp_path / "new.csv"), "--out", str(out)]
    assert main(arguments) == 0
    assert "1 of 30 rows are not predicted by 'b'" in capsys.readouterr().err
    assert pd.read_csv(out)["model"].value_counts().to_dict() == {"a": 30, "b": 29, "c": 30}


def test_an_unconverged_fit_marks_its_outputs_and_predictions(tmp_path, monkeypatch, capsys):
    register(monkeypatch)
    more = ("--quiet", "--option", "outcome=bad")
    assert fit(tmp_path, train_frame(), *more, method="stand-in") == 3
    assert "not converged: stand-in (rhat above 1.01)" in capsys.readouterr().err
    out = tmp_path / "p.csv"
    arguments = ["predict", str(tmp_path / "out"), str(tmp_path / "t.csv"), "--out", str(out)]
    assert main(arguments) == 3
    assert not pd.read_csv(out)["converged"].any()
    assert "--allow-unconverged accepts them" in capsys.readouterr().err
    assert main([*arguments, "--allow-unconverged"]) == 0
    assert "accept them" not in capsys.readouterr().err
    assert (tmp_path / "out" / "posterior-stand-in.nc").is_file()


def test_flags_that_a_method_lacks_are_said_not_swallowed(tmp_path, monkeypatch, capsys):
    assert fit(tmp_path, train_frame(), "--chains", "2") == 0
    assert "equal has no chains; --chains is not used" in capsys.readouterr().err
    register(monkeypatch)
    assert fit(tmp_path, train_frame(), "--draws", "5", "--quiet", method="stand-in") == 0
    assert pd.read_csv(tmp_path / "out" / "sampling.csv")["draws"].tolist() == [5]


def test_a_dataset_is_fitted_on_its_training_rows_and_says_so(tmp_path, capsys):
    arguments = ["fit", "data:liquid-drop", "--method", "equal", "--out", str(tmp_path / "o")]
    assert main(arguments) == 0
    assert "fitted on the 466 training rows of data:liquid-drop" in capsys.readouterr().err
    assert set(pd.read_csv(tmp_path / "o" / "predictions.csv")["split"]) == {"train"}


def test_quiet_says_nothing(tmp_path, capsys):
    assert fit(tmp_path, train_frame(), "--quiet") == 0
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_scores_are_printed_at_the_end(tmp_path, capsys):
    study = write_study(tmp_path)
    arguments = [
        "run",
        "--no-report",
        str(study),
        "--out",
        str(tmp_path / "o"),
        "--only",
        "raw,equal",
    ]
    assert main(arguments) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "scores on the test rows"
    assert [line.split("  ")[0] for line in shown[2:6]] == ["raw a", "raw b", "raw c", "equal"]


def test_a_reason_that_many_share_is_given_once(capsys):
    why = {f"signed-gp without blocks {k}": ("at the mode",) for k in range(16)}
    ConsoleReporter().complain({"gbmm-d": ("rhat above 1.01",)} | why, "out")
    said = capsys.readouterr().err
    assert "not converged: gbmm-d (rhat above 1.01), signed-gp without blocks 0, " in said
    assert "blocks 4 and 11 more (at the mode); the outputs in out are marked" in said
    assert said.count("at the mode") == 1


def test_intervals_that_hold_too_few_or_too_many_rows_are_told_in_the_scores():
    def rows(method: str, share: float, lo: float, hi: float) -> dict[str, Any]:
        scores = {"rms": 1.0, "crps": 0.5, "log_score": -1.0}
        band = {"coverage_90": share, "coverage_90_lo": lo, "coverage_90_hi": hi}
        band |= {"below_median_lo": 0.4, "below_median_hi": 0.6}
        about = {"method": method, "model": None, "weights": "field", "split": "test", "n": 38}
        return about | scores | band

    narrow, wide = ("narrow", 0.76, 0.61, 0.86), ("wide", 1.0, 0.92, 1.0)
    cases = [rows(*narrow), rows(*wide), rows("fair", 0.84, 0.71, 0.93)]
    cases.append(rows("few", 0.5, np.nan, np.nan))
    cases.append(rows("low", 1.0, 0.92, 1.0) | {"below_median_lo": 0.01, "below_median_hi": 0.2})
    cases.append(rows("high", 0.9, 0.8, 0.95) | {"below_median_lo": 0.8, "below_median_hi": 1.0})
    lines = score_lines(Outcome({}, pd.DataFrame(cases))).splitlines()[2:]
    said = [line.rpartition("  ")[2] for line in lines]
    assert said == ["too narrow", "too wide", "0.84", "0.50", "too wide, too low", "too high"]


def test_scores_of_any_size_stand_apart():
    scores = {"n": 12345, "rms": 679279.25, "crps": -949834.77, "log_score": -2.5e12}
    about = {"method": "m" * 30, "model": None, "weights": "unprojected", "split": "test"}
    row = about | scores | {f"coverage_90{end}": 0.9 for end in ("", "_lo", "_hi")}
    row |= {"below_median_lo": 0.4, "below_median_hi": 0.6}
    line = score_lines(Outcome({}, pd.DataFrame([row]))).splitlines()[2]
    assert line.split() == [
        "m" * 30, "unprojected", "12345", "679279.250", "-949834.770", "-2500000000000.000", "0.90"
    ]  # fmt: skip


def test_run_writes_to_a_folder_named_after_the_study(tmp_path, monkeypatch):
    study = write_study(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert main(["run", "--no-report", str(study), "--quiet", "--only", "raw,equal"]) == 0
    assert (tmp_path / "runs" / study.stem / "scores.csv").is_file()


def test_dask_without_its_package_or_scheduler_is_refused_and_writes_nothing(tmp_path, capsys):
    study = write_study(tmp_path, STUDY)
    arguments = [
        "run",
        "--no-report",
        str(study),
        "--out",
        str(tmp_path / "o"),
        "--dask",
        "tcp://127.0.0.1:1",
    ]
    if "distributed" in sys.modules:
        pytest.skip("distributed is loaded and would wait for its scheduler")
    sys.modules["distributed"] = None  # type: ignore[assignment]
    try:
        assert main(arguments) == 2
    finally:
        del sys.modules["distributed"]
    assert "--dask needs the package 'distributed'" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_settings_are_read_as_in_a_study():
    assert setting("a=3") == ("a", 3)
    assert setting("a=[1, 2]") == ("a", [1, 2])
    assert setting("a=text") == ("a", "text")
    with pytest.raises(InputError, match="separated by commas"):
        names(",", "--coords")
    with pytest.raises(InputError, match="--models takes names separated by commas, not 'a.nb'"):
        names("a\nb", "--models")
    assert names('"a\nb",c', "--models") == ("a\nb", "c")


class Screen(StringIO):
    """A stream that remembers what each call wrote."""

    def __init__(self):
        super().__init__()
        self.written = []

    def write(self, text):
        self.written.append(text)
        return len(text)


def event(chain, done, ess=float("nan"), left=float("nan")) -> ChainProgress:
    return ChainProgress(chain, "draws", done, 100, 2, ess, left)


def test_a_chain_line_leaves_out_what_is_not_known():
    assert chain_line("m", event(0, 50)) == "m chain 1 draws   50/100  2 divergent"
    assert chain_line("m", event(1, 5, 7.0, 3700.0)).endswith("ESS 7  1:01:40 left")


def test_a_comparison_of_candidates_is_no_chain():
    compared = ChainProgress(0, COMPARING, 2, 5, 0, float("nan"), float("nan"))
    assert chain_line("auto", compared) == "auto candidates compared 2/5"
    assert (
        chain_line("auto", compared, bar=True)
        == f"auto candidates compared {'█' * 10}{'░' * 14} 2/5"
    )


def test_live_lines_are_redrawn_in_place():
    screen = Screen()
    lines = LiveLines("m", screen)
    lines(event(0, 20))
    lines(event(1, 30))
    lines(event(0, 40))
    assert "\x1b[" not in screen.written[0].replace("\x1b[2K", "")
    assert screen.written[2].startswith("\x1b[2F")
    assert screen.written[2].count("\n") == 2
    assert " 40/100" in screen.written[2]


def test_lines_are_redrawn_only_by_the_one_process_that_writes_to_a_terminal(monkeypatch):
    assert isinstance(ConsoleReporter().listener("m"), PlainLines)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert isinstance(ConsoleReporter().listener("m"), LiveLines)
    assert isinstance(ConsoleReporter(redraw=False).listener("m"), PlainLines)
    assert ConsoleReporter(quiet=True).listener("m") is None


def test_plain_lines_come_now_and_then_and_at_the_end():
    screen = Screen()
    lines = PlainLines("m", screen)
    for done in (20, 40, 60, 80, 100):
        lines(event(0, done))
    assert len(screen.written) == 1
    assert "100/100" in screen.written[0]


def test_chains_report_to_stderr_unless_quiet(tmp_path, monkeypatch, capsys):
    register(monkeypatch)
    assert fit(tmp_path, train_frame(), method="stand-in") == 0
    assert "stand-in chain 1 draws" in capsys.readouterr().err
    assert SampledStandIn().progress is None
