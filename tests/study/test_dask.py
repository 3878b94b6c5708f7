"""A Dask cluster gives the numbers of a local run, also where a worker is killed in the middle."""

import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from dirimix.errors import InputError, SizeWarning, WorkerLost
from dirimix.study.work import cluster
from dirimix.study.work.cluster import Cluster, dask_cluster, versions
from dirimix.study.work.said import collected_warnings
from stand_ins import COLUMNS, STUDY, train_frame, write_study

TEXT = STUDY.replace('run = ["raw", ', 'run = ["raw", "ridge-stacking", ')


class Killed(Exception):
    """Stands for Dask's KilledWorker."""


class Cancelled(Exception):
    """Stands for Dask's CancelledError."""


class Client:
    """Dask's client, with one worker in this process."""

    def __init__(self, address: str = "a", timeout: str = "", *, workers: int = 1) -> None:
        del timeout
        if address == "nobody":
            raise OSError("Timed out trying to connect.")
        self.workers, self.theirs = workers, versions()
        self.submitted = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def scheduler_info(self):
        return {"workers": dict.fromkeys(range(self.workers))}

    def wait_for_workers(self, n: int, timeout: float) -> None:
        del timeout
        if self.workers < n:
            raise TimeoutError

    def run(self, function):
        del function
        return {"tcp://b:1": self.theirs}

    def submit(self, function, *arguments, pure):
        assert not pure
        self.submitted += 1

        def result():
            return function(*arguments)

        return SimpleNamespace(result=result)


@pytest.fixture
def distributed(monkeypatch):
    made = SimpleNamespace(Client=Client, KilledWorker=Killed, CancelledError=Cancelled)
    monkeypatch.setitem(sys.modules, "distributed", made)
    return made


def raising(error: Exception):
    def act() -> None:
        raise error

    return act


@pytest.mark.usefixtures("distributed")
def test_results_come_in_order_and_few_at_a_time():
    client = Client(workers=2)
    results = Cluster(client, "a").in_order(lambda x: 2 * x, iter(range(10)))
    assert next(results) == 0
    assert client.submitted == 4
    assert list(results) == [2 * i for i in range(1, 10)]


@pytest.mark.usefixtures("distributed")
@pytest.mark.parametrize(
    ("error", "expected", "words"),
    [
        (Killed("x"), WorkerLost, "ended early, one after the other"),
        (Cancelled("x"), WorkerLost, "'a' has gone"),
        (ConnectionResetError("x"), WorkerLost, "'a' has gone"),
        (FileNotFoundError("x"), FileNotFoundError, "x"),
        (InputError("no"), InputError, "no"),
    ],
)
def test_what_ends_a_task_is_said_in_a_sentence(error, expected, words):
    with pytest.raises(expected, match=words):
        Cluster(Client(), "a").submit(raising(error))()


def test_a_cluster_that_cannot_serve_is_refused(distributed, monkeypatch):
    with pytest.raises(InputError, match="no Dask scheduler answers at 'nobody'"):
        with dask_cluster("nobody"):
            pass
    distributed.Client = lambda *_, **__: Client(workers=0)
    with pytest.raises(
        InputError, match="has no workers; start some with `dask worker a --nthreads 1`"
    ):
        with dask_cluster("a"):
            pass
    old = Client()
    old.theirs = {**versions(), "numpy": "1.0"}
    distributed.Client = lambda *_, **__: old
    with pytest.raises(InputError, match="tcp://b:1 has numpy 1.0 .here .*same versions"):
        with dask_cluster("a"):
            pass
    with dask_cluster_of(distributed, Client()) as made:
        monkeypatch.setattr(cluster, "versions", lambda: {**versions(), "numpy": "1.0"})
        with pytest.raises(InputError, match="same versions"):
            # one that joined later: the task was sent with other versions
            cluster._called(versions(), print)
        assert made.address == "a"


