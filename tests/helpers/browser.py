"""A page in headless Chromium, which must ask for nothing and complain of nothing."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)


@contextmanager
def browser() -> Iterator[Any]:
    """Chromium, or a skip with what is missing."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("there is no Chromium; Debian's package chromium has one")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM)
        yield chromium
        chromium.close()


@contextmanager
def opened(
    chromium: Any, path: Path, *, width: int = 1280, ready: str = "html[data-ready]", **context: Any
) -> Iterator[Any]:
    """A page of a file, `ready` to be used; fails on requests, errors and dialogs."""
    faults: list[str] = []
    with chromium.new_context(viewport={"width": width, "height": 900}, **context) as own:
        page = own.new_page()
        page.on("console", lambda said: faults.append(f"{said.type}: {said.text}"))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("dialog", lambda dialog: (faults.append("dialog"), dialog.dismiss()))
        page.on("request", lambda asked: _note(faults, asked.url))
        page.goto(path.as_uri())
        if context.get("java_script_enabled", True):
            page.wait_for_selector(ready, state="attached", timeout=20_000)
        yield page
    assert faults == [], faults


def _note(faults: list[str], url: str) -> None:
    if not url.startswith(("file:", "blob:", "data:")):
        faults.append(f"request of {url}")
