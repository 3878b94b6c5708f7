"""Compiled functions are kept where they can be, and work where they cannot."""

from pathlib import Path

import numba
import numpy as np
import pytest

from dirimix.compiled.inlining import Kept, with_cache


def double(x):
    return 2 * x


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A folder that Numba keeps compiled functions in."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    return tmp_path


def written(folder: Path, ending: str) -> list[Path]:
    return list(folder.rglob(f"*.{ending}"))


@pytest.mark.parametrize("ending", ["nbi", "nbc"])
@pytest.mark.parametrize("content", [b"", b"\x80\x05]", b"garbage"])
def test_a_damaged_cache_is_left_aside(cache, ending, content):
    assert Kept(double)(np.array([1.5])) == 3.0
    (path,) = written(cache, ending)
    path.write_bytes(content)
    again = Kept(double)
    assert again(np.array([1.5])) == 3.0
    assert again(np.array([2.5])) == 5.0


def test_without_a_folder_nothing_is_kept(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    for locator in ("InTree", "UserWide"):
        name = f"numba.core.caching.{locator}CacheLocator.get_cache_path"
        monkeypatch.setattr(name, lambda _: str(tmp_path / "file" / "deep"))
    with pytest.raises(RuntimeError, match="no locator"):  # the control
        numba.njit(cache=True)(double)
    assert Kept(double)(np.array([1.5])) == 3.0


def test_faults_that_are_not_of_the_cache_are_seen():
    def make(cache: bool):
        if cache:
            raise RuntimeError("cannot cache function")
        raise ValueError("a fault")

    with pytest.raises(ValueError, match="a fault"):
        with_cache(make)
