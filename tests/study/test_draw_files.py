"""Draws of a fit that was interrupted are taken as they were written, or made again."""

import os
import shutil
import signal
import subprocess
import sys
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from dirimix.cli.main import main
from dirimix.errors import InputError, WorkerLost
from dirimix.sampling import blocks
from dirimix.sampling.blocks import Block
from dirimix.sampling.target import Chain, Chunk, Search
from dirimix.study.disk.draw_files import DrawFiles, draws_kept
from stand_ins import COLUMNS, STUDY, train_frame, write_study


def block(number: int) -> Block:
    """Some block of draws."""
    rng = np.random.default_rng(number)
    end = Chain(rng.normal(size=3), rng.integers(9, size=2, dtype=np.uint32), Search(0.1, 0.2, 3.0))
    stats = {"lp": rng.normal(size=4), "diverging": np.array([True, False, True, False])}
    return Block(number // 2, f"b{number}", number % 2, 20, end, Chunk({"q": rng.random(4)}, stats))


def written(folder: Path, key: str = "k") -> list[Path]:
    files = DrawFiles(folder, key, print)
    for number in range(0, 8, 2):
        files.write([block(number), block(number + 1)], float(number))
    return sorted(folder.iterdir())


def read(folder: Path, key: str = "k") -> list[Block]:
    return list(DrawFiles(folder, key, print).read())


def alike(found: list[Block], wanted: list[Block]) -> bool:
    def plain(b: Block):
        arrays = [b.end.position, b.end.key, *b.end.search, *b.chunk.draws.values()]
        arrays += b.chunk.stats.values()
        return (
            b.stage,
            b.begin,
            b.chain,
            b.first,
            [(str(a.dtype), a.tolist()) for a in map(np.asarray, arrays)],
        )

    return [plain(b) for b in found] == [plain(b) for b in wanted]


def test_draws_come_back_as_they_were_written(tmp_path):
    written(tmp_path)
    files = DrawFiles(tmp_path, "k", print)
    assert alike(list(files.read()), [block(n) for n in range(8)])
    assert files.seconds == 6.0
    files.write([block(8)], 9.0)
    assert alike(read(tmp_path), [block(n) for n in range(9)])


def flip(paths: list[Path]) -> None:
    content = bytearray(paths[2].read_bytes())
    content[len(content) // 2] ^= 1
    paths[2].write_bytes(bytes(content))


def cut(paths: list[Path]) -> None:
    paths[2].write_bytes(paths[2].read_bytes()[:-1])


def empty(paths: list[Path]) -> None:
    paths[2].write_bytes(b"")


def take_away(paths: list[Path]) -> None:
    paths[2].unlink()


def exchange(paths: list[Path]) -> None:
    between = paths[2].with_name("between")
    paths[2].rename(between)
    paths[3].rename(paths[2])
    between.rename(paths[3])


def exchange_names_too(paths: list[Path]) -> None:
    one, other = (p.with_name(f"{i:06d}-{p.name[7:]}") for i, p in ((2, paths[3]), (3, paths[2])))
    paths[2].rename(other)
    paths[3].rename(one)


def link(paths: list[Path]) -> None:
    shutil.copy(paths[2], paths[2].parents[1] / "copy")
    paths[2].unlink()
    paths[2].symlink_to(paths[2].parents[1] / "copy")


def folder_instead(paths: list[Path]) -> None:
    paths[2].unlink()
    paths[2].mkdir()


def pipe_instead(paths: list[Path]) -> None:
    paths[2].unlink()
    os.mkfifo(paths[2])


def of_another_fit(paths: list[Path]) -> None:
    other = written(paths[0].parents[1] / "other", "another key")
    paths[2].unlink()
    shutil.copy(other[2], paths[2].parent)


def insert(paths: list[Path]) -> None:
    shutil.copy(paths[1], paths[1].with_name(f"000002-{paths[1].name[7:]}"))
    paths[2].unlink()


DAMAGE = [flip, cut, empty, take_away, exchange, exchange_names_too, link, folder_instead]
DAMAGE += [pipe_instead, of_another_fit, insert]


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_damaged_and_what_follows_it_is_not_taken(damage, tmp_path, capsys):
    damage(written(tmp_path / "draws"))
    assert alike(read(tmp_path / "draws"), [block(n) for n in range(4)])
    said = capsys.readouterr().out
    assert "draws that are damaged, or of another fit, are made again" in said
    left = sorted((tmp_path / "draws").iterdir())
    assert [p.name[:6] for p in left] == ["000000", "000001"]


def test_draws_of_another_fit_are_not_taken(tmp_path):
    written(tmp_path)
    assert read(tmp_path, "another") == []
    assert not list(tmp_path.iterdir())


def test_what_was_being_written_is_no_damage(tmp_path, capsys):
    written(tmp_path)
    (tmp_path / ".000004-00.npz.part").write_bytes(b"half")
    assert len(read(tmp_path)) == 8
    assert "damaged" not in capsys.readouterr().out


def test_a_full_disk_ends_the_keeping_and_not_the_fit(tmp_path, capsys):
    (tmp_path / "draws").write_text("a file where the folder is to be")
    files = DrawFiles(tmp_path / "draws", "k", print)
    for number in range(3):
        files.write([block(number)], 1.0)
    assert capsys.readouterr().out.count("no more draws are kept") == 1


@pytest.mark.parametrize(
    ("error", "kept"), [(InputError, False), (WorkerLost, True), (OSError, True)]
)
def test_draws_stay_where_another_try_may_succeed(error, kept, tmp_path):
    def fail() -> None:
        with draws_kept(tmp_path / "draws", "k", print):
            written(tmp_path / "draws")
            raise error("x")

    with pytest.raises(error):
        fail()
    assert (tmp_path / "draws").exists() == kept


FEW = ("--draws", "60", "--chains", "2", "--warmup", "60", "--option", "min_ess=0")
TEXT = (
    STUDY.partition("[methods]")[0]
    + """
[methods]
run = ["equal", "gbmm-l"]
tolerated = ["gbmm-l"]
[options."gbmm-l"]
draws = 60
chains = 2
warmup = 60
min_ess = 0
[scores]
n_boot = 5
"""
)
KILL = """
import os, signal, sys
from dirimix.sampling import blocks
from dirimix.study.disk.draw_files import DrawFiles
from dirimix.cli.main import main
blocks.SECONDS = 0.0
number, *argv = sys.argv[1:]
write, count = DrawFiles.write, iter(range(10_000))
def write_and_die(self, *arguments):
    write(self, *arguments)
    if next(count) == int(number):
        os.kill(os.getpid(), signal.SIGKILL)
DrawFiles.write = write_and_die
sys.exit(main(argv))
"""


def killed(argv: list[str], after: int) -> int:
    """The exit code of a command that is killed when it has kept so many blocks and one."""
    return subprocess.run([sys.executable, "-c", KILL, str(after), *argv, "--quiet"]).returncode


def stopped(argv: list[str], after: int) -> int:
    """The same at Ctrl-C."""
    number, write = count(), DrawFiles.write

    def write_and_stop(self, *arguments):
        write(self, *arguments)
        if next(number) == after:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DrawFiles, "write", write_and_stop)
        return main([*argv, "--quiet"])


def results(out: Path) -> dict[str, bytes]:
    kept = (p for p in out.glob("*.csv") if p.name != "sampling.csv")
    return {p.name: p.read_bytes() for p in (*kept, out / "scores.json")}


@pytest.fixture
def _at_once(monkeypatch):
    monkeypatch.setattr(blocks, "SECONDS", 0.0)


ENDS = [(killed, -signal.SIGKILL), pytest.param(stopped, 130, marks=pytest.mark.slow)]


@pytest.mark.usefixtures("_at_once")
@pytest.mark.parametrize(("end", "code"), ENDS)
def test_a_fit_that_was_ended_goes_on(end, code, tmp_path, capsys):
    train_frame().to_csv(tmp_path / "t.csv", index=False)
    argv = ["fit", str(tmp_path / "t.csv"), *COLUMNS, "--method", "gbmm-l", *FEW]
    argv += ["--allow-unconverged", "--out"]
    whole, out = str(tmp_path / "whole"), str(tmp_path / "out")
    assert main([*argv, whole, "--quiet"]) == 0
    assert end([*argv, out], 9) == code
    assert stopped([*argv, out, "--resume"], 5) == 130
    assert "nothing was written; --resume goes on" in capsys.readouterr().err
    assert len(list((tmp_path / ".out.part").rglob("*.npz"))) == 16
    assert main([*argv, out, "--resume"]) == 0
    assert "goes on from draws that were kept" in capsys.readouterr().err
    assert results(tmp_path / "out") == results(tmp_path / "whole")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "t.csv", "whole"]


