"""Take the picture of docs/report.md, docs/images/report.png, from a finished run of the demo.

    make demo
    .venv/bin/python scripts/take_report_picture.py runs/demo

It needs Chromium; options name its program and another file.
"""

import argparse
import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

OUT = Path(__file__).parents[1] / "docs/images/report.png"
SIZE = {"width": 1180, "height": 900}
CHOICES = {"#choose-less": "mean", "#choose-second": "gbmm-d", "#choose-colour": "half"}


def main() -> None:
    """Open the report, choose what tells something at once, and keep what is seen."""
    parser = argparse.ArgumentParser(description="Take the picture of the report.")
    parser.add_argument("folder", type=Path, help="folder with a report.html")
    parser.add_argument("--chromium", default=shutil.which("chromium"), help="its program")
    parser.add_argument("--out", type=Path, default=OUT, help="default docs/images/report.png")
    asked = parser.parse_args()
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=asked.chromium)
        page = browser.new_page(viewport=SIZE)  # pyright: ignore[reportArgumentType]
        page.goto((asked.folder / "report.html").resolve().as_uri())
        page.wait_for_selector("html[data-ready]", state="attached")
        for choice, value in CHOICES.items():
            page.select_option(choice, value)
        page.evaluate("document.querySelector('#explorer').scrollIntoView()")
        page.screenshot(path=asked.out)
        browser.close()
    print(f"the report of {asked.folder} in {asked.out}")


if __name__ == "__main__":
    main()
