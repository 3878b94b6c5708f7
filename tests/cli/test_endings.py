"""Whatever ends a command, it says so in one sentence and with an exit code of its own."""

import csv
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import pytest

from dirimix.cli.endings import Ended, exit_code
from dirimix.cli.main import main
from dirimix.errors import InputError, NotConverged, WorkerLost


def raising(error: BaseException):
    def act() -> bool:
        raise error

    return act


def kill(number: int) -> bool:
    os.kill(os.getpid(), number)
    return True


@pytest.fixture(autouse=True)
def _interrupts():
    """Interrupts and hang-ups arrive, even where the tests were started without, as by nohup."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    hung_up = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGINT, before)
    signal.signal(signal.SIGHUP, hung_up)


@pytest.mark.parametrize(
    ("act", "code", "sentence"),
    [
        (lambda: True, 0, ""),
        (lambda: False, 3, ""),
        (raising(InputError("bad")), 2, "dirimix: bad\n"),
        (raising(NotConverged("lost")), 3, "dirimix: lost\n"),
        (raising(WorkerLost("a worker ended")), 1, "dirimix: a worker ended; all is kept\n"),
        (raising(MemoryError()), 1, "dirimix: there is not enough memory; all is kept\n"),
        (
            raising(OSError(28, "No space left", "/x/a.csv")),
            1,
            "dirimix: the operating system says: No space left ('/x/a.csv'); all is kept\n",
        ),
        (
            raising(OSError("Can't write\nfile 'a'")),
            1,
            "dirimix: the operating system says: Can't write; all is kept\n",
        ),
        (raising(KeyboardInterrupt()), 130, "\ndirimix: interrupted; all is kept\n"),
        (lambda: kill(signal.SIGINT), 130, "\ndirimix: interrupted; all is kept\n"),
        (lambda: kill(signal.SIGTERM), 143, "\ndirimix: interrupted; all is kept\n"),
        (lambda: kill(signal.SIGHUP), 129, "\ndirimix: interrupted; all is kept\n"),
    ],
)
def test_every_end_has_its_code_and_sentence(act, code, sentence, capsys):
    handlers = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    assert exit_code(act, False, "all is kept") == code
    assert capsys.readouterr().err == sentence
    after = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    assert after == handlers


def test_faults_of_the_program_are_not_hidden():
    with pytest.raises(KeyError):
        exit_code(raising(KeyError("x")), False, "")


def test_a_result_that_is_accepted_is_a_success():
    assert exit_code(lambda: False, True, "") == 0


def test_what_the_caller_ignores_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert exit_code(lambda: kill(signal.SIGHUP), False, "") == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_signal_in_a_destructor_is_not_lost(capsys):
    class Doomed:
        def __del__(self) -> None:
            kill(signal.SIGTERM)
            time.sleep(0.01)

    def act() -> bool:
        Doomed()
        time.sleep(10)
        return True

    assert exit_code(act, False, "all is kept") == 143
    assert capsys.readouterr().err == "\ndirimix: interrupted; all is kept\n"


DEAF = """
import hashlib, sys
from dirimix.cli import endings, main
from dirimix.sampling import chains

def compile():  # a step of an hour that hears nothing, and lets other threads go on
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2_000_000_000)

def act(_):
    print("begun", flush=True)
    {act}