@pytest.mark.usefixtures("_at_once")
def test_a_study_that_was_stopped_goes_on_and_makes_damaged_draws_again(tmp_path, capsys):
    argv = ["run", "--no-report", str(write_study(tmp_path, TEXT)), "--resume", "--out"]
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert main([*argv, str(whole), "--quiet"]) == 0
    assert stopped([*argv, str(out)], 15) == 130
    kept = sorted(out.rglob("*.npz"))
    assert [p.relative_to(out).parts[:2] for p in kept] == [("methods", ".gbmm-l.draws")] * 16
    flip(kept[6:])
    assert main([*argv, str(out)]) == 0
    said = capsys.readouterr().err
    assert "gbmm-l: goes on from draws that were kept" in said
    assert "gbmm-l: draws that are damaged" in said
    assert results(out) == results(whole)
    assert not list(out.rglob(".gbmm-l*"))


def test_draws_of_a_method_that_is_not_run_any_more_go(tmp_path):
    argv = ["run", str(write_study(tmp_path, STUDY)), "--only", "equal", "--quiet", "--resume"]
    argv += ["--no-report"]
    left = tmp_path / "out" / "methods" / ".gbmm-l.draws" / "0"
    assert main([*argv, "--out", str(tmp_path / "out")]) == 0
    left.mkdir(parents=True)
    written(left)
    assert main([*argv, "--out", str(tmp_path / "out")]) == 0
    assert not left.parent.exists()
