"""Commands that are killed, stopped or short of room: nothing is lost, and nothing taken for whole.

Runs, fits and reports are ended at random moments by SIGKILL, SIGTERM and SIGINT, just before or
after a file or folder gets its name, and by the death of a worker, again and again in one folder,
and then finished; all results must be those of a run that nobody disturbed. Draws are kept every
tenth of a second, so that samplers go on from blocks. The same
where a disk is full (small file systems in memory) and where the package cannot be written to and
there is no home; these two need the rights to mount, and are left out without them.

    python verification/interruptions.py [--kills 200] [--seed 0]

Writes `interruptions.csv` to this folder, a row a kind of interruption.
"""

import argparse
import contextlib
import csv
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

FOLDER, SOURCES = Path(__file__).parent, Path(__file__).parents[1] / "src"
STUDY = """
[data]
table = "table.csv"
target = "y"
coords = ["x", "z"]
models = ["a", "b", "c"]
[methods]
run = ["raw", "equal", "simplex-ls", "gbmm-l"]
tolerated = ["gbmm-l"]
[options."gbmm-l"]
chains = 2
draws = 100
warmup = 100
min_ess = 0.0
[validation.random]
scheme = "k-fold"
folds = 2
methods = ["equal", "simplex-ls"]
[scores]
n_boot = 20
"""
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
PER_CHAIN = 10  # kills before a folder is finished and compared
PATIENCE = 120.0  # seconds for a process that was asked to end
# a command whose samplers keep much, and which kills itself at a rename if it is told which
CODE = """
import os, signal, sys
from pathlib import Path
from dirimix.cli.main import main
from dirimix.sampling import blocks
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's background ignores
blocks.SECONDS = 0.1
at, rename, renames = os.environ.get("KILL_AT_RENAME"), Path.replace, [0]
def replace(self, target):
    renames[0] += 1
    if at == f"before {renames[0]}":
        os.kill(os.getpid(), signal.SIGKILL)
    done = rename(self, target)
    if at == f"after {renames[0]}":
        os.kill(os.getpid(), signal.SIGKILL)
    return done
if at:
    Path.replace = replace
sys.exit(main(sys.argv[1:]))
"""
MOST_RENAMES = 30


def make(folder: Path) -> None:
    """A table and a study on it."""
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 5, (60, 2))
    y = np.sin(x[:, 0]) + 0.3 * x[:, 1]
    models = {name: y + rng.normal(0, 0.3, len(x)) for name in "abc"}
    pd.DataFrame({"x": x[:, 0], "z": x[:, 1], **models, "y": y}).to_csv(folder / "table.csv")
    (folder / "study.toml").write_text(STUDY)


def command(kind: str, folder: Path, out: Path) -> list[str]:
    """One command of a kind, as a process."""
    run = ["run", "study.toml", "--out", str(out), "--resume"]
    columns = "--target y --coords x,z --models a,b,c".split()
    sampled = "--method gbmm-l --chains 2 --draws 300 --warmup 100 --allow-unconverged".split()
    words = {
        "run": run,
        "run in processes": [*run, "--jobs", "2"],
        "report": ["report", str(out)],
        "fit": [
            "fit",
            "table.csv",
            *columns,
            *sampled,
            "--resume",
            "--out",
            str(folder / "fitted"),
        ],
    }[kind]
    return [sys.executable, "-c", CODE, *words, "--quiet"]


def start(argv: list[str], folder: Path, **more: object) -> subprocess.Popen[str]:
    """A command in a session of its own."""
    return subprocess.Popen(
        argv, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        start_new_session=True, **more,  # pyright: ignore[reportArgumentType, reportCallIssue]
    )  # fmt: skip


def finish(argv: list[str], folder: Path, **more: object) -> tuple[int, str]:
    """Run a command to its end: its exit code and what it said."""
    process = start(argv, folder, **more)
    _, said = process.communicate(timeout=600)
    return process.returncode, said