endings._PATIENCE = 0.5
main._act = act
sys.argv = ["dirimix", "data", "list"]
sys.exit(main.main())
"""


@pytest.mark.parametrize(
    "act",
    [
        "compile()",
        "with chains._threads(1) as thread: thread.submit(compile).result()",
    ],
)
def test_a_compilation_does_not_keep_a_command_from_its_end(act):
    deaf = subprocess.Popen(
        [sys.executable, "-c", DEAF.format(act=act)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert deaf.stdout is not None
    assert deaf.stdout.readline() == "begun\n"
    deaf.send_signal(signal.SIGTERM)
    try:
        said = deaf.communicate(timeout=30)[1]
    finally:
        deaf.kill()
    assert (deaf.returncode, said) == (143, "\ndirimix: interrupted; nothing was written\n")


def test_commands_run_in_threads_too():
    codes = []
    thread = threading.Thread(target=lambda: codes.append(exit_code(lambda: True, False, "")))
    thread.start()
    thread.join()
    assert codes == [0]


def test_what_is_cleared_away_at_ctrl_c_is_so_at_other_signals():
    assert issubclass(Ended, KeyboardInterrupt)


def test_a_reader_that_has_gone_gets_no_traceback():
    # as `dirimix data list | head -0`
    code = "import sys; from dirimix.cli.main import main; sys.exit(main(['data', 'list']))"
    reading, writing = os.pipe()
    os.close(reading)
    run = subprocess.run(
        [sys.executable, "-c", code], stdout=writing, stderr=subprocess.PIPE, text=True
    )
    os.close(writing)
    assert run.returncode == 1
    assert run.stderr == "dirimix: nobody reads the output any more; nothing was written\n"


def test_an_unreadable_table_is_named_in_a_sentence(tmp_path, capsys, monkeypatch):
    path = tmp_path / "t.csv"
    path.write_text("x,a,b,y\n")

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("dirimix.table.files.file_kind", refuse)
    argv = ["fit", str(path), "--target", "y", "--models", "a,b", "--method", "equal"]
    assert main([*argv, "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"Permission denied ('{path}')" in said


def test_warnings_of_libraries_are_said_once_and_without_their_source(capsys):
    def act() -> bool:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            for text in ("too few\nof them", "too few\nof them", "Error reading persistent cache"):
                place = "/x/site-packages/arviz_stats/base/diagnostics.py"
                warnings.showwarning(text, UserWarning, place, 3)
        return True

    before = warnings.showwarning
    assert exit_code(act, False, "") == 0
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "warning (arviz_stats): too few",
        "warning (arviz_stats): Error reading persistent cache",
    ]
    assert warnings.showwarning is before
    assert exit_code(act, False, "", quiet=True) == 0
    assert not capsys.readouterr().err


def argv_of_fit(folder: Path) -> list[str]:
    """A fit of two models to twelve rows."""
    rows = "".join(f"{x},{x % 3},{x % 2},{x % 5}\n" for x in range(12))
    (folder / "t.csv").write_text("x,a,b,y\n" + rows)
    argv = ["fit", str(folder / "t.csv"), "--target", "y", "--models", "a,b"]
    return [*argv, "--method", "gbmm-l", "--out", str(folder / "out")]


def test_draws_alone_are_taken_where_no_ess_is_wanted(tmp_path):
    more = ["--min-ess", "0", "--draws", "25", "--chains", "1", "--max-seconds", "60"]
    assert main([*argv_of_fit(tmp_path), *more, "--allow-unconverged"]) == 0
    with (tmp_path / "out" / "sampling.csv").open() as file:
        assert [row["ended"] for row in csv.DictReader(file)] == ["draws"]


@pytest.mark.parametrize("more", [("--min-ess", "-1"), ("--draws", "0"), ("--max-seconds", "0")])
def test_sizes_of_samples_are_positive(more, tmp_path, capsys):
    assert main([*argv_of_fit(tmp_path), *more]) == 2
    assert f"{more[0]} must be positive, not {float(more[1]):g}" in capsys.readouterr().err


@pytest.mark.parametrize(
    "more", [("--missing", "inf"), ("--y-scale", "1e400"), ("--option", "y_scale=inf")]
)
def test_options_are_finite_numbers(more, tmp_path, capsys):
    (tmp_path / "t.csv").write_text("x,a,b,y\n")
    argv = ["fit", str(tmp_path / "t.csv"), "--target", "y", "--models", "a,b", "--method", "equal"]
    assert main([*argv, "--out", str(tmp_path / "out"), *more]) == 2
    assert "finite number" in capsys.readouterr().err
