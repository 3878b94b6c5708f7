"""What may be written over: nothing that the same command did not write."""

import re

import pytest

from dirimix.cli.main import main
from dirimix.errors import InputError
from dirimix.study.check.target import check_target
from spoilt import held
from stand_ins import COLUMNS, STUDY, train_frame, write_study

EXHIBITS = '\n[exhibits]\nrms = "rms"\n[validation.random]\nscheme = "k-fold"\nfolds = 2\n'


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A folder with the outputs of a fit and of a study, the latter with a report."""
    folder = tmp_path_factory.mktemp("written")
    train_frame().to_csv(folder / "t.csv", index=False)
    assert main(fit(folder, "fitted")) == 0
    study = write_study(folder, STUDY.partition("[compare]")[0] + EXHIBITS)
    only = ("--only", "equal,raw", "--quiet")
    assert main(["run", "--no-report", str(study), "--out", str(folder / "studied"), *only]) == 0
    assert main(["report", str(folder / "studied"), "--quiet"]) == 0
    assert (folder / "studied" / "figures" / "rms.md").is_file()
    return folder


def fit(folder, out):
    table = str(folder / "t.csv")
    return ["fit", table, *COLUMNS, "--method", "equal", "--out", str(folder / out), "--quiet"]


def run(folder, out):
    return ["run", "--no-report", str(folder / "study.toml"), "--out", str(folder / out), "--quiet"]


@pytest.mark.parametrize(
    ("command", "out", "sentence"),
    [
        (fit, "studied", "holds a study, which 'fit' does not replace; name another"),
        (run, "fitted", "holds a fit, which 'run' does not replace; name another"),
        (run, "t.csv", "is a file; name a folder"),
        (fit, "t.csv/deep/down", "would lie in .*t.csv', which is a file"),
    ],
)
def test_one_command_does_not_replace_the_folder_of_another(
    written, capsys, command, out, sentence
):
    before = held(written)
    assert main(command(written, out)) == 2
    assert re.fullmatch(f"dirimix: [^\\n]*{sentence}[^\\n]*\\n", capsys.readouterr().err)
    assert held(written) == before


def test_what_a_command_wrote_it_may_write_again(written):
    check_target(written / "fitted", "fit")
    check_target(written / "studied", "run")
    (written / "studied" / ".scores.csv.part").touch()
    check_target(written / "studied", "run")
    (written / "studied" / ".scores.csv.part").unlink()
    (written / "empty").mkdir()
    check_target(written / "empty", "run")
    check_target(written / "new" / "deep", "fit")


@pytest.mark.parametrize(
    "name",
    [
        "notes.csv",
        "mine.json",
        "posterior-mine.nc",
        "thesis.txt",
        "sub/scores.csv",
        "figures/mine.png",
        "methods/equal/notes.csv",
        "methods/notes.txt",
        "validation/random/1/mine.nc",
    ],
)
def test_a_file_that_a_command_never_writes_is_left_alone(written, name):
    path = written / "studied" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    try:
        shown = re.escape(repr(name if "/" in name and "sub" not in name else name.split("/")[0]))
        with pytest.raises(InputError, match=f"holds {shown}, which dirimix did not write"):
            check_target(written / "studied", "run")
        assert main(run(written, "studied")) == 2
        assert path.read_text() == "mine"
    finally:
        path.unlink()
        if name.startswith("sub"):
            path.parent.rmdir()