def dask_cluster_of(distributed, client: Client):
    distributed.Client = lambda *_, **__: client
    return dask_cluster("a")


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory) -> Iterator[tuple[str, list[subprocess.Popen]]]:
    """The address of a scheduler, and its two workers, each a process of its own."""
    pytest.importorskip("distributed")
    folder = tmp_path_factory.mktemp("dask")
    file, env = folder / "scheduler.json", {**os.environ, "OMP_NUM_THREADS": "1"}
    dask = [sys.executable, "-m", "dask"]
    ports = ["--port", "0", "--dashboard-address", ":0"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder, "env": env}
    at = ["--scheduler-file", str(file)]
    running = [subprocess.Popen([*dask, "scheduler", *ports, *at], **quiet)]
    for _ in range(2):
        alone = ["--nthreads", "1", "--no-nanny", "--no-dashboard"]
        running.append(subprocess.Popen([*dask, "worker", *alone, *at], **quiet))
    try:
        for _ in range(600):
            if file.is_file():
                break
            time.sleep(0.1)
        time.sleep(1)
        import json

        yield json.loads(file.read_text())["address"], running[1:]
    finally:
        for process in running:
            process.kill()
            process.wait()


def dirimix(*argv: str) -> subprocess.CompletedProcess[str]:
    code = "import sys; from dirimix.cli.main import main; sys.exit(main(sys.argv[1:]))"
    run = [sys.executable, "-c", code, *argv, "--quiet"]
    return subprocess.run(run, capture_output=True, text=True, timeout=300)


def results(out: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in (*out.glob("*.csv"), out / "scores.json")}


@pytest.mark.slow
def test_a_cluster_gives_the_numbers_of_a_local_run(scheduler, tmp_path):
    address, workers = scheduler
    study = str(write_study(tmp_path, TEXT))
    for out, more in (("local", []), ("there", ["--dask", address])):
        run = dirimix("run", study, "--no-report", "--out", str(tmp_path / out), *more)
        assert run.returncode == 0, run.stderr
    assert results(tmp_path / "there") == results(tmp_path / "local")
    train_frame().to_csv(tmp_path / "t.csv", index=False)
    fitted = str(tmp_path / "fit")
    argv = ["fit", str(tmp_path / "t.csv"), *COLUMNS, "--method", "ridge-stacking"]
    assert dirimix(*argv, "--out", fitted).returncode == 0
    many = pd.concat([train_frame()] * 4000, ignore_index=True)
    many["x"] += many.index * 1e-5
    many.to_parquet(tmp_path / "many.parquet")
    argv = ["predict", fitted, str(tmp_path / "many.parquet"), "--out"]
    assert dirimix(*argv, str(tmp_path / "local.parquet")).returncode == 0
    code = "import sys; from dirimix.cli.main import main; sys.exit(main(sys.argv[1:]))"
    there = [*argv, str(tmp_path / "there.parquet"), "--dask", address, "--quiet"]
    process = subprocess.Popen([sys.executable, "-c", code, *there], stderr=subprocess.PIPE)
    part = tmp_path / ".there.parquet.part"
    while not (part.is_file() and part.stat().st_size > 1000) and process.poll() is None:
        time.sleep(0.02)
    assert process.poll() is None, "too few rows to be killed in the middle"
    workers[0].send_signal(signal.SIGKILL)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    local, other = (pd.read_parquet(tmp_path / f"{n}.parquet") for n in ("local", "there"))
    pd.testing.assert_frame_equal(local, other, check_exact=True)
    # nobody is left: one sentence
    workers[1].kill()
    workers[1].wait()
    time.sleep(1)
    ended = dirimix(*argv, str(tmp_path / "nobody.parquet"), "--dask", address)
    assert ended.returncode == 2
    assert "has no workers" in ended.stderr
    assert not (tmp_path / "nobody.parquet").exists()


def test_threads_of_a_worker_take_one_task_at_a_time():
    """Each hears its own warnings and no others'."""

    def warned(name: str) -> list[str]:
        with collected_warnings(lambda _: None, name) as lines:
            for _ in range(5):
                warnings.warn(f"about {name}", SizeWarning, stacklevel=1)
                time.sleep(0.002)
        return lines

    names = [f"method {i}" for i in range(8)]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda name: cluster._called(versions(), warned, name), names))
    assert found == [[f"about {name}"] for name in names]
