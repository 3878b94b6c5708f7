"""Processes that compile take turns, and none waits for ever."""

import os
import subprocess
import sys
import time
from threading import Event, Thread

import pytest

from dirimix.compiled import turns
from dirimix.compiled.turns import one_at_a_time


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def enter(entered: Event) -> None:
    with one_at_a_time():
        entered.set()


def test_the_second_waits_until_the_first_is_done():
    entered = Event()
    second = Thread(target=enter, args=(entered,))
    with one_at_a_time():
        second.start()
        assert not entered.wait(0.5)
    assert entered.wait(5)
    second.join()


def test_the_turn_of_a_killed_process_is_free():
    code = "from dirimix.compiled.turns import one_at_a_time as o; c = o(); c.__enter__()"
    wait = "; print(1, flush=True); import time; time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code + wait], stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == b"1\n"
        entered = Event()
        second = Thread(target=enter, args=(entered,))
        second.start()
        assert not entered.wait(0.5)
        first.kill()
        assert entered.wait(5)
        second.join()


def test_nobody_waits_for_ever(monkeypatch):
    monkeypatch.setattr(turns, "_PATIENCE", 0.3)
    begun = time.monotonic()
    with one_at_a_time(), one_at_a_time():
        assert 0.3 <= time.monotonic() - begun < 5


def test_without_a_folder_there_are_no_turns(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", os.fspath(tmp_path / "file"))
    begun = time.monotonic()
    with one_at_a_time(), one_at_a_time():
        assert time.monotonic() - begun < 5