def is_worker(pid: int) -> bool:
    """Whether a process is not the one that only counts the semaphores of the others.

    Where that is killed, joblib's next one complains in words of its own.
    """
    try:
        return b"resource_tracker" not in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def session(number: int) -> list[int]:
    """Processes of a session."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == number and fields[0] != "Z":
            found.append(int(path.parent.name))
    return found


def survivors(number: int) -> list[int]:
    """Processes of a session that are still there, after a while at most."""
    for _ in range(50):
        if not session(number):
            return []
        time.sleep(0.2)
    return session(number)


def results(out: Path) -> dict[str, bytes]:
    """What must come out the same: all but times."""
    names = [p for p in out.glob("*.csv") if p.name != "sampling.csv"] + [out / "scores.json"]
    return {p.name: p.read_bytes() for p in names}


def check(holds: bool, what: str) -> None:
    """End the proof where it fails."""
    if not holds:
        raise SystemExit(f"failed: {what}")


def killed(kind: str, folder: Path, rng: random.Random, longest: float) -> str:
    """One command, ended at a random moment; the name of the signal, or nothing if it was late."""
    if rng.random() < 0.3:
        return killed_at_a_rename(kind, folder, rng)
    if kind == "run in processes" and rng.random() < 0.5:
        return worker_killed(kind, folder, rng, longest)
    before = halves(folder)  # of one that was killed, which the next that gets so far clears away
    process = start(command(kind, folder, folder / "out"), folder)
    number = rng.choice(SIGNALS)
    try:
        process.wait(rng.uniform(0.2, 1.1) * longest)
    except subprocess.TimeoutExpired:
        process.send_signal(number)
    _, said = process.communicate(timeout=PATIENCE)
    check("Traceback" not in said, f"{kind}: {said}")
    check(not survivors(process.pid), f"{kind}: processes outlive {number.name}")
    if process.returncode in (0, 3):
        return ""
    expected = -number if number == signal.SIGKILL else 128 + number
    # before Python has set up its handlers a signal ends it by itself
    check(process.returncode in (expected, -number), f"{kind}: code {process.returncode}, {said}")
    if kind == "fit" and number != signal.SIGKILL:
        check(halves(folder) <= before, f"{kind}: {halves(folder)} are left after {number.name}")
    return number.name


def halves(folder: Path) -> set[Path]:
    """What is half written of fits, but for the draws that are kept."""
    return {p for p in folder.glob(".*.part/*") if p.name not in ("draws", ".dirimix")}


def killed_at_a_rename(kind: str, folder: Path, rng: random.Random) -> str:
    """One command that is killed when something gets its name; nothing if it had ended before."""
    at = f"{rng.choice(['before', 'after'])} {rng.randint(1, MOST_RENAMES)}"
    argv = command(kind, folder, folder / "out")
    code, said = finish(argv, folder, env={**os.environ, "KILL_AT_RENAME": at})
    check("Traceback" not in said, f"{kind}: {said}")
    # a worker that has killed itself ends its command with a sentence
    ends = {0: "", 3: "", -signal.SIGKILL: "SIGKILL at a rename", 1: "worker, SIGKILL at a rename"}
    check(code in ends, f"{kind}, killed {at}: code {code}, {said}")
    check(code != 1 or said.count("\n") == 1, f"{kind}, killed {at}: {said}")
    return ends[code]


def worker_killed(kind: str, folder: Path, rng: random.Random, longest: float) -> str:
    """One command whose worker is killed: it ends in one sentence, or was at its end."""
    process = start(command(kind, folder, folder / "out"), folder)
    try:
        process.wait(rng.uniform(0.3, 1.0) * longest)
    except subprocess.TimeoutExpired:
        others = [pid for pid in session(process.pid) if pid != process.pid and is_worker(pid)]
        if others:
            with contextlib.suppress(ProcessLookupError):
                os.kill(rng.choice(others), signal.SIGKILL)
    _, said = process.communicate(timeout=PATIENCE)
    check("Traceback" not in said, f"{kind}, a worker killed: {said}")
    check(not survivors(process.pid), f"{kind}: processes outlive a worker")
    if process.returncode in (0, 3):
        return ""
    check(process.returncode == 1, f"{kind}, a worker killed: code {process.returncode}, {said}")
    lines = [line for line in said.splitlines() if line.startswith("dirimix: ")]
    check(len(lines) == 1, f"{kind}, a worker killed: {said}")
    return "a worker, SIGKILL"


def kills(count: int, seed: int) -> list[tuple[str, int, int]]:
    """End so many commands: kinds of interruption, how many, folders that were finished after."""
    rng, tally, chains = random.Random(seed), Counter[str](), 0
    with tempfile.TemporaryDirectory() as scratch:
        whole = Path(scratch, "whole")
        whole.mkdir()
        make(whole)
        longest = {}
        for kind in ("run", "run in processes", "report", "fit"):
            begun = time.monotonic()
            code, said = finish(command(kind, whole, whole / "out"), whole)
            check(code == 0, f"{kind}: {code}, {said}")
            longest[kind] = time.monotonic() - begun
            if kind == "run":
                reference = results(whole / "out")
        longest["run in processes"] = longest["run"]
        while sum(tally.values()) < count:
            folder = Path(scratch, f"chain {chains} é")
            folder.mkdir()
            make(folder)
            shutil.copytree(whole / "fitted", folder / "fitted")
            for _ in range(min(PER_CHAIN, count - sum(tally.values()))):
                kinds = ["run", "run in processes", "fit"]
                if (folder / "out" / "manifest.json").is_file():
                    kinds.append("report")
                kind = rng.choice(kinds)
                name = killed(kind, folder, rng, longest[kind])
                if name:
                    tally[f"{kind}, {name}"] += 1
                sys.stderr.write(f"\r{sum(tally.values())} of {count} kills")
                if kind == "fit":
                    code, said = finish(predict(folder), folder)
                    check(code == 0, f"a fit is lost after {kind}, {name}: {said}")
            code, said = finish(command("run", folder, folder / "out"), folder)
            check(code == 0, f"run --resume: {code}, {said}")
            check(results(folder / "out") == reference, "results differ after interruptions")
            check(finish(command("fit", folder, folder / "out"), folder)[0] == 0, "fit again")
            alike = results(folder / "fitted") == results(whole / "fitted")
            check(alike, "a fit differs after interruptions")
            left = [p.name for p in folder.iterdir() if p.name.startswith(".")]
            check(not left, f"left behind: {left}")
            chains += 1
            shutil.rmtree(folder)
    return [(kind, n, chains) for kind, n in sorted(tally.items())]


def predict(folder: Path) -> list[str]:
    """What reads the fit of a folder."""
    run = command("report", folder, folder)[:3]
    return [*run, "predict", "fitted", "table.csv", "--out", "p.parquet", "--quiet"]


def full_disks() -> list[tuple[str, int, int]]:
    """A run and a fit on file systems of many sizes, which are then made larger."""
    done = 0
    with tempfile.TemporaryDirectory() as scratch:
        whole, small = Path(scratch, "whole"), Path(scratch, "small")
        for folder in (whole, small):
            folder.mkdir()
        make(whole)
        check(finish(command("run", whole, whole / "out"), whole)[0] == 0, "run")
        reference = results(whole / "out")
        for kilobytes in (16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 1024):
            mount = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(small)]
            if os.getuid() or subprocess.run(mount, check=False).returncode:
                return [("full disk: no rights to mount", 0, 0)]
            try:
                make(small)
                for kind in ("fit", "run"):
                    code, said = finish(command(kind, small, small / "out"), small)
                    words = said.strip().splitlines()
                    fine = code == 0 or (code == 1 and len(words) == 1)
                    check(fine, f"{kind} on {kilobytes} kB: code {code}, {said}")
                    left = halves(small) | {p for p in small.rglob("*.part") if p.is_file()}
                    check(not left, f"{kind} on {kilobytes} kB: left {left}")
                    done += code == 1
                larger = "mount -o remount,size=64m".split()
                subprocess.run([*larger, str(small)], check=True)
                for kind in ("fit", "run"):
                    code, said = finish(command(kind, small, small / "out"), small)
                    check(code == 0, f"{kind} after {kilobytes} kB: code {code}, {said}")
                check(results(small / "out") == reference, "results differ after a full disk")
            finally:
                subprocess.run(["umount", str(small)], check=True)
    return [("full disk", done, done)]


def read_only() -> list[tuple[str, int, int]]:
    """A local mixture from sources that cannot be written to, without a home, in the C locale."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "no home é")
        folder.mkdir()
        make(folder)
        (folder / "numpy.py").write_text("raise SystemExit('the working folder is imported')")
        words = "fit table.csv --target y --coords x,z --models a,b,c --method lbmm-gpd".split()
        few = "--chains 2 --draws 40 --warmup 40 --allow-unconverged --quiet".split()
        code = "import sys; sys.path.pop(0); from dirimix.cli.main import main"
        run = [sys.executable, "-c", f"{code}; sys.exit(main(sys.argv[1:]))"]
        mount = f"mount --bind {SOURCES} {SOURCES} && mount -o remount,bind,ro {SOURCES} && exec"
        argv = ["unshare", "-m", "bash", "-c", f'{mount} "$@"', "bash"]
        bare = {"PATH": "/usr/bin:/bin", "HOME": "/proc/none", "LC_ALL": "C", "PYTHONSAFEPATH": "1"}
        usual, other = ([*run, *words, *few, "--out", out] for out in ("usual", "bare"))
        code, said = finish(usual, folder)
        check(code == 0, said)
        if os.getuid():
            return [("read-only package: no rights to mount", 0, 0)]
        code, said = finish([*argv, *other], folder, env=bare)
        # so few draws have not converged, and nothing else is to be said
        lines = [line for line in said.splitlines() if "not converged" not in line]
        check(code == 0 and not lines, f"read-only package: code {code}, {lines}")
        # a program that was kept and one that was just compiled draw the same numbers
        check(
            results(folder / "usual") == results(folder / "bare"), "results differ without a home"
        )
    return [("read-only package, no home, C locale", 1, 1)]


def main() -> None:
    """All proofs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    proofs = partial(kills, arguments.kills, arguments.seed), full_disks, read_only
    with (FOLDER / "interruptions.csv").open("w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("interruption", "times", "finished_after"))
        for proof in proofs:  # what one has shown is kept where the next fails
            rows = proof()
            writer.writerows(rows)
            stream.flush()
            for row in rows:
                print(*row, sep=", ", flush=True)


if __name__ == "__main__":
    main()
