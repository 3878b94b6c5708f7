"""The pinned requirements that a release comes with."""

import re

import pytest
from packaging.requirements import Requirement
from pin_dependencies import PYTHONS, requirements, versions

from pages import ROOT

WHEEL = "dist/dirimix-1.0-py3-none-any.whl"


def reported(*found: tuple[str, str, str]) -> dict:
    """A report of pip, as far as it is read: name, version and sha256 of every file."""
    host = "https://files.example.org/"
    return {
        "install": [
            {
                "metadata": {"name": name, "version": version},
                "download_info": {"url": host, "archive_info": {"hashes": {"sha256": digest}}},
            }
            for name, version, digest in found
        ]
    }


ONE = reported(("Jinja2", "3.1", "a" * 64), ("opt_einsum", "3.4", "b" * 64))
TWO = reported(("Jinja2", "3.1", "c" * 64), ("opt_einsum", "3.4", "b" * 64))


def test_each_distribution_has_one_version_and_all_its_files_hashes():
    pins = versions(ONE, WHEEL)
    text = requirements(pins, [ONE, TWO])
    lines = text.replace(" \\\n", "").splitlines()[1:]
    found = {
        Requirement(line.split("    --hash")[0]): re.findall("--hash=sha256:(.{64})", line)
        for line in lines
    }
    assert {str(r): sums for r, sums in found.items()} == {
        "jinja2==3.1": ["a" * 64, "c" * 64],
        "opt-einsum==3.4": ["b" * 64],
    }
    assert "example.org" not in text


def test_the_wheel_itself_is_no_requirement():
    report = reported(("dirimix", "1.0", "d" * 64), ("numpy", "2.0", "a" * 64))
    assert versions(report, WHEEL) == {"numpy": "2.0"}


def test_a_file_of_something_that_is_not_pinned_is_refused():
    with pytest.raises(KeyError, match="scipy"):
        requirements({"numpy": "2.0"}, [reported(("scipy", "1.17", "a" * 64))])


def test_all_places_name_the_same_pythons():
    listed = re.findall(
        r'"Programming Language :: Python :: (3\.\d+)"', (ROOT / "pyproject.toml").read_text()
    )
    workflow = (ROOT / ".github/workflows/tests.yml").read_text()
    (matrix,) = re.findall(r'python: \["([^]]*)"\]', workflow)
    assert tuple(listed) == tuple(matrix.split('", "')) == PYTHONS
    assert f'requires-python = ">={PYTHONS[0]}"' in (ROOT / "pyproject.toml").read_text()
