"""Write the requirements of a wheel with versions and sha256, for `pip install --require-hashes`.

    python scripts/pin_dependencies.py dist/dirimix-*.whl --out dist/requirements.txt

pip resolves for the oldest supported Python; the hashes are those of the wheels for every supported
Python on the platform that this runs on.
"""

import argparse
import json
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

PYTHONS = ("3.11", "3.12", "3.13", "3.14")


def report_of(python: str, *what: str) -> dict[str, Any]:
    """Return pip's report of what it would install for this Python, where all is wheels."""
    with TemporaryDirectory() as folder:
        out = Path(folder) / "report.json"
        argv = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run"]
        argv += ["--ignore-installed", "--target", folder, "--only-binary", ":all:"]
        argv += ["--python-version", python, "--report", str(out), *what]
        subprocess.run(argv, check=True)
        return json.loads(out.read_text())


def versions(report: dict[str, Any], wheel: str) -> dict[str, str]:
    """Return the version of every distribution but the wheel's own, by normalised name."""
    own = Path(wheel).name.split("-")[0]
    found = (item["metadata"] for item in report["install"])
    by_name = {_normalised(m["name"]): m["version"] for m in found}
    return {name: by_name[name] for name in sorted(by_name) if name != own}


def hashes(report: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the normalised name and the sha256 of every file that pip would install."""
    for item in report["install"]:
        name = _normalised(item["metadata"]["name"])
        yield name, item["download_info"]["archive_info"]["hashes"]["sha256"]


def _normalised(name: str) -> str:
    return re.sub("[-_.]+", "-", name).lower()


def requirements(pins: dict[str, str], reports: Iterable[dict[str, Any]]) -> str:
    """Return the text of the file: a version a distribution, and all its wheels' sha256."""
    sums: dict[str, set[str]] = {name: set() for name in pins}
    for report in reports:
        for name, digest in hashes(report):
            sums[name].add(digest)
    head = f"# Python {PYTHONS[0]} to {PYTHONS[-1]}, {sysconfig.get_platform()}\n"
    return head + "".join(
        " \\\n".join([f"{name}=={pins[name]}", *(f"    --hash=sha256:{s}" for s in sorted(found))])
        + "\n"
        for name, found in sums.items()
    )


def main() -> None:
    """Resolve once, then look up the same versions for each Python."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel")
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    pins = versions(report_of(PYTHONS[0], asked.wheel), asked.wheel)
    exact = ["--no-deps", *(f"{name}=={version}" for name, version in pins.items())]
    asked.out.write_text(requirements(pins, [report_of(python, *exact) for python in PYTHONS]))


if __name__ == "__main__":
    main()
