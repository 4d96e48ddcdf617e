# ruff: noqa: INP001 - a script
"""Refresh what the documents show of a demo run: the picture `docs/demo.svg`, and the payload in `README.md`.

The keys of the payload are those that the README's block has already; only their values are renewed. A test fails
when they are stale. Run: `python docs/from_demo.py`; it takes as long as the demo.
"""

from __future__ import annotations

import io
import json
import os
import re
import tempfile
from pathlib import Path
from unittest import mock

from rich.console import CONSOLE_SVG_FORMAT, Console

from llm_telemetry.demo import run

ROOT = Path(__file__).parent.parent
STEP = 3
"""The step that the README shows."""
DIGITS = 6
"""Decimals of the values in the README."""
_BLOCK = re.compile(r"(?<=```json\n)\{.*?\}(?=\n```)", re.DOTALL)
_FONTS = re.compile(r"@font-face \{\{.*?\}\}\s*", re.DOTALL)


def payload_in(readme: str) -> dict[str, float]:
    """Return the payload that is printed in the README."""
    found = _BLOCK.search(readme)
    assert found is not None, "README.md has no ```json block"
    payload: dict[str, float] = json.loads(found[0])
    return payload


def with_payload(readme: str, values: dict[str, float]) -> str:
    """Return the README with the values of this payload in the place of its own."""
    shown = {key: round(values[key], DIGITS) for key in payload_in(readme)}
    return _BLOCK.sub(lambda _: json.dumps(shown, indent=2), readme, count=1)


def main() -> None:
    """Run the demo in a folder that is thrown away; keep its picture and one payload."""
    console = Console(record=True, width=96, file=io.StringIO())
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(run, "Console", return_value=console):
        os.chdir(folder)
        run.run_demo(steps=12, seed=0)
        lines = [json.loads(line) for path in Path().rglob("*.jsonl") for line in path.read_text().splitlines()]
        os.chdir(ROOT)
    # A picture in a README may not load fonts from elsewhere; any monospace font will do.
    picture = console.export_svg(title="make demo", code_format=_FONTS.sub("", CONSOLE_SVG_FORMAT))
    (ROOT / "docs" / "demo.svg").write_text(picture, encoding="utf-8")
    values = next(line["payload"] for line in lines if (line["step"], line["split"]) == (STEP, "train"))
    readme = ROOT / "README.md"
    readme.write_text(with_payload(readme.read_text(encoding="utf-8"), values), encoding="utf-8")


if __name__ == "__main__":
    main()
