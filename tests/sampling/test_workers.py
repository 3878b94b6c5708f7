import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import wait
from dataclasses import dataclass
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from dirimix import _cores
from dirimix.errors import NotConverged
from dirimix.sampling import chains
from dirimix.sampling.convergence import summarise
from dirimix.sampling.sampler import sample
from dirimix.sampling.target import Settings, Target
from dirimix.sampling.workers import WorkerPool

ENDED = "a worker process ended early"
SOON = 10.0  # seconds in which a death must be noticed


@dataclass(frozen=True)
class Normal:
    """Two independent standard normals; with a `bad` start the log density is not finite."""

    bad: bool = False

    def target(self) -> Target:
        return Target(
            log_density=lambda q: -0.5 * jnp.sum(q**2) / (0.0 if self.bad else 1.0),
            force=None,
            collect=lambda q: {"q": q},
            scale=np.ones(2),
            adapt=np.ones(2, dtype=bool),
            gaussian=np.zeros(2, dtype=bool),
            monitor="q",
        )


@pytest.fixture
def two_cores(monkeypatch):
    """Chains are sampled in two processes, also on a machine with one core."""
    monkeypatch.setattr(chains, "cores", lambda: (_cores.cores() * 2)[:2])


def drawn(model, *, heavy, listener=None, count=3):
    settings = Settings(chains=count, draws=50, warmup=50, seed=4, min_ess=0)
    start = np.ones((count, 2))
    return sample(model, start, settings, diagnose, listener, heavy=heavy)


def diagnose(draws, _):
    return summarise(draws["q"], ["a", "b"])


def pids() -> list[int]:
    return [process.pid for process in multiprocessing.active_children() if process.pid]


def kill_all() -> None:
    for pid in pids():
        os.kill(pid, signal.SIGKILL)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_worker_has_its_cores_from_birth_and_has_imported_nothing_heavy():
    own = _cores.cores()
    shares = [own[:1], own[-1:]]
    with WorkerPool(shares, {"SOME_VARIABLE": "its value"}) as pool:
        look = (
            "(__import__('time').sleep(0.5), sorted(__import__('os').sched_getaffinity(0)),"
            " __import__('os').environ['SOME_VARIABLE'],"
            " {'jax', 'numba', 'blackjax'} & set(__import__('sys').modules))"
        )
        found = [future.result()[1:] for future in [pool.submit(eval, look) for _ in range(2)]]
    assert sorted(found) == sorted((share, "its value", set()) for share in shares)
    assert _cores.cores() == own
    assert "PYTHONSAFEPATH" not in os.environ
    assert not pids()


def test_cores_are_dealt_out_and_shared_only_where_there_are_too_few(monkeypatch):
    monkeypatch.setattr(_cores, "cores", lambda: [3, 5, 8])
    assert _cores.deal_cores(2) == [[3, 8], [5]]
    assert _cores.deal_cores(4) == [[3], [5], [8], [3]]


@pytest.mark.parametrize("moment", ["before the first task", "in a task", "between two tasks"])
def test_a_worker_that_is_killed_is_noticed_at_once(moment):
    with WorkerPool([_cores.cores()]) as pool:
        if moment == "between two tasks":
            pool.submit(int).result()
        running = pool.submit(time.sleep, 60) if moment == "in a task" else None
        if running:
            wait([running], timeout=1)
        kill_all()
        begun = time.monotonic()
        # the death of an idle worker may be noticed only when it gets its next task
        with pytest.raises(NotConverged, match=ENDED):
            (running or pool.submit(bytes, 10**6)).result(timeout=SOON)
        assert time.monotonic() - begun < SOON


def test_a_worker_that_is_killed_while_it_returns_much_is_noticed():
    for delay in (0.01, 0.02, 0.03, 0.05):
        with WorkerPool([_cores.cores()]) as pool:
            tasks = [pool.submit(bytes, 30_000_000) for _ in range(100)]
            tasks[0].result()
            threading.Timer(delay, kill_all).start()
            with pytest.raises(NotConverged, match=ENDED):
                tasks[-1].result(timeout=SOON)


def test_what_a_task_raises_is_raised_here_and_the_pool_goes_on():
    with WorkerPool([_cores.cores()]) as pool:
        with pytest.raises(ZeroDivisionError):
            pool.submit(eval, "1 / 0").result()
        assert pool.submit(eval, "1 + 1").result() == 2


