"""The wheel as users get it: built twice alike, installed in a fresh folder, run in odd places."""

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from pages import ROOT
from stand_ins import COLUMNS, train_frame

pytestmark = pytest.mark.slow
RUN = "import sys; from dirimix.cli.main import main; sys.exit(main(sys.argv[1:]))"


def built(folder: Path) -> Path:
    """The wheel of a copy of the sources."""
    names = ("src", "pyproject.toml", "README.md", "LICENSE")
    for name in names:
        path = ROOT / name
        to = folder / "sources" / name
        if path.is_dir():
            shutil.copytree(path, to, ignore=shutil.ignore_patterns("__pycache__", "*.nb?"))
        else:
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, to)  # with the time of now
    argv = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder / "dist")]
    done = subprocess.run([*argv, str(folder / "sources")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = (folder / "dist").glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    return built(tmp_path_factory.mktemp("one"))


@pytest.fixture(scope="module")
def site(wheel, tmp_path_factory) -> Path:
    """A folder with the installed wheel and nothing else."""
    site = tmp_path_factory.mktemp("site packages é")
    argv = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site)]
    subprocess.run([*argv, str(wheel)], check=True)
    return site


def python(site: Path, folder: Path, *argv: str, **more) -> subprocess.CompletedProcess[str]:
    """Run Python with the installed package in a folder; it must not be that of the sources."""
    env = {"PATH": os.environ["PATH"], "HOME": "/proc/none", "LC_ALL": "C"}
    env |= {"PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    env |= more.pop("env", {})
    run = [sys.executable, *argv]
    return subprocess.run(
        run, cwd=folder, env=env, capture_output=True, text=True, timeout=500, **more
    )


def test_two_builds_are_the_same_file(wheel, tmp_path):
    sums = {hashlib.sha256(p.read_bytes()).hexdigest() for p in (wheel, built(tmp_path))}
    assert len(sums) == 1


def test_the_wheel_holds_the_package_and_all_that_it_reads(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    tracked = subprocess.run(
        ["git", "ls-files", "src/dirimix"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    wanted = {p.removeprefix("src/") for p in tracked.stdout.splitlines()}
    assert wanted <= names
    assert all(name.startswith("dirimix") for name in names)


def test_it_passes_its_own_check(site, tmp_path):
    code = f"import dirimix, sys; assert dirimix.__file__.startswith({str(site)!r})"
    done = python(site, tmp_path, "-c", f"{code}; sys.exit(dirimix.test())")
    assert done.returncode == 0, done.stdout + done.stderr


def can_be_used_by_others(*paths: Path) -> bool:
    """Whether another user may read these."""
    every = {p for path in paths for p in (path.resolve(), *path.resolve().parents)}
    return all(p.stat().st_mode & 0o005 == 0o005 for p in every if p.is_dir())


def test_an_unprivileged_user_runs_it_from_a_folder_that_cannot_be_written(site, tmp_path):
    nobody = 65534
    if os.getuid() or not can_be_used_by_others(Path(sys.executable), Path(sys.base_prefix), site):
        pytest.skip("needs root, and an interpreter that other users may run")
    tmp_path.chmod(0o777)
    done = python(site, tmp_path, "-c", "import dirimix; dirimix.test()", user=nobody)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "as they should be" in done.stdout


def one_core() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])


def test_one_core_the_c_locale_and_accents_change_no_number(site, tmp_path):
    found = []
    for name, more in (
        ("plain", {"env": {"LC_ALL": "C.UTF-8", "HOME": str(tmp_path)}}),
        ("spaces and äccents ☂", {"preexec_fn": one_core}),
    ):
        folder = tmp_path / name
        folder.mkdir()
        train_frame().to_csv(folder / "tablé.csv", index=False)
        few = ["--chains", "2", "--draws", "60", "--warmup", "60", "--option", "min_ess=0"]
        argv = ["fit", "tablé.csv", *COLUMNS, "--method", "gbmm-l", *few, "--out", "oüt"]
        done = python(site, folder, "-c", RUN, *argv, "--quiet", "--allow-unconverged", **more)
        assert done.returncode == 0, done.stderr
        argv = ["predict", "oüt", "tablé.csv", "--out", "p.parquet", "--quiet"]
        done = python(site, folder, "-c", RUN, *argv, "--allow-unconverged", **more)
        assert done.returncode == 0, done.stderr
        found.append(pd.read_parquet(folder / "p.parquet"))
    pd.testing.assert_frame_equal(*found, check_exact=True)
