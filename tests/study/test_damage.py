"""What lies in an output folder is taken only if it is what was written, and written whole."""

import json
import os
import resource
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest

from dirimix.cli.main import main
from dirimix.errors import InputError
from dirimix.study.disk.exclusive import exclusive, whole_folder
from stand_ins import COLUMNS, STUDY, register, run_study, train_frame, write_study

TEXT = (
    STUDY.partition("[methods]")[0]
    + """
[methods]
run = ["raw", "equal", "stand-in"]
[scores]
n_boot = 5
[validation.random]
scheme = "k-fold"
folds = 2
methods = ["equal"]
"""
)
EQUAL, RAW, FOLD = "methods/equal", "methods/raw", "validation/random/1/equal"


def run(folder: Path, *more: str) -> int:
    return run_study(folder / "study.toml", folder / "out", *more)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished study, one of its methods sampled; no test changes it."""
    folder = tmp_path_factory.mktemp("finished")
    write_study(folder, TEXT)
    with pytest.MonkeyPatch.context() as patch:
        register(patch)
        assert run(folder) == 0
        yield folder


@pytest.fixture
def copied(finished, tmp_path):
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True, copy_function=shutil.copy2)
    return tmp_path


def results(folder: Path) -> dict[str, bytes]:
    """All that must come out the same, by name: all but times."""
    names = (p for p in (folder / "out").glob("*") if p.suffix in (".csv", ".json"))
    return {
        p.name: p.read_bytes() for p in names if p.name not in ("manifest.json", "sampling.csv")
    }


def made(folder: Path) -> dict[str, int]:
    """When every fit was written."""
    out = folder / "out"
    return {str(p.parent.relative_to(out)): p.stat().st_mtime_ns for p in out.rglob("facts.json")}


def truncate(out: Path) -> None:
    path = out / EQUAL / "predictions.csv"
    path.write_bytes(path.read_bytes()[:-40])


def empty(out: Path) -> None:
    (out / EQUAL / "facts.json").write_bytes(b"")


def edit_a_digit(out: Path) -> None:
    path = out / FOLD / "pointwise.csv"
    text = path.read_text()
    path.write_text(text[:-3] + ("1" if text[-3] != "1" else "2") + text[-2:])


def edit_the_verdict(out: Path) -> None:
    path = out / EQUAL / "facts.json"
    path.write_text(path.read_text().replace('"converged": true', '"converged": false'))


def take_away(out: Path) -> None:
    (out / EQUAL / "scores.csv").unlink()


def add(out: Path) -> None:
    shutil.copy(out / EQUAL / "scores.csv", out / EQUAL / "evidence.csv")


def swap_files(out: Path) -> None:
    one, other, between = (out / EQUAL / "scores.csv", out / RAW / "scores.csv", out / "between")
    one.replace(between)
    other.replace(one)
    between.replace(other)


def swap_folders(out: Path) -> None:
    (out / EQUAL).replace(out / "between")
    (out / RAW).replace(out / EQUAL)
    (out / "between").replace(out / RAW)


def link_a_file(out: Path) -> None:
    path = out / EQUAL / "scores.csv"
    path.replace(out.parent / "elsewhere.csv")
    path.symlink_to(out.parent / "elsewhere.csv")


def link_a_fit(out: Path) -> None:
    (out / EQUAL).replace(out.parent / "elsewhere")
    (out / EQUAL).symlink_to(out.parent / "elsewhere")


def link_all_fits(out: Path) -> None:
    (out / "methods").replace(out.parent / "elsewhere")
    (out / "methods").symlink_to(out.parent / "elsewhere")


def folder_for_a_file(out: Path) -> None:
    (out / EQUAL / "facts.json").unlink()
    (out / EQUAL / "facts.json").mkdir()


def pipe_for_a_file(out: Path) -> None:
    (out / EQUAL / "facts.json").unlink()
    os.mkfifo(out / EQUAL / "facts.json")


def spoil_draws(out: Path) -> None:
    path = out / "posterior-stand-in.nc"
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)


def other_json(out: Path) -> None:
    (out / EQUAL / "facts.json").write_text('[{"key": 1}]')


DAMAGE = {
    truncate: {EQUAL},
    empty: {EQUAL},
    edit_a_digit: {FOLD},
    edit_the_verdict: {EQUAL},
    take_away: {EQUAL},
    add: {EQUAL},
    swap_files: {EQUAL, RAW},
    swap_folders: {EQUAL, RAW},
    link_a_file: {EQUAL},
    link_a_fit: {EQUAL},
    link_all_fits: {EQUAL, RAW, "methods/stand-in"},
    folder_for_a_file: {EQUAL},
    pipe_for_a_file: {EQUAL},
    spoil_draws: {"methods/stand-in"},
    other_json: {EQUAL},
}


LONG = (
    empty, edit_the_verdict, take_away, swap_folders, link_a_file, link_a_fit, folder_for_a_file,
    other_json,
)  # fmt: skip
EACH = [pytest.param(f, marks=[pytest.mark.slow] * (f in LONG), id=f.__name__) for f in DAMAGE]


@pytest.mark.parametrize("damage", EACH)
def test_a_damaged_part_is_made_again_and_no_other(copied, damage):
    before, whole = made(copied), results(copied)
    damage(copied / "out")
    elsewhere = {p: p.read_bytes() for p in (copied / "elsewhere").rglob("*.csv")}
    assert run(copied, "--resume") == 0
    after = made(copied)
    assert {name for name in after if after[name] != before.get(name)} == DAMAGE[damage]
    assert results(copied) == whole
    assert not [p for p in (copied / "out").rglob("*") if p.is_symlink()]
    # what a link led to is left alone
    assert {p: p.read_bytes() for p in (copied / "elsewhere").rglob("*.csv")} == elsewhere


def test_no_part_is_made_again_without_need(copied):
    before = made(copied)
    assert run(copied, "--resume") == 0
    assert made(copied) == before


def test_what_a_killed_run_left_of_a_fit_goes(copied):
    part = copied / "out" / "methods" / ".equal.part"
    part.mkdir()
    (part / "scores.csv").write_text("method")
    assert run(copied, "--resume") == 0
    assert not part.exists()


def test_a_damaged_manifest_is_written_again(copied):
    whole = results(copied)
    for text in ("{", "[]", '{"study": 3}'):
        (copied / "out" / "manifest.json").write_text(text)
        (copied / "out" / "figures").mkdir(exist_ok=True)
        assert run(copied, "--resume") == 0
        assert "versions" in json.loads((copied / "out" / "manifest.json").read_text())
    assert results(copied) == whole


def test_two_runs_into_one_folder_refuse_each_other(copied, capsys):
    whole = results(copied)
    with exclusive(copied / "out"):
        assert run(copied) == 2
    assert "another process is writing to the output folder" in capsys.readouterr().err
    assert results(copied) == whole
    assert run(copied, "--resume") == 0  # the lock has gone with its holder


def fit(folder: Path, out: str = "fitted", method: str = "equal") -> int:
    train_frame().to_csv(folder / "t.csv", index=False)
    more = ("--method", method, "--out", str(folder / out), "--quiet")
    return main(["fit", str(folder / "t.csv"), *COLUMNS, *more])


def test_two_fits_into_one_folder_refuse_each_other(tmp_path, capsys):
    with whole_folder(tmp_path / "fitted"):
        assert fit(tmp_path) == 2
    assert re_said(capsys) == "another process is writing to the output folder"
    assert fit(tmp_path) == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["fitted", "t.csv"]


def test_what_appears_where_a_fit_is_to_go_stays(tmp_path, monkeypatch, capsys):
    from dirimix.study import run as module

    place, finish = tmp_path / "fitted", module.finish

    def meanwhile(*arguments, **options):
        place.mkdir()
        (place / "thesis.txt").write_text("mine")
        return finish(*arguments, **options)

    monkeypatch.setattr(module, "finish", meanwhile)
    assert fit(tmp_path) == 2
    assert "is not empty and was not written by dirimix" in capsys.readouterr().err
    assert (place / "thesis.txt").read_text() == "mine"


def test_a_fit_does_not_take_the_place_of_a_folder_that_is_being_written(tmp_path):
    assert fit(tmp_path) == 0
    with (
        exclusive(tmp_path / "fitted"),
        pytest.raises(InputError, match="another process is writing"),
        whole_folder(tmp_path / "fitted") as (fresh, _),
    ):
        (fresh / "new").touch()
    assert not (tmp_path / "fitted" / "new").exists()


def re_said(capsys) -> str:
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said.removeprefix("dirimix: ").partition(" '")[0]


def test_a_fit_goes_on_where_a_killed_one_left(tmp_path):
    assert fit(tmp_path) == 0
    # killed between the two moves of an exchange: the old folder aside, the new one not there
    scratch = tmp_path / ".fitted.part"
    (scratch / "new").mkdir(parents=True)
    (tmp_path / "fitted").replace(scratch / "old")
    with pytest.raises(RuntimeError), whole_folder(tmp_path / "fitted"):
        raise RuntimeError
    assert (tmp_path / "fitted" / "fit.json").is_file()
    assert not scratch.exists()


def test_a_fit_does_not_begin_where_it_could_not_end(tmp_path, monkeypatch, capsys):
    (tmp_path / "here").mkdir()
    train_frame().to_csv(tmp_path / "t.csv", index=False)
    monkeypatch.chdir(tmp_path / "here")
    assert main(["fit", "../t.csv", *COLUMNS, "--method", "equal", "--out", "."]) == 2
    assert "is where this command runs and cannot be exchanged" in capsys.readouterr().err
    assert main(["fit", "../t.csv", *COLUMNS, "--method", "equal", "--out", "/proc"]) == 2
    assert "is a file system of its own" in capsys.readouterr().err


@contextmanager
def full_disk(most: int):
    """The system refuses to write more than so many bytes into a file."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