def test_a_worker_that_grows_goes_on():
    pytest.importorskip("psutil")  # with it loky looks at its workers' memory
    grow = "import builtins, time; builtins.kept = b'0' * 400_000_000; time.sleep(1.1)"
    with WorkerPool([_cores.cores()]) as pool:
        first = pool.submit(os.getpid).result()
        pool.submit(exec, grow).result()
        assert pool.submit(os.getpid).result(timeout=SOON) == first


@pytest.mark.usefixtures("two_cores")
def test_workers_and_threads_draw_the_same_and_report_every_chunk():
    events = []
    workers = drawn(Normal(), heavy=True, listener=events.append)
    threads = drawn(Normal(), heavy=False)
    np.testing.assert_array_equal(workers.draws["q"], threads.draws["q"])
    for chain in range(3):
        done = [e.done for e in events if e.chain == chain and e.phase == "draws"]
        assert done == [20, 40, 50]
    assert {e.total for e in events if e.phase == "draws"} == {50}


@pytest.mark.usefixtures("two_cores")
def test_sampling_ends_in_an_error_where_a_worker_is_killed_or_the_density_is_bad():
    with pytest.raises(NotConverged, match=ENDED):
        drawn(Normal(), heavy=True, listener=lambda _: kill_all())
    with pytest.raises(NotConverged, match="the log density is not finite"):
        drawn(Normal(bad=True), heavy=True)
    assert not pids()


@pytest.mark.usefixtures("two_cores")
def test_a_daemonic_process_samples_in_threads(monkeypatch):
    monkeypatch.setitem(multiprocessing.current_process()._config, "daemon", True)
    seen = []
    drawn(Normal(), heavy=True, listener=lambda _: seen.extend(pids()))
    assert not seen


@pytest.mark.usefixtures("two_cores")
@pytest.mark.parametrize(("count", "workers"), [(1, 0), (2, 2)])
def test_a_chain_alone_needs_no_process(count, workers):
    seen = set()
    drawn(Normal(), heavy=True, listener=lambda _: seen.update(pids()), count=count)
    assert len(seen) == workers


LOOK = """
import multiprocessing, os
from dirimix.sampling import chains
chains.cores = lambda: (sorted(os.sched_getaffinity(0)) * 2)[:2]
workers = set()
def look(event):
    workers.update(p.pid for p in multiprocessing.active_children())
"""
SAMPLE = """
from test_workers import Normal, drawn
drawn(Normal(), heavy=True, listener=look)
print("workers", len(workers))
"""
FIT = """
import numpy as np, pandas as pd
from dirimix import LocalDirichletMixture
rng, n = np.random.default_rng(0), 500
frame = pd.DataFrame(rng.normal(size=(n, 3)), columns=["x", "a", "b"])
few = dict(chains=2, draws=20, warmup=20)
mixture = LocalDirichletMixture(["x"], ["a", "b"], field="linear", progress=look, **few)
mixture.fit(frame, rng.normal(size=n))
print("workers", len(workers))
"""


@pytest.mark.slow
@pytest.mark.parametrize("work", [SAMPLE, FIT])
def test_a_script_needs_no_guard_and_nothing_is_imported_from_the_working_folder(tmp_path, work):
    script, folder = tmp_path / "scripts" / "fit.py", tmp_path / "data"
    script.parent.mkdir()
    folder.mkdir()
    script.write_text(LOOK + work)
    for name in ("numpy", "blackjax", "joblib", "dirimix", "signal", "jax"):
        (folder / f"{name}.py").write_text("open('imported', 'a').write(__name__ + '\\n')\n")
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", str(script)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.stdout, ended.stderr) == ("workers 2\n", "")
    assert not (folder / "imported").exists()


WAIT = """
import multiprocessing, signal, time
from dirimix.sampling.workers import WorkerPool
signal.signal(signal.SIGINT, signal.default_int_handler)  # also in the background
with WorkerPool([[core] for core in sorted(__import__("os").sched_getaffinity(0))]) as pool:
    futures = [pool.submit(time.sleep, 60) for _ in range(2)]
    time.sleep(1)
    print(*(p.pid for p in multiprocessing.active_children()), flush=True)
    futures[0].result()
"""


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGTERM,
        *(pytest.param(n, marks=pytest.mark.slow) for n in (signal.SIGINT, signal.SIGKILL)),
    ],
)
def test_workers_end_with_the_process_that_started_them(number):
    with subprocess.Popen(
        [sys.executable, "-c", WAIT], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        workers = [int(pid) for pid in parent.stdout.readline().split()]
        assert workers
        assert all(map(is_alive, workers))
        parent.send_signal(number)
        parent.communicate(timeout=SOON)
    begun = time.monotonic()
    while any(map(is_alive, workers)):
        assert time.monotonic() - begun < SOON
        time.sleep(0.1)
