# ruff: noqa: INP001 - a script
"""Take the pictures of the report that the README shows, light and dark: `make screenshots`.

The page is that of the demo's run, made anew; the browser is Debian's chromium, driven by Playwright's package.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

DOCS = Path(__file__).parent
STEPS, SEED = 40, 5
SIZE = {"width": 1080, "height": 1230}
COLOURS = 192
"""Of the pictures, the most distant ones: lines keep their colours, and the files are less than half as large."""


def main() -> None:
    """Train, open the report in both themes, and take what is at its top."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(  # noqa: S603 - the demo
            [sys.executable, "-m", "llm_telemetry", "demo", "--steps", str(STEPS), "--seed", str(SEED)],
            cwd=folder, check=True, env={**os.environ, "WANDB_MODE": "offline"}, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        (page_file,) = Path(folder).glob("wandb/offline-run-*/*.html")
        take(page_file)


def take(page_file: Path) -> None:
    """Take a page from its top to the end of what it says of the judge, in both themes."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for scheme in ("light", "dark"):
            page = browser.new_page(viewport=SIZE, color_scheme=scheme)
            page.goto(page_file.as_uri())
            page.locator(".area").first.hover()
            judge = page.locator("[data-section=judge]").bounding_box()
            whole = {"x": 0, "y": 0, "width": SIZE["width"], "height": judge["y"] + judge["height"] + 16}
            taken = Image.open(BytesIO(page.screenshot(full_page=True, clip=whole)))
            few = taken.convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
            few.save(DOCS / f"report-{scheme}.png", optimize=True)
        browser.close()


if __name__ == "__main__":
    main()