LONG_SIZES = (0, 400, 9000, 30_000)
SIZES = [3000, *(pytest.param(most, marks=pytest.mark.slow) for most in LONG_SIZES)]


@pytest.mark.parametrize("most", SIZES)
def test_a_full_disk_leaves_nothing_half(most, tmp_path, capsys):
    write_study(tmp_path, TEXT.replace('"stand-in"', '"ols"'))
    train_frame().to_csv(tmp_path / "t.csv", index=False)
    argv = ["fit", str(tmp_path / "t.csv"), *COLUMNS, "--method", "equal", "--quiet", "--out"]
    with full_disk(most):
        codes = main([*argv, str(tmp_path / "fitted")]), run(tmp_path)
    assert codes == (1, 1)
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert all(line.startswith("dirimix: the operating system says: ") for line in said)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "study.toml", "t.csv", "table.csv"]
    assert not list(tmp_path.rglob("*.part"))
    assert run(tmp_path, "--resume") == 0
    assert main([*argv, str(tmp_path / "fitted")]) == 0


def test_a_folder_that_vanishes_is_named(tmp_path, monkeypatch, capsys):
    write_study(tmp_path, TEXT)
    register(monkeypatch)
    from dirimix.study import run as running

    def vanish(*_, **__):
        shutil.rmtree(tmp_path / "out")
        raise FileNotFoundError(2, os.strerror(2), str(tmp_path / "out"))

    monkeypatch.setattr(running, "finish", vanish)
    assert run(tmp_path) == 1
    assert "No such file or directory" in capsys.readouterr().err


def test_an_empty_mark_is_no_obstacle(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".dirimix").touch()
    write_study(tmp_path, TEXT.replace('"stand-in"', '"ols"'))
    assert run(tmp_path) == 0


def test_a_lock_is_not_taken_from_another(tmp_path):
    with exclusive(tmp_path / "a"), exclusive(tmp_path / "b"):
        with pytest.raises(InputError, match="another process"), exclusive(tmp_path / "a"):
            pass
