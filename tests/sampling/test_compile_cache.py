"""Where compiled programs are kept: in a folder of the user's own, or nowhere."""

import os

import pooch
import pytest

from dirimix.sampling.compile_cache import environment

NAME, LEAST = "JAX_COMPILATION_CACHE_DIR", "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.delenv(NAME)
    monkeypatch.delenv(LEAST)
    monkeypatch.setattr(pooch, "os_cache", lambda _: tmp_path / "cache")
    return tmp_path


def test_programs_are_kept_in_a_private_folder(home):
    assert environment() == {NAME: str(home / "cache" / "compiled"), LEAST: "0.1"}
    assert (home / "cache" / "compiled").stat().st_mode & 0o077 == 0


def test_without_a_writable_home_none_are_kept(home):
    (home / "cache").write_text("a file")
    assert environment() == {}


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="files have no owner here")
def test_the_folder_of_another_user_is_not_used(home, monkeypatch):
    owner = os.getuid()
    environment()
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    assert environment() == {}
    assert home.is_dir()


def test_a_folder_that_the_user_chose_is_kept(home, monkeypatch):
    monkeypatch.setenv(NAME, str(home / "own"))
    monkeypatch.setenv(LEAST, "3")
    assert environment() == {NAME: str(home / "own"), LEAST: "3"}
